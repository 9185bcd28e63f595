"""GBDA: gradients against automatic ones, texts against their tokens, and the laws of the engine."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.outcomes import Example, Finished, Outcome, Status, Tick
from attacks.questions import Relax, Relaxation
from attacks.text import Text
from attacks.victims import equipped
from attacks.victims.embedding import called_embedding
from attacks.victims.function import FunctionVictim
from attacks.victims.gumbel import Distribution
from attacks.victims.huggingface import HuggingFaceVictim
from attacks.victims.soft_loss import Loss
from attacks.victims.soft_text import SoftText
from attacks.victims.spelling import Place, respelt, spelling
from attacks.victims.transformer import Encoding
from tests.attacks import families
from tests.attacks.test_first_order import KINDS, Slow, victim
from tests.attacks.test_universal import planted
from tests.harness import tiny

TEXT = "the film was good and the plot is a warm one"
QUICK = Relaxation(iterations=12, batch=4, samples=20)


def relax(text: str = TEXT, label: int = 1, how: Relaxation = QUICK, **other: Any) -> Relax:
    return Relax((text,), label, other.pop("rise", True), other.pop("frozen", ()), 3, how)


def language_model() -> Any:
    """An untrained causal language model with the tiny tokenizer's tokens."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(1)
    return LlamaForCausalLM(tiny.HEADS["llama"]()).eval()


def soft(model: Any, free: list[int], vocabulary: list[int]) -> SoftText:
    ids = tuple(tiny.tokenizer()(TEXT)["input_ids"])
    return SoftText(model, Encoding(ids, None), free, vocabulary, kinds=False)


def states(output: Any) -> torch.Tensor:
    found: torch.Tensor = (getattr(output, "encoder_hidden_states", None) or output.hidden_states)[
        -1
    ]
    return found


def by_definition(
    model: Any, reader: Any, item: SoftText, mixtures: torch.Tensor, how: Relaxation, rise: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean lead of the wrong label, and the loss as the paper writes it, for automatic gradients."""

    def embedded(network: Any) -> torch.Tensor:
        table = called_embedding(network).forward(item.vocabulary.unsqueeze(0))[0].detach()
        whole = called_embedding(network).forward(item.ids.unsqueeze(0)).detach()
        whole = whole.repeat(len(mixtures), 1, 1)
        whole[:, item.free] = mixtures @ table
        return whole

    output = model(inputs_embeds=embedded(model), output_hidden_states=True)
    logits = output.logits
    leads = (logits[:, 0] - logits[:, 1]) * (1 if rise else -1)
    loss = torch.relu(how.margin - leads).mean()
    compared = reader or model
    if reader is not None:
        output = reader(inputs_embeds=embedded(reader), output_hidden_states=True)
    with torch.no_grad():
        original = states(compared(input_ids=item.ids.unsqueeze(0), output_hidden_states=True))[
            0, 1:-1
        ]
    cosines = torch.cosine_similarity(
        original[None, :, None], states(output)[:, None, 1:-1], dim=-1
    )
    loss = loss + how.similarity * (1 - cosines.max(2).values.mean(1)).mean()
    if reader is not None:
        one_hot = torch.nn.functional.one_hot(item.ids, output.logits.shape[2]).float()
        tokens = one_hot.repeat(len(mixtures), 1, 1)
        spread = torch.zeros(len(item.vocabulary), tokens.shape[2])
        spread[torch.arange(len(item.vocabulary)), item.vocabulary] = 1.0
        tokens[:, item.free] = mixtures @ spread
        said = output.logits[:, :-1].log_softmax(-1)
        loss = loss - how.fluency * (tokens[:, 1:] * said).sum(-1).mean()
    return leads.mean(), loss


@pytest.mark.smoke
@pytest.mark.parametrize("rise", [True, False])
@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("t5", "bart")])
def test_the_gradient_is_that_of_the_papers_loss(kind: str, read: bool, rise: bool) -> None:
    model = tiny.classifier(kind, dropout=0.0).eval()
    reader = language_model() if read else None
    free, vocabulary = [1, 2, 4, 7], list(range(5, 40))
    item = soft(model, free, vocabulary)
    how = Relaxation(similarity=0.7, fluency=0.3)
    count = len(item.ids) - 2
    loss = Loss(
        relax(how=how, rise=rise),
        item,
        None if reader is None else soft(reader, free, vocabulary),
        range(1, count + 1),
        [1 / count] * count,
    )
    torch.manual_seed(2)
    mixtures = torch.softmax(torch.randn(3, len(free), len(vocabulary)), -1).requires_grad_()
    lead, value = by_definition(model, reader, item, mixtures, how, rise)
    (expected,) = torch.autograd.grad(value, mixtures)
    found, gradient = loss.gradient(mixtures.detach())
    assert found == pytest.approx(float(lead.detach()), rel=1e-4, abs=1e-5)
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=2e-5)
    assert expected.abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["bart", *(["t5"] if not tiny.embeds_twice("t5") else [])])
def test_encoder_decoders_are_fitted(kind: str) -> None:
    model = victim(tiny.classifier(kind, dropout=0.0).eval(), "roberta").relaxed()
    model._tokenizer = tiny.tokenizer()
    (found,) = model.run(model.encode([relax()]))
    assert found.margins[-1] > found.margins[0]


def test_a_step_is_adams_along_the_gradient_at_theta() -> None:
    how = Relaxation(batch=3, coefficient=2.0, temperature=0.7, rate=0.1)
    own = torch.tensor([4, 0])
    drawn, twin = Distribution(own, 6, how, seed=5), Distribution(own, 6, how, seed=5)
    theta = drawn.theta.clone().requires_grad_()
    torch.manual_seed(0)
    direction = torch.randn(3, 2, 6)
    noise = torch.stack([twin._noise() for _ in range(3)])
    mixtures = torch.softmax((theta + noise) / how.temperature, -1)
    adam = torch.optim.Adam([theta], lr=how.rate)
    (mixtures * direction).sum().backward()
    adam.step()
    soft_texts = drawn.mixtures()
    torch.testing.assert_close(soft_texts, mixtures.detach())
    drawn.step(soft_texts, direction)
    torch.testing.assert_close(drawn.theta, theta.detach())


def test_samples_come_as_often_as_theta_says() -> None:
    drawn = Distribution(torch.tensor([1]), 4, Relaxation(coefficient=1.5), seed=0)
    counts = np.bincount([drawn.sample()[0] for _ in range(4000)], minlength=4) / 4000
    expected = torch.softmax(torch.tensor([0.0, 1.5, 0.0, 0.0]), 0).numpy()
    np.testing.assert_allclose(counts, expected, atol=0.03)


@pytest.mark.parametrize("family", ["WordPiece, real", "byte-level (GPT-2)", "Unigram (XLM-R)"])
def test_words_in_the_place_of_words_are_read_as_they_were_drawn(family: str) -> None:
    """Tokens that are whole words, exchanged for others: tokenizing what is written gives their ids."""
    tokenizer = families.tokenizer(family)
    known = spelling(tokenizer)
    words = [
        n
        for n, (t, s) in enumerate(zip(known.texts, known.starts, strict=True))
        if s and t.isalpha()
    ]
    chooser, exchanged = random.Random(0), 0
    for text in families.snippets()[:60]:
        places, new, wanted = _whole_words(tokenizer, text, known)
        for number, (_, position) in enumerate(places):
            if chooser.random() < 0.4:
                drawn = chooser.choice(words)
                new[number] = (known.texts[drawn], known.starts[drawn])
                wanted[position] = known.ids[drawn]
                exchanged += 1
        (written,) = respelt((text,), [place for place, _ in places], new, known.marked)
        assert tokenizer(written)["input_ids"] == wanted, (text, written)
    assert exchanged > 100


def _whole_words(
    tokenizer: Any, text: str, known: Any
) -> tuple[list[tuple[Place, int]], list[tuple[str, bool] | None], list[int]]:
    """Places of tokens that are words between two spaces, nothing replaced, and all ids."""
    encoded = tokenizer(text, return_offsets_mapping=True)
    begins, places = dict(zip(known.ids, known.starts, strict=True)), []
    for position, (token, (start, end)) in enumerate(
        zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ):
        start += len(text[start:end]) - len(text[start:end].lstrip())
        before, after = text[start - 1 : start], text[end : end + 1]
        if begins.get(token) and before.isspace() and after == " " and text[start:end].isalpha():
            places.append((Place(0, start, end, True), position))
    return places, [None] * len(places), list(encoded["input_ids"])


@settings(deadline=None)
@given(text=st.text(max_size=40))
@pytest.mark.parametrize("family", ["WordPiece, real", "byte-level (GPT-2)", "Unigram (XLM-R)"])
def test_nothing_replaced_is_the_text_itself(family: str, text: str) -> None:
    white = HuggingFaceVictim(
        tiny.classifier(), families.tokenizer(family), ("no", "yes"), fingerprint="", max_length=32
    ).relaxed()
    (item,) = white.encode([relax(text)])
    assert white._text(item, item.own) == (text,)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({1: ("plot", True)}, "a plot, b-c"),
        ({1: ("s", False)}, "as, b-c"),
        ({2: ("of", True)}, "a film of b-c"),
        ({4: ("of", True)}, "a film, b of c"),
        ({4: ("x", False)}, "a film, bx c"),
        ({1: ("x", False), 2: ("y", False)}, "axy b-c"),
        ({0: ("x", False)}, "x film, b-c"),
    ],
)
def test_spaces_are_put_where_words_would_run_together(
    new: dict[int, tuple[str, bool]], expected: str
) -> None:
    spans = [(0, 1), (2, 6), (6, 7), (8, 9), (9, 10), (10, 11)]
    places = [Place(0, start, end, True) for start, end in spans]
    found = respelt(("a film, b-c",), places, [new.get(n) for n in range(len(places))], False)
    assert found == (expected,)


def test_frozen_fields_and_what_is_cut_off_stay() -> None:
    white = HuggingFaceVictim(
        planted(), tiny.tokenizer(), ("no", "yes"), fingerprint="", max_length=12
    ).relaxed()
    how = Relaxation(iterations=3, batch=2, coefficient=0.0, samples=10)
    pair = Relax(("the film was", "a warm plot is good bad the film"), 1, True, (0,), 3, how)
    (found,) = white.run(white.encode([pair]))
    assert len({text[1] for text in found.texts}) > 1
    for first, second in found.texts:
        assert first == "the film was"
        assert second.endswith(" the film")


def examples() -> list[Example]:
    rows = [e for e in tiny.examples(120, seed=8) if e.label == 0]
    return rows[:12]


@cache
def models() -> dict[str, Any]:
    return equipped(victim(planted()), {}, [recipe()])


def recipe(**other: Any) -> Any:
    return recipes.load(
        "gbda", **{"iterations": 12, "batch": 4, "samples": 20, "coefficient": 3.0, **other}
    )


def outcomes(jobs: list[Job], **config: int) -> dict[str, Outcome]:
    events = run(jobs, models(), EngineConfig(**config))
    return {e.outcome.example_id: e.outcome for e in events if isinstance(e, Finished)}


def test_outcomes_depend_on_nothing_but_the_example() -> None:
    jobs = [Job(e, recipe(), seed=2) for e in examples()]
    expected = outcomes(jobs)
    assert [o.status for o in expected.values()].count(Status.SUCCEEDED) >= 8
    for batch_size, window in [(1, 1), (3, 5), (256, 64)]:
        shuffled = random.Random(batch_size).sample(jobs, len(jobs))
        assert outcomes(shuffled, batch_size=batch_size, window=window) == expected
    other = outcomes([Job(e, recipe(), seed=3) for e in examples()])
    assert {k: o.perturbed for k, o in other.items()} != {
        k: o.perturbed for k, o in expected.items()
    }


def test_fitting_leads_to_the_goal() -> None:
    white = victim(planted()).relaxed()
    how = Relaxation(iterations=30, batch=5, samples=20)
    for rise, label in ((True, 0), (False, 1)):
        asked = relax("the film was bad and the movie is a dull one", label, how, rise=rise)
        (found,) = white.run(white.encode([asked]))
        assert found.margins[0] < 0 < found.margins[-1]
        read = victim(planted())
        rows = read.run(read.encode(list(found.texts)))
        assert (rows.argmax(1) == 1).mean() > 0.8


def test_similarity_keeps_more_of_the_text() -> None:
    white = victim(planted()).relaxed()
    kept = {}
    for weight in (0.0, 20.0):
        how = Relaxation(iterations=30, batch=5, similarity=weight, samples=20)
        (found,) = white.run(white.encode([relax("a bad film", 0, how)]))
        words = [set(text.split()) for (text,) in found.texts]
        kept[weight] = sum(len(w & {"a", "bad", "film"}) for w in words)
    assert kept[20.0] > kept[0.0]


PASSES = 12 * 4 + 1


@pytest.mark.parametrize("budget", [1, PASSES, PASSES + 1, PASSES + 2, PASSES + 5, None])
def test_the_budget_holds_and_soft_texts_are_counted(budget: int | None) -> None:
    jobs = [Job(e, recipe(), query_budget=budget) for e in examples()]
    events = list(run(jobs, models()))
    found = [e.outcome for e in events if isinstance(e, Finished)]
    attacked = [o for o in found if o.status is not Status.SKIPPED]
    assert attacked
    (last,) = [e for e in events if isinstance(e, Tick)][-1:]
    assert last.scored + last.cached == sum(o.queries for o in found)
    for outcome in attacked:
        assert outcome.unique_queries <= (budget or 10**6)
        if budget is not None and budget <= PASSES:
            assert (outcome.status, outcome.unique_queries) == (Status.OUT_OF_BUDGET, 1)
        else:
            assert outcome.unique_queries >= min(budget or 10**6, PASSES + 1)


def test_the_victim_runs_what_is_counted() -> None:
    model = planted()
    rows: list[int] = []
    handle = called_embedding(model).register_forward_hook(
        lambda module, arguments, output: rows.append(len(output))
    )
    try:
        white = victim(model).relaxed()
        white.run(white.encode([relax()]))
    finally:
        handle.remove()
    assert sum(rows) == QUICK.passes


def test_texts_without_words_are_left_alone() -> None:
    label = int(np.argmax(victim(planted()).run(victim(planted()).encode([("...",)]))[0]))
    (outcome,) = outcomes([Job(Example("odd", Text.of("..."), label), recipe())]).values()
    assert (outcome.status, outcome.unique_queries) == (Status.FAILED, 1)


def test_what_cannot_be_relaxed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = FunctionVictim(lambda texts: [[0.5, 0.5] for _ in texts], ("no", "yes"))
    with pytest.raises(AttackError, match="looks inside the model"):
        equipped(blind, {}, [recipe()])
    slow = HuggingFaceVictim(planted(), Slow(), ("no", "yes"), fingerprint="", max_length=9)
    with pytest.raises(AttackError, match="needs a fast tokenizer"):
        slow.relaxed().encode([relax()])
    small = language_model()
    small.config.vocab_size = 3
    with pytest.raises(AttackError, match="same tokens"):
        victim(planted()).relaxed(small)
    model = tiny.classifier().eval()
    once = model.forward
    monkeypatch.setattr(model, "forward", lambda **inputs: (once(**inputs), once(**inputs))[1])
    white = victim(model).relaxed()
    with pytest.raises(AttackError, match="once a pass"):
        white.run(white.encode([relax()]))


def test_weights_and_modes_are_left_as_they_were() -> None:
    model = tiny.classifier(dropout=0.5).train()
    white = victim(model).relaxed()
    first, second = (white.run(white.encode([relax()]))[0] for _ in range(2))
    assert first.texts == second.texts, "dropout is off"
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())

"""What looks inside a victim, where an adapter stays in it: its gradients, drafts and attributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.questions import Relaxation, Swaps
from attacks.text import Text
from attacks.victims import attributions, equipped
from attacks.victims.embedding import called_embedding
from attacks.victims.huggingface import HuggingFaceVictim
from attacks.victims.soft_text import SoftText
from attacks.victims.transformer import Encoding
from harness.training_plan import AdapterMethod
from tests.attacks.test_first_order import TEXT, measured, swaps
from tests.attacks.test_first_order import victim as victim_of
from tests.attacks.test_relaxed import relax
from tests.harness import tiny
from tests.harness.adapted import PROMPT, SMALL, WORKS, adapted

WORK = [w for w in WORKS if not tiny.embeds_twice(w[0]) and w[0] != "gpt2"]
TEXTS = [TEXT, "a dull film", "the plot was bad and it is a poor movie", "good"]


def white(method: AdapterMethod, kind: str = "bert") -> HuggingFaceVictim:
    return victim_of(adapted(kind, method, dropout=0.0), kind)


@pytest.mark.parametrize(("kind", "method"), WORK)
def test_the_estimate_is_the_slope_of_the_loss(kind: str, method: AdapterMethod) -> None:
    victim = white(method, kind)
    item = swaps(TEXT, ("film", ("movie", "plot")), ("good", ("bad",)), ("warm", ("dull", "fine")))
    first = victim.first_order()
    answer = first.run(first.encode([swaps("a film", ("film", ("plot",))), item]))[1]
    places = [(0, "movie"), (0, "plot"), (1, "bad"), (2, "dull"), (2, "fine")]
    expected = [measured(victim.model, kind, item, at, word, 1e-3) for at, word in places]
    assert np.abs(expected).max() > 1e-4
    largest = np.abs(expected).max()
    np.testing.assert_allclose(answer.gains, expected, rtol=0.03, atol=0.01 * largest)
    (logits,) = victim.run(victim.encode([item.strings]))
    np.testing.assert_array_equal(answer.logits, logits)


@pytest.mark.parametrize("method", SMALL)
def test_one_pass_answers_all_questions_about_a_text(method: AdapterMethod) -> None:
    victim = white(method)
    items: list[Swaps] = [swaps(TEXT, (word, ("bad", "plot"))) for word in ("film", "good", "warm")]
    draft, first = victim.gradient_draft(), victim.first_order()
    for ours, theirs in zip(
        draft.run(draft.encode(items)), first.run(first.encode(items)), strict=True
    ):
        np.testing.assert_allclose(ours.gains, theirs.gains, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", SMALL)
def test_a_rounded_draft_has_an_adapter_of_its_own(method: AdapterMethod) -> None:
    victim = white(method)
    exact = victim.run(victim.encode([(text,) for text in TEXTS]))
    draft = victim.rounded_draft()
    near = draft.run(draft.encode([(text,) for text in TEXTS]))
    assert 0 < np.abs(near - exact).max() < 0.2
    np.testing.assert_array_equal(victim.run(victim.encode([(text,) for text in TEXTS])), exact)


@pytest.mark.parametrize(("kind", "method"), WORK)
def test_answers_depend_on_no_batch(kind: str, method: AdapterMethod) -> None:
    victim = white(method, kind)
    encodings = victim.encode([(text,) for text in TEXTS])
    together = victim.run(encodings)
    for encoding, row in zip(encodings, together, strict=True):
        np.testing.assert_allclose(victim.run([encoding])[0], row, atol=1e-5)


@pytest.mark.parametrize(("kind", "method"), [w for w in WORK if w[0] in PROMPT])
def test_words_get_the_weight_that_the_model_gives_them(
    kind: str, method: AdapterMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("captum")
    monkeypatch.setattr(attributions, "STEPS", 200)
    victim = white(method, kind)
    if not hasattr(victim._tokenizer, "mask_token_id"):
        victim._tokenizer.mask_token_id = tiny.tokenizer().mask_token_id
    found = victim.attributions().attributed((TEXT,), 1)
    (row,) = victim.run(victim.encode([(TEXT,)]))
    assert found.logit == pytest.approx(float(row[1]), abs=1e-5)
    assert any(found.scores)
    assert sum(found.scores) + found.error == pytest.approx(found.logit - found.empty, abs=1e-5)
    assert abs(found.error) < 0.01 * sum(map(abs, found.scores)) + 1e-3


@pytest.mark.parametrize(("kind", "method"), [w for w in WORK if w[0] in PROMPT])
def test_mixtures_of_one_token_are_that_token(kind: str, method: AdapterMethod) -> None:
    """The pass over soft text, whose hidden states are compared with those of the text itself."""
    model = adapted(kind, method, dropout=0.0)
    ids = tuple(tiny.tokenizer()(TEXT)["input_ids"])
    soft = SoftText(
        model, Encoding(ids, None), [2, 4], list(range(len(tiny.VOCABULARY))), kinds=False
    )
    sharp = torch.zeros(2, 2, len(tiny.VOCABULARY))
    for place, position in enumerate((2, 4)):
        sharp[:, place, ids[position]] = 1.0
    output, vectors = soft.read(sharp)
    plain = soft.plain()
    torch.testing.assert_close(output.logits, plain.logits.expand(2, -1), atol=1e-5, rtol=1e-5)
    assert output.hidden_states[-1].shape[1] == len(ids)
    torch.testing.assert_close(
        output.hidden_states[-1][:1], plain.hidden_states[-1], atol=1e-5, rtol=1e-5
    )
    assert soft.gradient(output.logits[:, 0].sum(), vectors).abs().sum() > 0


def _told(outcomes: list[Outcome]) -> dict[str, Any]:
    return {outcome.example_id: (outcome.status, outcome.perturbed) for outcome in outcomes}


def attack(name: str, victim: Any, **options: Any) -> list[Outcome]:
    recipe = recipes.load(name, **options)
    examples = [
        Example(str(n), Text.of(text), int(row.argmax()))
        for n, (text, row) in enumerate(
            zip(TEXTS, victim.run(victim.encode([(text,) for text in TEXTS])), strict=True)
        )
    ]
    models = equipped(victim, {}, [recipe])
    jobs = [Job(example, recipe, seed=1) for example in examples]
    return [event.outcome for event in run(jobs, models) if isinstance(event, Finished)]


@pytest.mark.parametrize("method", SMALL)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("deepwordbug", {}),
        ("gbda", {"iterations": 8, "batch": 4, "samples": 8}),
        ("gradient-step", {"least": 1.0}),
    ],
)
def test_attacks_break_such_a_model(
    method: AdapterMethod, name: str, options: dict[str, Any]
) -> None:
    victim = HuggingFaceVictim(
        adapted("bert", method, dropout=0.0),
        tiny.tokenizer(),
        ("no", "yes"),
        fingerprint="t",
        max_length=32,
    )
    found = attack(name, victim, **options)
    assert len(found) == len(TEXTS)
    again = attack(name, victim, **options)
    assert _told(again) == _told(found)
    assert all(outcome.status != Status.ERRORED for outcome in found)
    assert all(weight.grad is None for weight in victim.model.parameters())
    assert not called_embedding(victim.model)._forward_hooks


def test_relaxed_questions_are_answered() -> None:
    for method in SMALL:
        fitted = white(method).relaxed()
        how = Relaxation(iterations=6, batch=2, samples=4)
        (answer,) = fitted.run(fitted.encode([relax(TEXT, how=how)]))
        assert len(answer.texts) == 4
        assert np.isfinite(answer.margins).all()

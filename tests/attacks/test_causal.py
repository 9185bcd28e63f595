"""Causal language models as victims: what they say of a target, and what their gradients propose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.engine.cache import Cache
from attacks.goals_written import Elicits
from attacks.questions import Continuation, Coordinates, Inputs, Respelling, TokenChoices, Written
from attacks.victims import causal
from attacks.victims.causal import HuggingFaceCausal
from attacks.victims.prompts import Prompts
from tests.attacks import language

STEM = "A warm and funny film about a family."
SUFFIX = " x x x x x x"
TARGET = " the plot is thin"
KINDS: dict[str, Callable[..., Any]] = {"gpt2": language.gpt2, "llama": language.llama}
TOKENIZERS = {"gpt2": language.byte_level, "llama": language.sentencepiece}


def victim(kind: str = "gpt2", **options: Any) -> HuggingFaceCausal:
    tokenizer = TOKENIZERS[kind]()
    return HuggingFaceCausal(KINDS[kind](tokenizer), tokenizer, fingerprint=kind, **options)


def target(kind: str) -> str:
    """A target that the tokenizer gives back: that of Llama has no space before a text."""
    return TARGET if kind == "gpt2" else TARGET.strip()


def questions(kind: str, count: int, stem: str = STEM) -> list[Continuation]:
    """As a search asks: suffixes of one prompt that differ in a token."""
    words = ["x"] * 6
    found = []
    for number in range(count):
        changed = [*words]
        changed[number % 6] = "abcdefgh"[number % 8]
        found.append(Continuation((f"{stem} {' '.join(changed)}",), target(kind), (stem,)))
    return found


def asked(model: HuggingFaceCausal, batch: Sequence[Continuation]) -> list[Written]:
    return model.run(model.encode(batch))


def judged(answers: Sequence[Written], kind: str) -> list[tuple[float, bool]]:
    return [Elicits().judge_written(answer, target(kind)) for answer in answers]


def widths(model: Any) -> list[tuple[int, ...]]:
    """The shapes of the inputs that a model is run on from now on."""
    seen: list[tuple[int, ...]] = []
    model.register_forward_pre_hook(
        lambda module, arguments, options: seen.append(tuple(options["input_ids"].shape)),
        with_kwargs=True,
    )
    return seen


@pytest.mark.smoke
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_is_minus_the_loss_of_transformers(kind: str, reuse: bool) -> None:
    model, tokenizer = KINDS[kind](TOKENIZERS[kind]()), TOKENIZERS[kind]()
    item = questions(kind, 1)[0]
    prompt = tokenizer(item.strings[0])["input_ids"]
    wanted = tokenizer(item.target, add_special_tokens=False)["input_ids"]
    labels = torch.tensor([[-100] * len(prompt) + wanted])
    loss = model(input_ids=torch.tensor([prompt + wanted]), labels=labels).loss
    (answer,) = asked(HuggingFaceCausal(model, tokenizer, fingerprint="", reuse=reuse), [item])
    assert answer.likelihood == pytest.approx(-loss.item(), abs=1e-5)
    assert len(wanted) > 2


@pytest.mark.smoke
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same_with_and_without_kept_prefixes(kind: str, chat: bool) -> None:
    batch = questions(kind, 12) + questions(kind, 3, stem="A film.")
    kept, whole = victim(kind, chat=chat), victim(kind, chat=chat, reuse=False)
    shapes, all_of_it = widths(kept._model), widths(whole._model)
    asked(kept, batch)  # the first time the two are compared
    del shapes[:]
    with_prefix, without = asked(kept, batch), asked(whole, batch)
    assert [w.text for w in with_prefix] == [w.text for w in without]
    assert judged(with_prefix, kind) == judged(without, kind)
    np.testing.assert_allclose(
        [w.likelihood for w in with_prefix], [w.likelihood for w in without], atol=2e-5
    )
    assert len({w.likelihood for w in with_prefix}) > 10
    # Fifteen prompts, of which the suffix alone was run, and what stands behind it in a chat.
    assert all(width <= 6 + 12 * chat + 9 for _, width in shapes)
    assert max(width for _, width in all_of_it) > 20


def test_a_prefix_is_run_once_whatever_is_asked() -> None:
    model = victim()
    stem = len(model.encode(questions("gpt2", 1))[0].stem)
    shapes = widths(model._model)
    for _ in range(4):
        asked(model, questions("gpt2", 8))
    assert shapes.count((1, stem)) == 1
    assert len(shapes) == 1 + 1 + 4, "the stem, the comparison, and four batches"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_depends_on_no_other_of_the_batch(kind: str) -> None:
    model = victim(kind)
    batch = [
        *questions(kind, 5),
        Continuation((STEM,), target(kind), (STEM,)),
        *questions(kind, 5, stem="The plot"),
        Continuation(("The plot x x",), target(kind)[:6], ("The plot",)),
    ]
    together, alone = asked(model, batch), [asked(model, [item])[0] for item in batch]
    backwards = asked(model, batch[::-1])[::-1]
    assert [w.text for w in together] == [w.text for w in alone] == [w.text for w in backwards]
    rounded = [[round(w.likelihood or 0, 4) for w in row] for row in (together, alone, backwards)]
    assert rounded[0] == rounded[1] == rounded[2]


@pytest.mark.smoke
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chat", [False, True])
def test_what_is_said_to_be_written_is_what_generate_writes(kind: str, chat: bool) -> None:
    tokenizer, model = TOKENIZERS[kind](), KINDS[kind](TOKENIZERS[kind]())
    writer = HuggingFaceCausal(model, tokenizer, fingerprint="", chat=chat)
    complete = 0
    for item in questions(kind, 8):
        if chat:
            message = [{"role": "user", "content": item.strings[0]}]
            ids = tokenizer.apply_chat_template(
                message, tokenize=True, add_generation_prompt=True, return_dict=True
            )["input_ids"]
        else:
            ids = tokenizer(item.strings[0])["input_ids"]
        written = language.greedy(model, tokenizer, ids, 12)
        assert written.startswith(asked(writer, [item])[0].text)
        assert not Elicits().judge_written(asked(writer, [item])[0], item.target)[1]
        for length in (1, 3, 8):
            wanted = Continuation(item.strings, written[:length], item.stem)
            try:
                (answer,) = asked(writer, [wanted])
            except ValueError:  # half a character, or a special token
                continue
            assert written.startswith(answer.text)
            complete += Elicits().judge_written(answer, wanted.target)[1]
    assert complete >= 6


def test_a_token_that_is_hardly_ahead_is_not_said_to_be_written() -> None:
    known = causal._known
    assert known((5, 6), (5, 6), (0.1, 0.1)) == (5, 6)
    assert known((5, 6), (4, 6), (0.1, 0.1)) == (4,), "behind the first that differs it is unknown"
    assert known((5, 6), (5, 6), (0.1, 0.00004)) == (5,)
    assert known((5, 6), (4, 6), (0.00004, 0.1)) == ()


def test_a_window_of_attention_is_run_whole() -> None:
    tokenizer = language.sentencepiece()
    model = language.mistral(tokenizer)
    shapes = widths(model)
    kept = HuggingFaceCausal(model, tokenizer, fingerprint="")
    answers = asked(kept, questions("llama", 6))
    whole = HuggingFaceCausal(model, tokenizer, fingerprint="", reuse=False)
    assert judged(answers, "llama") == judged(asked(whole, questions("llama", 6)), "llama")
    assert min(width for _, width in shapes) > 6


def test_a_model_that_goes_on_wrongly_is_run_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = victim()
    forward = model._model.forward

    def forgetful(**inputs: Any) -> Any:
        output = forward(**inputs)
        if inputs.get("past_key_values") is not None:
            output.logits = output.logits * 1.1
        return output

    monkeypatch.setattr(model._model, "forward", forgetful)
    right = asked(victim(reuse=False), questions("gpt2", 6))
    assert judged(asked(model, questions("gpt2", 6)), "gpt2") == judged(right, "gpt2")
    assert judged(asked(model, questions("gpt2", 6)), "gpt2") == judged(right, "gpt2")


@pytest.mark.parametrize(
    ("prompt", "reference", "message"),
    [
        ("", "x", "no token"),
        ("x " * 97, " the film", "the model takes 96 in all"),
        ("x", "", "cannot write it"),
        ("x", "¤", "cannot write it"),
    ],
)
def test_what_cannot_be_asked_is_told(prompt: str, reference: str, message: str) -> None:
    tokenizer = language.spaced(5) if reference == "¤" else language.byte_level()
    model = HuggingFaceCausal(
        language.gpt2(tokenizer), tokenizer, fingerprint="", max_length=96, chat=False
    )
    with pytest.raises(ValueError, match=message):
        model.encode([Continuation((prompt,), reference, (prompt,))])


# Gradients


def coordinates(kind: str, most: int, ascii_only: bool = True) -> Coordinates:
    (item,) = questions(kind, 1)
    return Coordinates(item.strings, item.target, item.stem, most, ascii_only)


@pytest.mark.smoke
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_choices_are_those_of_the_gradient_by_the_one_hot_matrix(kind: str, chat: bool) -> None:
    """Against the equation: the loss as a function of the one-hot rows of the suffix."""
    most = 40
    tokenizer, model = TOKENIZERS[kind](), KINDS[kind](TOKENIZERS[kind]())
    white = HuggingFaceCausal(model, tokenizer, fingerprint="", chat=chat).token_gradients()
    item = coordinates(kind, most)
    (answer,) = white.run(white.encode([item]))
    text = item.strings[0]
    if chat:
        text = f"<s>user: {text} assistant:"
    prompt = tokenizer(text, add_special_tokens=not chat)["input_ids"]
    wanted = tokenizer(item.target, add_special_tokens=False)["input_ids"]
    row = answer.ids.tolist()
    start = next(n for n in range(len(prompt)) if prompt[n : n + len(row)] == row)
    assert tokenizer.decode(row).strip() == "a x x x x x"
    table = model.get_input_embeddings().weight
    hot = torch.nn.functional.one_hot(torch.tensor(prompt + wanted), len(table)).float()
    hot.requires_grad_()
    logits = model(inputs_embeds=(hot @ table).unsqueeze(0)).logits[0]
    loss = -sum(
        torch.log_softmax(logits[len(prompt) + n - 1], 0)[token] for n, token in enumerate(wanted)
    ) / len(wanted)
    (gradient,) = torch.autograd.grad(loss, hot)
    slopes = -gradient[start : start + len(row)].double()
    allowed = [
        n
        for n in range(len(tokenizer))
        if n not in tokenizer.all_special_ids
        and tokenizer.decode([n]).isascii()
        and tokenizer.decode([n]).isprintable()
    ]
    assert answer.choices.shape == (len(row), most)
    step = float(slopes.abs().max()) * 1e-4
    for place, chosen in enumerate(answer.choices.tolist()):
        assert set(chosen) <= set(allowed)
        assert len(set(chosen)) == most
        line = slopes[place]
        bound = line[allowed].topk(most).values[-1]
        assert line[chosen].min() >= bound - step
        assert (line[chosen].diff() <= step).all(), "the best first"
        left_out = sorted(set(allowed) - set(chosen))
        assert line[left_out].max() <= bound + step


def test_tokens_that_are_no_ascii_are_proposed_on_request() -> None:
    white = victim().token_gradients()
    every = white.run(white.encode([coordinates("gpt2", 10**6, ascii_only=False)]))[0]
    plain = white.run(white.encode([coordinates("gpt2", 10**6)]))[0]
    tokenizer = language.byte_level()
    assert every.choices.shape[1] == len(tokenizer) - len(language.SPECIAL)
    assert 100 < plain.choices.shape[1] < every.choices.shape[1]


def test_a_gradient_has_the_same_bits_in_every_batch_and_leaves_the_model_alone() -> None:
    model = victim("llama")
    white = model.token_gradients()
    items = white.encode([coordinates("llama", 9), coordinates("llama", 5)])
    alone = [white.run([item])[0].choices.tolist() for item in items]
    assert [row.choices.tolist() for row in white.run(items)] == alone
    assert all(p.grad is None and p.requires_grad for p in model._model.parameters())


def test_what_a_gradient_says_is_not_kept() -> None:
    cache = Cache()
    cache.put(
        ("m", ("a",)), TokenChoices(np.zeros(2, dtype=np.int64), np.zeros((2, 9), dtype=np.int64))
    )
    assert len(cache) == 0
    cache.put(("m", ("a",)), Written("a", -1.0))
    assert len(cache) == 1


# Suffixes


def prompts(name: str, chat: bool) -> Prompts:
    return Prompts({**TOKENIZERS, "merging": language.merging}[name](), chat)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=40, deadline=None)
@given(
    stem=st.sampled_from(["", "A film.", "It ends in x", "Two ", "Grüße 🎈", "a\nb"]),
    data=st.data(),
)
def test_a_spelling_comes_back_when_the_whole_text_is_tokenized(
    name: str, chat: bool, stem: str, data: st.DataObject
) -> None:
    known = prompts(name, chat)
    space = " " if stem and not stem[-1].isspace() else ""
    strings: Inputs = (stem + space + "x x x x",)
    found = known.suffix(strings, (stem,))
    assert (*found.before, *found.ids, *found.after) == known.one(strings)
    assert strings[0].startswith(found.kept)
    assert found.kept.startswith(stem)
    assert len(found.ids) >= 3
    ids = st.integers(3, len(known.tokenizer) - 1)
    row = tuple(data.draw(st.lists(ids, min_size=len(found.ids), max_size=len(found.ids))))
    same, other = known.spelt(strings, found, [found.ids, row])
    assert same == strings
    if other is not None:
        assert other[0].startswith(found.kept)
        assert known.ids([other])[0] == (*found.before, *row, *found.after)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_most_suffixes_can_be_spelt_and_some_cannot(name: str) -> None:
    known = prompts(name, chat=False)
    strings = (STEM + SUFFIX,)
    found = known.suffix(strings, (STEM,))
    draw = np.random.default_rng(0)
    rows = [
        (*found.ids[:2], *map(int, pair), *found.ids[4:])
        for pair in draw.integers(3, len(known.tokenizer), (200, 2))
    ]
    texts = known.spelt(strings, found, rows)
    assert 20 < sum(text is not None for text in texts) < 200


def test_a_token_across_the_border_stays() -> None:
    known = prompts("merging", chat=False)
    strings = ("a story. x x x",)
    found = known.suffix(strings, ("a story.",))
    assert found.kept == "a story. x", "what the border runs through is kept"
    assert known.tokenizer.decode(list(found.ids)) == " x x"
    assert known.spelt(strings, found, [found.ids]) == [strings]


def test_a_suffix_stands_behind_any_field_of_a_prompt() -> None:
    known = prompts("gpt2", chat=False)
    found = known.suffix(("Be brief.", "A film. x x", "Now."), ("Be brief.", "A film.", "Now."))
    assert (found.field, found.kept) == (1, "A film.")
    (spelt,) = known.spelt(("Be brief.", "A film. x x", "Now."), found, [found.ids])
    assert spelt == ("Be brief.", "A film. x x", "Now.")


@pytest.mark.parametrize(
    ("strings", "stem"),
    [(("a",), ("a",)), (("b x",), ("a",)), (("a x", "b x"), ("a", "b")), (("a",), ("a x",))],
)
def test_what_is_no_suffix_is_an_error(strings: Inputs, stem: Inputs) -> None:
    with pytest.raises(ValueError, match="A suffix stands behind one field"):
        prompts("gpt2", chat=False).suffix(strings, stem)


def test_a_suffix_within_one_token_of_the_prompt_is_an_error() -> None:
    with pytest.raises(ValueError, match="Begin with another suffix"):
        prompts("merging", chat=False).suffix(("story. x",), ("story.",))


def test_a_spelling_is_answered_row_by_row() -> None:
    model = victim().spelling()
    known = prompts("gpt2", chat=False)
    ids = known.suffix((STEM + SUFFIX,), (STEM,)).ids
    film = known.tokenizer.convert_tokens_to_ids(["f", "il", "m"])
    rows = (ids, (*film, *ids[3:]))
    (answer,) = model.run(model.encode([Respelling((STEM + SUFFIX,), (STEM,), rows)]))
    assert answer.texts == ((STEM + SUFFIX,), None), "il and m make one token"

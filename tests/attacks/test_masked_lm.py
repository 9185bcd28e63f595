"""What a masked language model is asked and answers, and what attacks make of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.constraints import LikelyWord, NoRepeat, Stopwords
from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.outcomes import Example
from attacks.protocols import FLUENCY, MASKED_LM, Ask, Steps
from attacks.questions import Blank, Fit, Words
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.text import Candidate, Text
from attacks.transformations import MaskedWords
from attacks.transformations.masked_words import Where
from attacks.victims.masked_lm import MOST, HuggingFaceFluency, HuggingFaceMaskedLM
from harness.auxiliaries import LANGUAGE_MODEL
from harness.errors import HarnessError
from harness.other_models import load_masked_lm

REVIEW = "a warm and funny film with a charming cast"


@pytest.fixture(scope="module")
def fill() -> HuggingFaceMaskedLM:
    return load_masked_lm(LANGUAGE_MODEL)[0]


@pytest.fixture(scope="module")
def fit() -> HuggingFaceFluency:
    return load_masked_lm(LANGUAGE_MODEL)[1]


def words(model: HuggingFaceMaskedLM, *blanks: Blank) -> list[Words]:
    return model.run(model.encode(list(blanks)))


def nats(model: HuggingFaceFluency, *fits: Fit) -> list[float]:
    found: list[float] = model.run(model.encode(list(fits)))[:, 0].tolist()
    return found


def plainly(model: Any, text: str, word: str) -> float:
    """The log-probability of a word of one token at the mask, by transformers' own call."""
    tokenizer, network = model._tokenizer, model._model
    inputs = tokenizer(text.replace("_", tokenizer.mask_token), return_tensors="pt")
    (place,) = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0].tolist()
    with torch.no_grad():
        logits = network(**inputs).logits[0, place]
    (token,) = tokenizer(word, add_special_tokens=False)["input_ids"]
    return float(logits.log_softmax(-1)[token])


@pytest.mark.smoke
def test_words_are_ranked_by_their_probability_in_the_place(fill: HuggingFaceMaskedLM) -> None:
    (found,) = words(fill, Blank("a warm and ", " film with a charming cast"))
    assert len(found.words) == MOST == len(set(found.words))
    assert all(word.isalpha() and len(word) > 1 for word in found.words)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    for word, score in list(zip(found.words, found.scores.tolist(), strict=True))[:5]:
        text = "a warm and _ film with a charming cast"
        assert score == pytest.approx(plainly(fill, text, word), abs=1e-3)
    assert {"funny", "moving"} & set(found.words[:20])


def test_a_word_of_one_token_fits_as_well_as_it_fills(
    fill: HuggingFaceMaskedLM, fit: HuggingFaceFluency
) -> None:
    (found,) = words(fill, Blank("a warm and ", " film with a charming cast"))
    sides = ("a warm and ", " film with a charming cast")
    asked = nats(fit, *(Fit(*sides, word) for word in found.words[:8]))
    assert asked == pytest.approx(found.scores[:8].tolist(), abs=1e-3)


def test_a_word_of_several_tokens_is_less_likely_than_each_of_them(fit: HuggingFaceFluency) -> None:
    likely, unlikely, empty = nats(
        fit, Fit("a ", " film", "funny"), Fit("a ", " film", "zxqvw"), Fit("a ", " film", "")
    )
    assert unlikely < likely < 0 == empty


def test_the_word_is_read_where_it_may_be_seen(fill: HuggingFaceMaskedLM) -> None:
    masked, seen = words(
        fill, Blank("a warm and ", " film"), Blank("a warm and ", " film", "hilarious")
    )
    assert masked.words != seen.words
    assert masked.words[:3] != ("hilarious",)


def test_a_seen_word_of_several_tokens_is_answered_by_whole_words(
    fill: HuggingFaceMaskedLM,
) -> None:
    (found,) = words(fill, Blank("a ", " film", "unwatchable"))
    assert len(fill._tokenizer.tokenize("unwatchable")) > 1
    assert found.words
    assert all(word.isalpha() for word in found.words)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


@settings(max_examples=20, deadline=None)
@given(before=st.text(max_size=30), after=st.text(max_size=30), length=st.integers(0, 400))
def test_any_text_is_answered_within_the_window(
    before: str, after: str, length: int, fill: HuggingFaceMaskedLM, fit: HuggingFaceFluency
) -> None:
    sides = (before + " film" * length, after + " film" * length)
    (encoding,) = fill.encode([Blank(*sides)])
    assert len(encoding) <= 128
    (found,) = fill.run([encoding])
    assert len(found.words) == MOST
    assert math.isfinite(nats(fit, Fit(*sides, "good"))[0])


def test_answers_do_not_depend_on_the_batch(fill: HuggingFaceMaskedLM) -> None:
    texts = REVIEW.split()
    blanks = [
        Blank(" ".join(texts[:n]) + " ", " " + " ".join(texts[n + 1 :])) for n in range(len(texts))
    ]
    together = words(fill, *blanks, *blanks[::-1])
    for blank, found, again in zip(blanks, together, together[::-1], strict=False):
        (alone,) = words(fill, blank)
        assert alone.words == found.words == again.words


def test_a_model_without_a_mask_is_refused() -> None:
    with pytest.raises(HarnessError, match="weights are not in its files"):
        load_masked_lm("bundle:minilm-l6")


def test_a_slow_tokenizer_is_refused(fill: HuggingFaceMaskedLM) -> None:
    class Slow:
        pad_token_id, padding_side, mask_token = 0, "right", "[MASK]"

    slow = HuggingFaceMaskedLM(fill._model, Slow(), fingerprint="slow", max_length=16)
    with pytest.raises(AttackError, match="fast tokenizer"):
        slow.encode([Blank("a", "b")])


def proposed(
    part: MaskedWords, current: Candidate, index: int, answer: Sequence[tuple[str, float]]
) -> tuple[list[Blank], list[str]]:
    """What a part asks, and the texts that it makes of the answer."""
    steps = part.propose(current, index, np.random.default_rng(0))
    asked: list[Blank] = []
    reply: Any = None
    while True:
        try:
            ask = steps.send(reply)
        except StopIteration as end:
            made = [p if isinstance(p, Candidate) else current.replace(index, p) for p in end.value]
            return asked, [candidate.strings[0] for candidate in made]
        assert ask.model == MASKED_LM
        asked += ask.inputs
        names, scores = zip(*answer, strict=True)
        reply = [Words(names, np.log(np.array(scores, dtype=np.float32)))]


ANSWER = [("Fine", 0.5), ("good", 0.2), ("bad", 0.1)]


@pytest.mark.parametrize(
    ("where", "blank", "texts"),
    [
        ("replace", Blank("A ", " film today"), ["A Good film today", "A Bad film today"]),
        # "Fine" itself is not put in a second time.
        ("left", Blank("A ", " Fine film today"), ["A good Fine film today"]),
        ("right", Blank("A Fine ", " film today"), ["A Fine good film today"]),
        ("merge", Blank("A ", " today"), ["A Good today", "A Bad today"]),
    ],
)
def test_where_words_are_put(where: Where, blank: Blank, texts: list[str]) -> None:
    current = Text.of("A Fine film today").candidate
    asked, made = proposed(MaskedWords(where), current, 1, ANSWER)
    assert asked == [blank]
    assert made[: len(texts)] == texts


def test_proposals_are_cut_by_number_and_probability() -> None:
    current = Text.of("a warm film").candidate
    assert len(proposed(MaskedWords(most=2), current, 1, ANSWER)[1]) == 2
    assert len(proposed(MaskedWords(least=0.15), current, 1, ANSWER)[1]) == 2
    ((blank,), _) = proposed(MaskedWords(seen=True), current, 1, ANSWER)
    assert blank.seen == "warm"


def test_words_are_merged_where_their_parts_of_speech_allow_it_and_nothing_was_changed() -> None:
    current = Text.of("the fine film is here").candidate
    assert proposed(MaskedWords("merge"), current, 1, ANSWER)[1]
    for text, index in ((current, 0), (current, 4), (current.replace(2, "plot"), 1)):
        assert proposed(MaskedWords("merge"), text, index, ANSWER) == ([], [])


def test_the_place_is_that_of_the_text_as_it_stands() -> None:
    current = Text.of("a warm and funny film").candidate.replace(1, "very warm").replace(2, "")
    ((blank,), _) = proposed(MaskedWords(), current, 3, ANSWER)
    assert blank == Blank("a very warm ", " film")


def kept(
    constraint: LikelyWord, candidates: Sequence[Candidate], previous: Candidate
) -> tuple[list[Fit], list[bool]]:
    """What a constraint asks and lets pass, where a word is the likelier the longer it is."""
    steps: Steps[Sequence[bool]] = constraint.filter(candidates, previous)
    asked: list[Fit] = []
    reply: Any = None
    while True:
        try:
            ask: Ask = steps.send(reply)
        except StopIteration as end:
            return asked, list(end.value)
        assert ask.model == FLUENCY
        asked += ask.inputs
        reply = np.array([[float(len(item.word))] for item in ask.inputs], dtype=np.float32)


def test_the_likeliest_of_each_word_are_kept_the_earlier_of_equals() -> None:
    text = Text.of("a warm film").candidate
    candidates = [text.replace(1, w) for w in ("good", "fine", "splendid")] + [text.replace(2, "x")]
    assert kept(LikelyWord(most=2), candidates, text)[1] == [True, False, True, True]


@pytest.mark.parametrize(("reference", "passes"), [("original", False), ("previous", True)])
def test_a_word_may_not_be_much_less_likely_than_the_one_before(
    reference: Any, passes: bool
) -> None:
    text = Text.of("a splendid film").candidate
    once = text.replace(1, "warm")
    asked, found = kept(LikelyWord(drop=2.0, reference=reference), [once.replace(1, "dry")], once)
    assert found == [passes]
    assert Fit("a ", " film", "dry") in asked


def test_insertions_and_mergers_are_not_asked_about() -> None:
    text = Text.of("a warm film here").candidate
    candidates = [text.replace(1, "very warm"), text.replace(1, "x").replace(2, "")]
    assert kept(LikelyWord(most=1, drop=0.0), candidates, text) == ([], [True, True])


class Merging:
    """Merges every word with the next."""

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Candidate]]:
        yield from ()
        if index + 1 == len(current.origin.words):
            return []
        return [current.replace(index, "both").replace(index + 1, "")]


def test_a_merger_takes_no_word_that_is_protected_or_frozen() -> None:
    recipe = Recipe(
        "m", "word", "a test", Untargeted(), Merging(), Beam(), (Stopwords(), NoRepeat())
    )
    text = Text.of({"premise": "a film", "text": "really not good fun film"}, frozen=["premise"])
    attempt = Attempt(Example("x", text, 1), recipe, seed=0)

    def merged(current: Candidate) -> list[str]:
        found = []
        for index in attempt.editable(current):
            steps = attempt.propose(current, index)
            with pytest.raises(StopIteration) as end:
                next(steps)
            found += [candidate.strings[1] for candidate in end.value.value]
        return found

    # "really" stays: with it would go "not", a stop word.
    assert merged(text.candidate) == ["really not both film", "really not good both"]
    assert merged(text.candidate.replace(5, "joy")) == [], "what was changed is not merged"

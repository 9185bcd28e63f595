"""Protections and constraints, each against a slow or a known answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.constraints import (
    EditDistance,
    EmbeddingCosine,
    MaxWordsChanged,
    MinWordLength,
    NoRepeat,
    SamePartOfSpeech,
    SentenceSimilarity,
    Stopwords,
)
from attacks.constraints.changes import excerpt
from attacks.constraints.edit_distance import levenshtein
from attacks.errors import AttackError
from attacks.protocols import Ask, Constraint, ModelConstraint
from attacks.questions import Inputs
from attacks.text import Candidate, Text, changed_between

FILM = Text.of("The fine film has a fine plot").candidate
small = st.text(alphabet="abé ", max_size=14)


def table_distance(a: str, b: str) -> int:
    """Wagner and Fischer's table."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


@given(small, small)
def test_levenshtein_is_the_table_s(a: str, b: str) -> None:
    assert levenshtein(a, b) == table_distance(a, b)


@given(st.text(max_size=90), st.text(max_size=90), st.text(max_size=90))
def test_levenshtein_is_a_metric(a: str, b: str, c: str) -> None:
    assert levenshtein(a, b) == levenshtein(b, a) >= abs(len(a) - len(b))
    assert levenshtein(a, c) <= levenshtein(a, b) + levenshtein(b, c)
    assert (levenshtein(a, b) == 0) == (a == b)


@given(st.dictionaries(st.integers(0, 6), st.text("finelm", max_size=8)), st.integers(0, 12))
def test_edit_distance_is_over_the_whole_text(edits: dict[int, str], most: int) -> None:
    candidate = FILM
    for index, replacement in edits.items():
        candidate = candidate.replace(index, replacement)
    distance = table_distance(FILM.strings[0], candidate.strings[0])
    assert EditDistance(most).allows(candidate, FILM) == (distance <= most)


def test_distances_of_fields_add_up() -> None:
    start = Text.of({"a": "one", "b": "two"}).candidate
    candidate = start.replace(0, "ona").replace(1, "twa")
    assert EditDistance(2).allows(candidate, start)
    assert not EditDistance(1).allows(candidate, start)


def test_protections() -> None:
    text = Text.of("The plot didn’t work on me").candidate
    free = [i for i in range(len(text.words)) if Stopwords("nltk").allows(text, i)]
    assert [text.words[i] for i in free] == ["plot", "work"]
    long = [text.words[i] for i in range(len(text.words)) if MinWordLength(4).allows(text, i)]
    assert long == ["plot", "didn’t", "work"]
    changed = text.replace(1, "story")
    assert [i for i in range(len(text.words)) if not NoRepeat().allows(changed, i)] == [1]


def test_an_unknown_list_of_stop_words_is_refused_at_once() -> None:
    with pytest.raises(AttackError, match="no list of stop words"):
        Stopwords("english")


def test_part_of_speech() -> None:
    for noun_for_verb in (False, True):
        constraint = SamePartOfSpeech(nouns_for_verbs=noun_for_verb)
        assert constraint.allows(FILM.replace(2, "movie"), FILM)
        assert not constraint.allows(FILM.replace(2, "quickly"), FILM)
        assert constraint.allows(FILM.replace(1, "good"), FILM)
        assert not constraint.allows(FILM.replace(1, ""), FILM)
    start = Text.of("they loved it").candidate
    assert SamePartOfSpeech(nouns_for_verbs=True).allows(start.replace(1, "kindness"), start)
    assert not SamePartOfSpeech().allows(start.replace(1, "kindness"), start)


def test_only_the_word_just_changed_is_judged() -> None:
    before = FILM.replace(2, "quickly")
    assert SamePartOfSpeech().allows(before.replace(6, "story"), before)
    far = FILM.replace(2, "volcanic")
    assert EmbeddingCosine(0.7).allows(far.replace(6, "plots"), far)


def test_embedding_cosine() -> None:
    assert EmbeddingCosine(0.7).allows(FILM.replace(2, "Movie"), FILM)
    assert not EmbeddingCosine(0.7).allows(FILM.replace(2, "volcanic"), FILM)
    assert EmbeddingCosine(0.7).allows(FILM.replace(2, "flimm"), FILM), "unknown words pass"
    for least in (0.3, 1.1):
        with pytest.raises(AttackError, match=r"from 0\.4 to 1"):
            EmbeddingCosine(least)


def test_a_word_that_changes_again_may_drift_where_the_one_before_counts() -> None:
    once, twice = (FILM.replace(2, word) for word in ("cinema", "theaters"))
    assert EmbeddingCosine(0.7).allows(once, FILM)
    assert not EmbeddingCosine(0.7).allows(twice, once)
    assert EmbeddingCosine(0.7, reference="previous").allows(twice, once)


@pytest.mark.parametrize(
    ("words", "share", "at_least", "allowed"),
    [(30, 0.1, 0, 3), (31, 0.1, 0, 4), (5, 0.1, 4, 4), (10, 0.0, 0, 0), (10, 1.0, 0, 10)],
)
def test_share_of_words(words: int, share: float, at_least: int, allowed: int) -> None:
    start = Text.of(" ".join(f"w{i}" for i in range(words))).candidate
    constraint = MaxWordsChanged(share, at_least)
    candidate, fits = start, 0
    for index in range(words):
        candidate = candidate.replace(index, "x")
        fits += constraint.allows(candidate, start)
    assert fits == allowed


def test_a_share_outside_0_to_1_is_refused() -> None:
    with pytest.raises(AttackError, match="between 0 and 1"):
        MaxWordsChanged(1.5)


def test_changed_between() -> None:
    one = FILM.replace(1, "good").replace(2, "movie")
    assert changed_between(one, FILM) == changed_between(FILM, one) == (1, 2)
    assert changed_between(one.replace(1, "nice"), one) == (1,)
    assert changed_between(one, one) == ()


@pytest.mark.parametrize(
    ("index", "size", "expected"),
    [
        (0, 3, "The fine film"),
        (3, 3, "film has a"),
        (6, 3, "a fine plot"),
        (3, 1, "has"),
        (3, 4, "film has a fine"),
        (3, 99, "The fine film has a fine plot"),
    ],
)
def test_windows(index: int, size: int, expected: str) -> None:
    assert excerpt(FILM, index, size) == expected


@given(
    st.lists(st.sampled_from(["a", "bb", "c-d", "it's"]), min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 11), st.sampled_from(["", "x", "yy"])),
    st.integers(0, 11),
)
def test_a_window_over_all_is_the_whole_field(
    words: list[str], edits: dict[int, str], index: int
) -> None:
    candidate = Text.of({"other": "not this", "text": ", ".join(words)}).candidate
    for place, replacement in edits.items():
        if place < len(words):
            candidate = candidate.replace(2 + place, replacement)
    whole = candidate.strings[1]
    assert excerpt(candidate, 2 + index % len(words), 50).strip(", ") == whole.strip(", ")


# Sentence similarity ----------------------------------------------------------------------------------


def vector(text: str) -> list[float]:
    """A sentence vector whose angle with that of "good" is known: a degree for every "x" in it."""
    angle = np.deg2rad(text.count("x"))
    return [2 * float(np.cos(angle)), 2 * float(np.sin(angle))]


def answer(
    constraint: SentenceSimilarity, candidates: Sequence[Candidate], previous: Candidate
) -> tuple[list[bool], tuple[Inputs, ...]]:
    """Run the constraint's generator against `vector`; also what it asked for."""
    steps = constraint.filter(candidates, previous)
    asked: tuple[Inputs, ...] = ()
    try:
        ask = next(steps)
        assert isinstance(ask, Ask)
        assert ask.model == "similarity"
        asked = ask.inputs
        rows = np.array([vector(" ".join(item)) for item in asked], dtype=np.float32)
        steps.send(rows)
    except StopIteration as stop:
        return list(stop.value), asked
    raise AssertionError("asked twice")


def similarity(least: float, **changes: object) -> SentenceSimilarity:
    settings = {"metric": "angular", "reference": "previous", "window": None, "skip_short": True}
    return SentenceSimilarity(least, **(settings | changes))  # type: ignore[arg-type]


def degrees(count: int) -> str:
    return "x" * count


@pytest.mark.parametrize("metric", ["angular", "cosine"])
@pytest.mark.parametrize("angle", [0, 20, 40])
def test_metrics_and_their_threshold(metric: str, angle: int) -> None:
    start = Text.of("good film").candidate
    candidate = start.replace(0, degrees(angle) or "fine")
    value = 1 - angle / 180 if metric == "angular" else float(np.cos(np.deg2rad(angle)))
    below, above = similarity(value - 1e-4, metric=metric), None
    assert answer(below, [candidate], start)[0] == [True]
    if angle:
        above = similarity(value + 1e-4, metric=metric)
        assert answer(above, [candidate], start)[0] == [False]


def test_textfooler_s_threshold_is_half_a_radian() -> None:
    start = Text.of("good film").candidate
    candidates = [start.replace(0, degrees(28)), start.replace(0, degrees(29))]
    # 0.5 radian are 28.6 degrees.
    assert answer(similarity(1 - 0.5 / np.pi), candidates, start)[0] == [True, False]


def test_reference_is_the_previous_or_the_original_text() -> None:
    start = Text.of("good film").candidate
    previous = start.replace(1, degrees(20))
    candidate = previous.replace(0, degrees(20))
    assert answer(similarity(1 - 25 / 180), [candidate], previous)[0] == [True]
    original = similarity(1 - 25 / 180, reference="original")
    assert answer(original, [candidate], previous)[0] == [False]


def test_the_reference_is_asked_once_for_a_whole_position() -> None:
    start = Text.of("good film").candidate
    candidates = [start.replace(0, word) for word in ("a", "b", "c", "a")]
    kept, asked = answer(similarity(0.5), candidates, start)
    assert kept == [True] * 4
    assert asked == (("good film",), ("a film",), ("b film",), ("c film",))


def test_a_window_is_compared_and_short_texts_are_skipped() -> None:
    start = Text.of("one two three four five").candidate
    candidate = start.replace(2, degrees(90))
    kept, asked = answer(similarity(0.9, window=3), [candidate], start)
    assert kept == [False]
    assert asked == (("two three four",), (f"two {degrees(90)} four",))
    kept, asked = answer(similarity(0.9, window=6), [candidate], start)
    assert (kept, asked) == ([True], ())
    kept, asked = answer(similarity(0.9, window=6, skip_short=False), [candidate], start)
    assert kept == [False]


def test_kinds_of_constraint_can_be_told_apart() -> None:
    assert isinstance(EditDistance(30), Constraint)
    assert not isinstance(EditDistance(30), ModelConstraint)
    assert isinstance(similarity(0.5), ModelConstraint)
    assert not isinstance(similarity(0.5), Constraint)


@pytest.mark.parametrize("wrong", [{"least": -0.1}, {"least": 1.1}, {"least": 0.5, "window": 0}])
def test_thresholds_off_the_scale_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AttackError):
        similarity(**wrong)

"""What every transformation may propose."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks import recipes
from attacks.constraints import Stopwords
from attacks.constraints.edit_distance import levenshtein
from attacks.errors import AttackError
from attacks.protocols import ModelTransformation, Transformation
from attacks.protocols import proposals as proposals_of
from attacks.questions import Words
from attacks.recipe import edits
from attacks.resources.lookalikes import homoglyphs, marked
from attacks.text import Candidate, Text
from attacks.transformations import (
    Composite,
    DeletedCharacter,
    DeleteLetter,
    EmbeddingNeighbours,
    Homoglyph,
    Homophones,
    InsertLetter,
    InvisibleCharacter,
    MarkedLetters,
    Misread,
    Misspellings,
    NeighbouringKey,
    OtherCase,
    OtherNumber,
    ReorderedCharacters,
    Sometimes,
    Sparing,
    SubstituteLetter,
    SwapAdjacent,
    VictimNeighbours,
    WordNetSynonyms,
)
from attacks.transformations.case import match_case

CHARACTERS = (SwapAdjacent(), SubstituteLetter(), DeleteLetter(), InsertLetter())
EVERY = (
    SwapAdjacent(every=True, keep_ends=True),
    SubstituteLetter(every=True, keep_ends=True),
    DeleteLetter(every=True, keep_ends=True),
    InsertLetter(every=True, keep_ends=True),
    NeighbouringKey(every=True, keep_ends=True),
)
ALL = (
    *CHARACTERS,
    *EVERY,
    NeighbouringKey(),
    Composite(CHARACTERS),
    Sometimes(Composite(CHARACTERS), 0.5),
    Composite(CHARACTERS * 3),
    EmbeddingNeighbours(),
    WordNetSynonyms(),
    Homoglyph(),
    Homoglyph(every=True),
    MarkedLetters(0.5, tries=3),
    InvisibleCharacter(),
    DeletedCharacter(),
    ReorderedCharacters(),
    Homophones(),
    Misread(),
    Misspellings(),
    OtherCase(),
    OtherNumber(),
)
words = st.text(alphabet=st.characters(categories=["L", "Nd"]), min_size=1, max_size=12)


def drain(
    part: Transformation | ModelTransformation,
    current: Candidate,
    index: int,
    rng: np.random.Generator,
    answers: dict[str, Words] | None = None,
) -> Sequence[str]:
    """What a part proposes, its questions about words answered from a table."""
    steps, answer = proposals_of(part, current, index, rng), None
    while True:
        try:
            ask = steps.send(answer)
        except StopIteration as end:
            return tuple(end.value)
        answer = [(answers or {})[word] for (word,) in ask.inputs]


def proposals(
    part: Transformation | ModelTransformation, text: str, index: int = 0, seed: int = 0
) -> Sequence[str]:
    return drain(part, Text.of(text).candidate, index, np.random.default_rng(seed))


@pytest.fixture(scope="module", autouse=True)
def tables() -> None:
    """Load every table before an example is timed: the first use of one takes up to a second."""
    for part in ALL:
        drain(part, Text.of("films").candidate, 0, np.random.default_rng(0))


@pytest.mark.parametrize("part", ALL, ids=lambda part: type(part).__name__)
@given(word=words, seed=st.integers(0, 2**32))
def test_neither_the_word_itself_nor_anything_twice(
    part: Transformation, word: str, seed: int
) -> None:
    text = Text.of(word)
    if not text.words:
        return
    found = drain(part, text.candidate, 0, np.random.default_rng(seed))
    assert text.words[0].string not in found
    assert len(found) == len(set(found))
    assert all(found)
    assert found == drain(part, text.candidate, 0, np.random.default_rng(seed))


@given(word=words, seed=st.integers(0, 2**32))
def test_character_edits_are_one_edit_each(word: str, seed: int) -> None:
    text = Text.of(word).candidate
    if text.words != (word,):
        return
    rng = np.random.default_rng(seed)
    swap, substitute, delete, insert = (part.replacements(text, 0, rng) for part in CHARACTERS)
    assert (
        all(sorted(r) == sorted(word) and levenshtein(word, r) == 2 for r in swap) or len(word) == 2
    )
    assert all(len(r) == len(word) and levenshtein(word, r) == 1 for r in substitute)
    assert all(len(r) == len(word) - 1 and levenshtein(word, r) == 1 for r in delete)
    assert all(len(r) == len(word) + 1 and levenshtein(word, r) == 1 for r in insert)
    assert all(len(found) == (len(word) > 1) for found in (substitute, delete, insert))


@pytest.mark.parametrize("part", EVERY, ids=lambda part: type(part).__name__)
@given(word=words, seed=st.integers(0, 2**32))
def test_the_ends_of_a_word_are_kept_and_all_places_tried(
    part: Transformation, word: str, seed: int
) -> None:
    text = Text.of(word).candidate
    if text.words != (word,):
        return
    found = part.replacements(text, 0, np.random.default_rng(seed))
    assert all(r[0] == word[0] and r[-1] == word[-1] for r in found)
    if isinstance(part, SubstituteLetter):
        assert len(found) == max(0, len(word) - 2)
    if isinstance(part, DeleteLetter):
        assert set(found) == {word[:i] + word[i + 1 :] for i in range(1, len(word) - 1)}


def test_words_of_one_letter_or_one_letter_repeated_have_no_swap() -> None:
    assert proposals(SwapAdjacent(), "a") == ()
    assert proposals(SwapAdjacent(), "aaa") == ()
    assert all(proposals(part, "a") == () for part in CHARACTERS)


def test_a_deleted_word_has_no_rewrites() -> None:
    deleted = Text.of("a fine film").candidate.replace(1, "")
    for part in ALL:
        assert not drain(part, deleted, 1, np.random.default_rng(0))


@dataclass(frozen=True)
class Fixed:
    strings: tuple[str, ...]

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        return self.strings


def test_a_composite_keeps_order_and_drops_repeats() -> None:
    part = Composite((Fixed(("b", "a")), Fixed(("a", "c"))))
    assert proposals(part, "x") == ("b", "a", "c")


def test_one_part_spares_what_the_others_do_not() -> None:
    part = Composite((Sparing(Fixed(("b",)), Stopwords()), Fixed(("c",))))
    assert proposals(part, "film") == ("b", "c")
    assert proposals(part, "The") == ("c",)


def test_what_is_spared_is_no_kind_of_edit() -> None:
    assert edits(recipes.load("clare").parameters()) == {"MaskedWords"}


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("They loved it", 1, "enjoyed"),
        ("We want to love it", 3, "enjoy"),
        ("The movies were long", 1, "films"),
        ("Movies were long", 0, "Films"),
        ("THE MOVIES WERE LONG", 1, "FILMS"),
        ("the children slept", 1, "kids"),
    ],
)
def test_synonyms_agree_with_the_word(text: str, index: int, expected: str) -> None:
    assert expected in proposals(WordNetSynonyms(), text, index)


def test_synonyms_are_those_of_the_part_of_speech() -> None:
    matched = proposals(WordNetSynonyms(), "a good film", 1)
    every = proposals(WordNetSynonyms(same_part_of_speech=False), "a good film", 1)
    assert "goodness" not in matched
    assert "goodness" in every
    assert set(matched) <= set(every)


def test_forms_of_be_and_unknown_words_have_no_synonyms() -> None:
    assert proposals(WordNetSynonyms(), "it was qwrtzp", 1) == ()
    assert proposals(WordNetSynonyms(), "it was qwrtzp", 2) == ()


def test_a_comparative_is_replaced_by_comparatives_alone() -> None:
    found = proposals(WordNetSynonyms(), "a funnier film", 1)
    assert found
    assert all(word.endswith("er") for word in found)


def test_neighbours_keep_capitals_and_their_order() -> None:
    near = proposals(EmbeddingNeighbours(), "movie")
    assert proposals(EmbeddingNeighbours(most=5), "movie") == near[:5]
    assert proposals(EmbeddingNeighbours(), "Movie") == tuple(w.capitalize() for w in near)
    assert proposals(EmbeddingNeighbours(), "MOVIE") == tuple(w.upper() for w in near)


@pytest.mark.parametrize("most", [0, 51])
def test_more_neighbours_than_the_table_holds_are_refused(most: int) -> None:
    with pytest.raises(AttackError, match="are 1 to 50"):
        EmbeddingNeighbours(most=most)


@pytest.mark.parametrize(
    ("replacement", "model", "expected"),
    [
        ("film", "movie", "film"),
        ("film", "Movie", "Film"),
        ("film", "MOVIE", "FILM"),
        ("we", "I", "We"),
        ("Paris", "city", "Paris"),
        ("film", "iMovie", "film"),
    ],
)
def test_capitals(replacement: str, model: str, expected: str) -> None:
    assert match_case(replacement, model) == expected


def test_sometimes_proposes_in_its_share_of_the_times() -> None:
    rng = np.random.default_rng(1)
    part = Sometimes(InsertLetter(), 0.3)
    asked = [bool(drain(part, Text.of("film").candidate, 0, rng)) for _ in range(2000)]
    assert 0.26 < sum(asked) / len(asked) < 0.34
    assert not drain(Sometimes(InsertLetter(), 0.0), Text.of("film").candidate, 0, rng)


def test_the_victims_neighbours_are_cut_by_cosine_and_count_and_without_antonyms() -> None:
    found = Words(
        ("great", "bad", "good", "fine", "decent", "odd"),
        np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.2], dtype=np.float32),
    )
    rng = np.random.default_rng(0)

    def near(part: VictimNeighbours, word: str) -> Sequence[str]:
        return drain(part, Text.of(word).candidate, 0, rng, {word: found})

    assert near(VictimNeighbours(), "Good") == ("Great", "Fine", "Decent")
    assert near(VictimNeighbours(most=2), "good") == ("great",)
    assert near(VictimNeighbours(least=0.65), "plot") == ("great", "bad", "good")
    both = Composite((VictimNeighbours(), WordNetSynonyms()))
    mixed = drain(both, Text.of("movie").candidate, 0, rng, {"movie": found})
    assert mixed[:2] == ("great", "bad")
    assert "film" in mixed


ascii_words = st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=10)


def proposed(part: Transformation, word: str) -> Sequence[str]:
    """What a part proposes for a text of one word, where the dice always fall alike."""
    return part.replacements(Text.of(word).candidate, 0, np.random.default_rng(0))


@given(ascii_words)
def test_what_is_invisible_goes_away_and_leaves_the_word(word: str) -> None:
    found = proposed(InvisibleCharacter(), word)
    assert len(found) == 3 * (len(word) + 1)
    assert {re.sub("[\u200b-\u200d]", "", other) for other in found} == {word}


@given(ascii_words)
def test_backspaces_delete_what_was_inserted(word: str) -> None:
    found = proposed(DeletedCharacter("xy"), word)
    assert {re.sub(".\b", "", other) for other in found} == {word}


@given(ascii_words)
def test_reordered_letters_are_swapped_beneath_their_controls(word: str) -> None:
    found = proposed(ReorderedCharacters(), word)
    bare = [re.sub("[\u202a-\u202e\u2066-\u2069]", "", other) for other in found]
    swaps = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
    assert bare == [swap for swap in swaps if swap != word]
    assert all((other.count("\u202c"), other.count("\u2069")) == (2, 3) for other in found)


@given(ascii_words)
def test_homoglyphs_stand_for_one_letter_that_they_look_like(word: str) -> None:
    for other in proposed(Homoglyph(every=True, most=2), word):
        ((before, after),) = [(a, b) for a, b in zip(word, other, strict=True) if a != b]
        assert after in homoglyphs(before)[:2]


@given(ascii_words)
def test_marks_come_off_again(word: str) -> None:
    for other in proposed(MarkedLetters(0.7, tries=4), word):
        for before, after in zip(word, other, strict=True):
            assert before == after or after in marked(before)


def test_homoglyphs_of_other_alphabets_come_first() -> None:
    assert homoglyphs("a")[:3] == "ɑαа"
    assert homoglyphs("m") == "", "Unicode lists none"
    assert marked("e").startswith("èéê")
    assert "l" in homoglyphs("I")

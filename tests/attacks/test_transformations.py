"""What every transformation may propose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.constraints.edit_distance import levenshtein
from attacks.errors import AttackError
from attacks.protocols import Transformation
from attacks.text import Candidate, Text
from attacks.transformations import (
    Composite,
    DeleteLetter,
    EmbeddingNeighbours,
    InsertLetter,
    SubstituteLetter,
    SwapAdjacent,
    WordNetSynonyms,
)
from attacks.transformations.case import match_case

CHARACTERS = (SwapAdjacent(), SubstituteLetter(), DeleteLetter(), InsertLetter())
ALL = (*CHARACTERS, Composite(CHARACTERS), EmbeddingNeighbours(), WordNetSynonyms())
words = st.text(alphabet=st.characters(categories=["L", "Nd"]), min_size=1, max_size=12)


def proposals(part: Transformation, text: str, index: int = 0, seed: int = 0) -> Sequence[str]:
    return part.replacements(Text.of(text).candidate, index, np.random.default_rng(seed))


@pytest.mark.parametrize("part", ALL, ids=lambda part: type(part).__name__)
@given(word=words, seed=st.integers(0, 2**32))
def test_neither_the_word_itself_nor_anything_twice(
    part: Transformation, word: str, seed: int
) -> None:
    text = Text.of(word)
    if not text.words:
        return
    found = part.replacements(text.candidate, 0, np.random.default_rng(seed))
    assert text.words[0].string not in found
    assert len(found) == len(set(found))
    assert all(found)
    assert found == part.replacements(text.candidate, 0, np.random.default_rng(seed))


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


def test_words_of_one_letter_or_one_letter_repeated_have_no_swap() -> None:
    assert proposals(SwapAdjacent(), "a") == ()
    assert proposals(SwapAdjacent(), "aaa") == ()
    assert all(proposals(part, "a") == () for part in CHARACTERS)


def test_a_deleted_word_has_no_rewrites() -> None:
    deleted = Text.of("a fine film").candidate.replace(1, "")
    for part in ALL:
        assert not part.replacements(deleted, 1, np.random.default_rng(0))


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
    with pytest.raises(AttackError, match="holds 50"):
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

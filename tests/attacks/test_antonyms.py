"""No source of synonyms proposes an antonym, in whatever form."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.resources import neighbours, wordnet
from attacks.resources.antonyms import opposed, without_antonyms
from attacks.resources.inflection import SLOTS, inflect
from attacks.text import Text
from attacks.transformations import EmbeddingNeighbours, WordNetSynonyms


def forms(lemma: str, letter: str) -> set[str]:
    inflected = (inflect(lemma, slot) for slot in SLOTS[letter])
    return {lemma, *(form for form in inflected if form)}


@cache
def antonyms() -> dict[str, set[str]]:
    """WordNet's own pairs, every form of the one by every form of the other."""
    found: dict[str, set[str]] = {}
    for (lemma, letter), values in wordnet.tables().antonyms.items():
        others = {form for other in values.split() for form in forms(other.lower(), letter)}
        for form in forms(lemma, letter):
            found.setdefault(form, set()).update(others)
    return found


def test_the_antonyms_of_wordnet_exclude_each_other_in_every_form() -> None:
    pairs = [(word, other) for word, others in antonyms().items() for other in others]
    assert len(pairs) > 20_000
    # To kern is to give a letter its kern, and to shave it off: WordNet has a word for its own antonym.
    assert {word for pair in pairs if not opposed(*pair) for word in pair} <= {
        *forms("kern", "v"),
    }


SOURCES = {
    "neighbours": EmbeddingNeighbours(),
    "synonyms": WordNetSynonyms(),
    "all synonyms": WordNetSynonyms(same_part_of_speech=False, inflect=False),
}


@pytest.mark.parametrize("source", SOURCES)
def test_no_antonym_is_proposed(source: str) -> None:
    part, rng = SOURCES[source], np.random.default_rng(0)
    proposed = 0
    for word, others in antonyms().items():
        found = part.replacements(Text.of(word).candidate, 0, rng)
        proposed += len(found)
        assert not others.intersection(found), word
    assert proposed > 10_000


def test_the_table_of_neighbours_has_antonyms_that_are_kept_back() -> None:
    near = {n.word for n in neighbours.listed("slowing")}
    assert "accelerate" in near
    assert "accelerate" not in {n.word for n in neighbours.nearest("slowing")}
    assert neighbours.cosine("slowing", "accelerate") is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("good", "bad"),
        ("Best", "WORST"),
        ("advantages", "disadvantage"),  # forms that differ
        ("push", "forces"),  # "force" has a meaning in common with "pull"
        ("plugs", "unplugged"),
        ("quicker", "slowest"),  # by the adjectives that they stand around
        ("gripping", "boring"),
        ("green", "reds"),
        ("Japan", "Brazil"),
    ],
)
def test_opposed(a: str, b: str) -> None:
    assert opposed(a, b)
    assert opposed(b, a)
    assert without_antonyms(a, ["film", b]) == ("film",)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("film", "movie"),
        ("good", "great"),
        ("force", "forced"),  # to force is to push, and also to pull
        ("latest", "newest"),
        ("immigrants", "migrants"),
        ("unloose", "loose"),  # of one meaning
        ("union", "ion"),
        ("red", "crimson"),
        ("grey", "gray"),
        ("Germany", "Deutschland"),
        ("qwrtzp", "good"),
    ],
)
def test_not_opposed(a: str, b: str) -> None:
    assert not opposed(a, b)
    assert not opposed(b, a)


@given(st.sampled_from(neighbours.vocabulary()), st.sampled_from(neighbours.vocabulary()))
def test_opposition_is_mutual_and_never_with_oneself(a: str, b: str) -> None:
    assert opposed(a, b) == opposed(b, a)
    assert not opposed(a, a)

"""Agreement with TextAttack 0.3.11, as scripts/record_textattack.py recorded it."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import numpy as np
import pytest

from attacks.constraints import EditDistance
from attacks.constraints.edit_distance import levenshtein
from attacks.resources import inflection
from attacks.resources.antonyms import opposed
from attacks.text import Candidate, Text
from attacks.transformations import (
    DeleteLetter,
    InsertLetter,
    NeighbouringKey,
    SubstituteLetter,
    SwapAdjacent,
    WordNetSynonyms,
)
from attacks.transformations.characters import touching

# TextAttack calls these keys adjacent, which do not touch; and from G it does not reach F.
KEYS_APART = set(
    "ax dw ef fe gd gr ht il jy ku li qs rg sq th uk wd yj".split()  # noqa: SIM905 - readable
)
MISSING_THERE = {"gf"}
FACTS = json.loads(Path(__file__).with_name("textattack-0.3.11.json").read_text())
EDITS = {
    "SwapAdjacent": SwapAdjacent(),
    "SubstituteLetter": SubstituteLetter(letters="qZ"),
    "DeleteLetter": DeleteLetter(),
    "InsertLetter": InsertLetter(letters="qZ"),
    "SwapAdjacent, every inner": SwapAdjacent(every=True, keep_ends=True),
    "DeleteLetter, every inner": DeleteLetter(every=True, keep_ends=True),
    "InsertLetter, every inner": InsertLetter(letters="qZ", every=True, keep_ends=True),
}


@pytest.mark.parametrize("name", sorted(EDITS))
def test_character_edits_draw_from_the_same_sets(name: str) -> None:
    rng = np.random.default_rng(0)
    for word, expected in FACTS["character_edits"][name].items():
        text = Text.of(word).candidate
        drawn = {r for _ in range(400) for r in EDITS[name].replacements(text, 0, rng)}
        assert sorted(drawn) == expected, word


def test_slips_on_the_keyboard_are_textattack_s_less_keys_that_do_not_touch() -> None:
    part, rng = NeighbouringKey(every=True, keep_ends=True), np.random.default_rng(0)
    for word, expected in FACTS["character_edits"]["NeighbouringKey, every inner"].items():
        if len(word) < 4:
            continue  # TextAttack makes none in the middle of three letters; the recipe asks for four
        ours = set(part.replacements(Text.of(word).candidate, 0, rng))
        differing = {
            (a + b).lower()
            for rewrite in ours ^ set(expected)
            for a, b in zip(word, rewrite, strict=True)
            if a != b
        }
        assert differing <= KEYS_APART | MISSING_THERE, word


def test_touching_is_mutual_and_every_letter_has_a_key() -> None:
    for letter in string.ascii_lowercase:
        assert touching(letter)
        assert all(letter in touching(key) for key in touching(letter))


def test_edit_distances() -> None:
    for fact in FACTS["edit_distances"]:
        assert levenshtein(fact["before"], fact["after"]) == fact["distance"]


def test_the_constraint_draws_the_line_where_textattack_does() -> None:
    for fact in FACTS["edit_distances"]:
        text = Text.of(fact["before"])
        after = Text.of(fact["after"])
        if len(text.words) != len(after.words) or not text.words:
            continue
        candidate: Candidate = text.candidate
        for index, word in enumerate(after.words):
            candidate = candidate.replace(index, word.string)
        assert candidate.strings == after.strings
        assert EditDistance(fact["distance"]).allows(candidate, text.candidate)
        if fact["distance"]:
            assert not EditDistance(fact["distance"] - 1).allows(candidate, text.candidate)


@pytest.mark.parametrize("word", sorted(FACTS["synonyms"]))
def test_synonyms_are_textattack_s_but_for_what_is_left_out(word: str) -> None:
    part = WordNetSynonyms(same_part_of_speech=False, inflect=False)
    ours = set(part.replacements(Text.of(word).candidate, 0, np.random.default_rng(0)))
    # TextAttack also proposes the base forms themselves ("love" for "loved").
    theirs = {s for s in FACTS["synonyms"][word] if re.fullmatch("[A-Za-z'-]{3,}", s)}
    bases = {s for s in theirs if any(inflection.slots(word, s, letter) for letter in "nvar")}
    antonyms = {s for s in theirs if opposed(word, s)}
    assert theirs - bases - antonyms == ours - bases
    assert ours <= theirs

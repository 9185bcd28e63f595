"""The candidates of recipes that edit characters, beside those of TextAttack 0.3.11.

Most are drawn at random. So every draw is made: the sets are all that either side can ever propose.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
import pytest

from attacks import recipes
from attacks.bridge import stand_ins
from attacks.bridge.importing import textattack
from attacks.engine.attempt import Attempt
from attacks.recipes import bad_characters
from attacks.text import Candidate, Text, Word
from tests.attacks import fidelity_parts as parts
from tests.attacks.fidelity import answered, attack, by_letters, examples
from tests.attacks.test_against_textattack import KEYS_APART, MISSING_THERE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("homoglyphs_at_hand")]


@pytest.fixture
def homoglyphs_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    parts.homoglyphs_at_hand(monkeypatch)


T = TypeVar("T")


class Draws:
    """One way to choose: as `ahead` says, and the first from there on."""

    def __init__(self, ahead: Sequence[int]) -> None:
        self.ahead = ahead
        self.taken: list[int] = []
        self.sizes: list[int] = []

    def choose(self, n: int) -> int:
        number = len(self.taken)
        self.taken.append(self.ahead[number] if number < len(self.ahead) else 0)
        self.sizes.append(n)
        return self.taken[-1]

    integers = choose
    """The name of it that our random generators have."""

    def next(self) -> list[int] | None:
        """What the way after this one begins with."""
        while self.taken and self.taken[-1] + 1 == self.sizes[-1]:
            self.taken.pop()
            self.sizes.pop()
        return [*self.taken[:-1], self.taken[-1] + 1] if self.taken else None


def all_draws(make: Callable[[Draws], T]) -> Iterator[T]:
    """What `make` returns for every way to choose in it."""
    ahead: list[int] | None = []
    while ahead is not None:
        draws = Draws(ahead)
        yield make(draws)
        ahead = draws.next()


def proposed(part: Any, word: str) -> set[str]:
    """All that one of our transformations can make of a word."""
    return rewrites(part, Text.of(word).candidate, 0)


def rewrites(part: Any, candidate: Candidate, index: int) -> set[str]:
    """All that it can make of a word of a text."""
    draws = all_draws(lambda draws: part.replacements(candidate, index, draws))
    return {new for drawn in draws for new in drawn}


def proposed_there(part: Any, word: str) -> set[str]:
    """All that one of theirs can; like its base class, less the word itself."""

    def drawn(draws: Draws) -> list[str]:
        choose = draws.choose
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(np.random, "randint", lambda low, high: low + choose(high - low))
            patch.setattr(random, "choice", lambda items: items[choose(len(items))])
            found: list[str] = part._get_replacement_words(word)
            return found

    return {new for found in all_draws(drawn) for new in found} - {word}


@cache
def words() -> tuple[str, ...]:
    """Those of fifty snippets, in capitals, with apostrophes and hyphens and with digits among them."""
    return tuple(dict.fromkeys(word.string for row in examples() for word in row.text.words))


def pairs(name: str) -> list[tuple[Any, Any]]:
    """The parts of a recipe's transformation, ours and theirs."""
    ours: Any = recipes.load(name).transformation
    return list(zip(ours.parts, attack(name).transformation.transformations, strict=True))


@pytest.mark.parametrize("number", range(4), ids=["swap", "substitute", "delete", "insert"])
def test_deepwordbug_s_draws_are_the_same(number: int) -> None:
    ours, theirs = pairs("deepwordbug")[number]
    for word in words()[::3]:
        assert proposed(ours, word) == proposed_there(theirs, word), word


@pytest.mark.parametrize("number", range(3), ids=["swap", "delete", "insert"])
def test_pruthi_s_edits_are_the_same(number: int) -> None:
    """A letter is put in at every place, each drawn: one place is compared at a time."""
    ours, theirs = pairs("pruthi")[number]
    if number < 2:
        for word in words():
            assert proposed(ours, word) == proposed_there(theirs, word), word
        return
    assert ours.letters == theirs.letters_to_insert == string.ascii_letters
    for word in words():
        places = {word[:i] + "#" + word[i:] for i in range(1, len(word) - 1)}
        assert _with("#", ours, word) == _with("#", theirs, word) == places, word


def _with(letter: str, part: Any, word: str) -> set[str]:
    """What a part makes of a word when all letters that it draws are this one."""
    if hasattr(part, "replacements"):
        changed = type(part)(letters=letter, every=part.every, keep_ends=part.keep_ends)
        return proposed(changed, word)
    options = ("random_one", "skip_first_char", "skip_last_char")
    kind = type(part)
    return proposed_there(
        kind(letters_to_insert=letter, **{name: getattr(part, name) for name in options}), word
    )


def test_pruthi_s_keys_are_the_same_but_for_those_that_do_not_touch() -> None:
    """In words of four letters, which the recipe asks for; of three TextAttack edits none."""
    ours, theirs = pairs("pruthi")[3]
    for word in (word for word in words() if len(word) >= 4):
        differing = {
            (a + b).lower()
            for new in proposed(ours, word) ^ proposed_there(theirs, word)
            for a, b in zip(word, new, strict=True)
            if a != b
        }
        assert differing <= KEYS_APART | MISSING_THERE, word


@pytest.mark.parametrize("number", [0, 1, 2, 4], ids=["space", "delete", "swap", "word"])
def test_textbugger_s_bugs_are_the_same(number: int) -> None:
    ours, theirs = pairs("textbugger")[number]
    for word in words():
        assert proposed(ours, word) == proposed_there(theirs, word), word


def test_textbugger_replaces_the_same_characters_by_homoglyphs() -> None:
    """Each by one, of Unicode's list where theirs is its own.

    Unicode has none for "m" that is one character, and theirs none for capitals. Words of one letter
    are left alone, as by all edits of characters.
    """
    ours, theirs = pairs("textbugger")[3]
    for word in (word for word in words() if len(word) > 1):
        expected = [i for i, c in enumerate(word) if c in theirs.homos and c not in "m-'"]
        found = [i for new in proposed(ours, word) for i in _replaced(word, new)]
        assert sorted(i for i in found if not word[i].isupper()) == expected, word
        known = [i for new in proposed_there(theirs, word) for i in _replaced(word, new)]
        assert sorted(i for i in known if word[i] not in "m-'") == expected, word


def _replaced(word: str, new: str) -> list[int]:
    return [i for i, (a, b) in enumerate(zip(word, new, strict=True)) if a != b]


def test_homoglyphs_are_put_in_the_same_places() -> None:
    """From one list: what TextAttack reads its own from is not in its package.

    The attack of the paper changes a text anywhere, ours inside words of two letters and more.
    """
    theirs = textattack().transformations.WordSwapHomoglyphSwap()
    ours = bad_characters.KINDS["homoglyphs"]
    for text, mine in texts_of(ours):
        there = textattack().shared.AttackedText(text)
        (glyphs,) = theirs._get_precomputed(there)
        found = {
            theirs.apply_perturbation(there, [number], [glyphs]).text: place
            for number, (place, _) in enumerate(glyphs)
        }
        assert mine <= found.keys(), text
        long = {i for word in Text.of(text).words for i in _span(word) if len(word.string) > 1}
        assert all(place not in long for other, place in found.items() if other not in mine), text


def test_characters_of_no_width_are_put_in_the_same_places() -> None:
    """Ours at the end of the last word too; theirs before what is no part of a word."""
    theirs = textattack().transformations.WordSwapInvisibleCharacters()
    for text, mine in texts_of(bad_characters.KINDS["invisible"]):
        there = textattack().shared.AttackedText(text)
        found = {
            theirs.apply_perturbation(there, [which, place], None).text: place
            for place in range(len(text))
            for which in range(len(theirs.invisible_chars))
        }
        assert {new for new in mine - found.keys() if new[:-1] != text} == set(), text
        beside = {i for word in Text.of(text).words for i in (*_span(word), word.end)}
        assert all(place not in beside for other, place in found.items() if other not in mine), text


def test_characters_are_reordered_in_the_same_places() -> None:
    """Two that are equal are left alone, and theirs also swaps what is no part of one word."""
    theirs = textattack().transformations.WordSwapReorderings()
    for text, mine in texts_of(bad_characters.KINDS["reorderings"]):
        there = textattack().shared.AttackedText(text)
        found = {
            theirs.apply_perturbation(there, [place], None).text: place
            for place in range(len(text) - 1)
        }
        assert mine <= found.keys(), text
        inside = {i for word in Text.of(text).words for i in _span(word)[:-1]}
        left = [place for other, place in found.items() if other not in mine]
        assert all(i not in inside or text[i] == text[i + 1] for i in left), text


def test_deleted_characters_are_put_in_the_same_places() -> None:
    """Small letters alone; theirs takes any character of ASCII, anywhere."""
    theirs = textattack().transformations.WordSwapDeletions()
    letters = set(string.ascii_lowercase)
    for text, mine in texts_of(bad_characters.KINDS["deletions"], most=8):
        there = textattack().shared.AttackedText(text)
        codes = range(ord(theirs.ins_chr_min), ord(theirs.ins_chr_max) + 1)
        assert letters < set(map(chr, codes))
        found = {
            theirs.apply_perturbation(there, [place, ord(letter)], None).text: place
            for place in range(len(text))
            for letter in letters
        }
        assert {new for new in mine - found.keys() if new[:-2] != text} == set(), text
        beside = {i for word in Text.of(text).words for i in (*_span(word), word.end)}
        assert all(place not in beside for other, place in found.items() if other not in mine), text


def texts_of(part: Any, most: int = 50) -> Iterator[tuple[str, set[str]]]:
    """Each snippet, and all that one edit of ours makes of it."""
    for example in examples()[:most]:
        candidate = example.text.candidate
        made = {
            candidate.replace(index, new).strings[0]
            for index in example.text.editable
            for new in rewrites(part, candidate, index)
        }
        yield example.text.strings[0], made


def _span(word: Word) -> range:
    return range(word.start, word.end)


# Smaller distances than the 30 of DeepWordBug are reached in a snippet.
@pytest.mark.parametrize(
    ("name", "settings"),
    [("deepwordbug", {"max_edit_distance": 9}), ("textbugger", {}), ("pruthi", {"words": 3})],
)
def test_the_same_candidates_pass(name: str, settings: dict[str, int]) -> None:
    """What ours proposes, word for word while edits add up, is judged by both."""
    ours, theirs = recipes.load(name, **settings), attack(name)
    if name == "deepwordbug":
        assert (
            theirs.constraints[0].max_edit_distance == recipes.settings(name)["max_edit_distance"]
        )
        theirs.constraints[0].max_edit_distance = settings["max_edit_distance"]
    if name == "pruthi":
        assert theirs.constraints[0].max_num_words == recipes.settings(name)["words"]
        theirs.constraints[0].max_num_words = settings["words"]
    theirs.constraints, _ = stand_ins.replaced(theirs, by_letters)
    seen: list[bool] = []
    for example in examples():
        attempt = Attempt(example, ours, seed=0)
        original = text = textattack().shared.AttackedText(example.text.strings[0])
        current: Candidate = example.text.candidate
        for index in attempt.editable(current):
            drawn = answered(_unjudged(attempt, current, index))
            places = text.attack_attrs["original_index_map"]
            there = {
                candidate.strings[0]: text.replace_word_at_index(
                    int(places[index]), candidate.word(index)
                )
                for candidate in drawn
            }
            assert all(text == other.text for text, other in there.items())
            for other in there.values():
                other.attack_attrs["last_transformation"] = theirs.transformation
            kept = answered(attempt.admissible(drawn, current), by_letters)
            kept_there = theirs.filter_transformations(list(there.values()), text, original)
            assert {c.strings[0] for c in kept} == {t.text for t in kept_there}, text.text
            seen += [candidate in kept for candidate in drawn]
            if kept:
                current, text = kept[0], there[kept[0].strings[0]]
    assert {True, False} == set(seen)
    assert len(seen) > 1000


def _unjudged(attempt: Attempt, current: Candidate, index: int) -> Any:
    bare = Attempt(attempt.example, attempt.recipe, seed=0)
    bare.rng = attempt.rng
    return _all(bare, current, index)


def _all(attempt: Attempt, current: Candidate, index: int) -> Any:
    from attacks.protocols import proposals

    found = yield from proposals(attempt.recipe.transformation, current, index, attempt.rng)
    return [current.replace(index, new) for new in dict.fromkeys(found)]

"""Character edits: DeepWordBug's four (Gao et al., IEEE S&P Workshops 2018), and slips on a keyboard.

Each draws one rewrite of a word, or makes one at every place. Positions and letters are those of
TextAttack 0.3.11: any place but the one after the last letter, and ASCII letters of both cases. Words of
one letter have no rewrites. With `keep_ends` the first and the last letter stay, by which people read
on (Pruthi et al., ACL 2019).
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from attacks.text import Candidate


@dataclass(frozen=True)
class SwapAdjacent:
    """Swap two adjacent letters in the word."""

    every: bool = False
    keep_ends: bool = False

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        where = [
            i
            for i in places(word, self.keep_ends)
            if i + 1 < len(word) - self.keep_ends and word[i] != word[i + 1]
        ]
        return at_places(
            where, self.every, rng, lambda i: word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        )


@dataclass(frozen=True)
class SubstituteLetter:
    """Substitute a letter in the word with a random letter."""

    letters: str = string.ascii_letters
    every: bool = False
    keep_ends: bool = False

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)

        def substituted(i: int) -> str:
            return word[:i] + _draw(self.letters.replace(word[i], ""), rng) + word[i + 1 :]

        return at_places(places(word, self.keep_ends), self.every, rng, substituted)


@dataclass(frozen=True)
class DeleteLetter:
    """Delete a letter from the word."""

    every: bool = False
    keep_ends: bool = False

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        where = places(word, self.keep_ends)
        return at_places(where, self.every, rng, lambda i: word[:i] + word[i + 1 :])


@dataclass(frozen=True)
class InsertLetter:
    """Insert a random letter in the word."""

    letters: str = string.ascii_letters
    every: bool = False
    keep_ends: bool = False

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        where = places(word, self.keep_ends)
        return at_places(
            where, self.every, rng, lambda i: word[:i] + _draw(self.letters, rng) + word[i:]
        )


@dataclass(frozen=True)
class NeighbouringKey:
    """Substitute a letter with one whose key touches its own on a QWERTY keyboard, in its case."""

    every: bool = False
    keep_ends: bool = False

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        slips = [
            word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :]
            for i in places(word, self.keep_ends)
            for key in touching(word[i].lower())
        ]
        return at_places(range(len(slips)), self.every, rng, slips.__getitem__)


ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))
"""The letters of a QWERTY keyboard (ANSI INCITS 154), and how far each row is shifted, in keys."""


@cache
def touching(letter: str) -> str:
    """The letters whose keys touch that of `letter`, row by row; none where it has no key."""
    at = {key: (y, x + shift) for y, (row, shift) in enumerate(ROWS) for x, key in enumerate(row)}
    if letter not in at:
        return ""
    y, x = at[letter]
    return "".join(
        key
        for key, (other, place) in at.items()
        if (other == y and abs(place - x) == 1) or (abs(other - y) == 1 and abs(place - x) < 1)
    )


def places(word: str, keep_ends: bool) -> Sequence[int]:
    """Where in a word an edit may be made; nowhere in a single letter."""
    if len(word) < 2:
        return ()
    return range(1, len(word) - 1) if keep_ends else range(len(word))


def at_places(
    where: Sequence[int], every: bool, rng: np.random.Generator, edit: Callable[[int], str]
) -> tuple[str, ...]:
    """The edit at one drawn place, or at each, every string once."""
    if not every and where:
        where = (where[int(rng.integers(len(where)))],)
    return tuple(dict.fromkeys(map(edit, where)))


def _draw(letters: str, rng: np.random.Generator) -> str:
    return letters[int(rng.integers(len(letters)))]

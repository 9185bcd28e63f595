"""Character edits: DeepWordBug's four (Gao et al., IEEE S&P Workshops 2018), and slips on a keyboard.

Each draws one rewrite of a word, or makes one at every place. Positions and letters are those of
TextAttack 0.3.11: any place but the one after the last letter, and ASCII letters of both cases. Words of
one letter have no rewrites. With `keep_ends` the first and the last letter stay, by which people read
on (Pruthi et al., ACL 2019).
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
        places = [
            i
            for i in _places(word, self.keep_ends)
            if i + 1 < len(word) - self.keep_ends and word[i] != word[i + 1]
        ]
        return _distinct(
            word[:i] + word[i + 1] + word[i] + word[i + 2 :]
            for i in _chosen(places, self.every, rng)
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
        return _distinct(
            word[:i] + _draw(self.letters.replace(word[i], ""), rng) + word[i + 1 :]
            for i in _chosen(_places(word, self.keep_ends), self.every, rng)
        )


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
        return _distinct(
            word[:i] + word[i + 1 :]
            for i in _chosen(_places(word, self.keep_ends), self.every, rng)
        )


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
        return _distinct(
            word[:i] + _draw(self.letters, rng) + word[i:]
            for i in _chosen(_places(word, self.keep_ends), self.every, rng)
        )


ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))
"""The letters of a QWERTY keyboard (ANSI INCITS 154), and how far each row is shifted, in keys."""


def _touching(letter: str) -> str:
    """The letters whose keys touch that of `letter`, row by row."""
    at = {key: (y, x + shift) for y, (row, shift) in enumerate(ROWS) for x, key in enumerate(row)}
    y, x = at[letter]
    return "".join(
        key
        for key, (other, place) in at.items()
        if (other == y and abs(place - x) == 1) or (abs(other - y) == 1 and abs(place - x) < 1)
    )


KEYS = {letter: _touching(letter) for row, _ in ROWS for letter in row}
"""For each letter those whose keys touch its own."""


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
            for i in _places(word, self.keep_ends)
            for key in KEYS.get(word[i].lower(), "")
        ]
        return _distinct(slips[i] for i in _chosen(range(len(slips)), self.every, rng))


def _places(word: str, keep_ends: bool) -> Sequence[int]:
    if len(word) < 2:
        return ()
    return range(1, len(word) - 1) if keep_ends else range(len(word))


def _chosen(places: Sequence[int], every: bool, rng: np.random.Generator) -> Sequence[int]:
    if every or not places:
        return places
    return (places[int(rng.integers(len(places)))],)


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _draw(letters: str, rng: np.random.Generator) -> str:
    return letters[int(rng.integers(len(letters)))]

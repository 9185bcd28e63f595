"""The four character edits of DeepWordBug (Gao et al., IEEE S&P Workshops 2018).

Each draws one rewrite of a word. Positions and letters are those of TextAttack 0.3.11: any place but the
one after the last letter, and ASCII letters of both cases. Words of one letter have no rewrites.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.text import Candidate


@dataclass(frozen=True)
class SwapAdjacent:
    """Swap two adjacent letters in the word."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        places = [i for i in range(len(word) - 1) if word[i] != word[i + 1]]
        if not places:
            return ()
        i = places[int(rng.integers(len(places)))]
        return (word[:i] + word[i + 1] + word[i] + word[i + 2 :],)


@dataclass(frozen=True)
class SubstituteLetter:
    """Substitute a letter in the word with a random letter."""

    letters: str = string.ascii_letters

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        if len(word) < 2:
            return ()
        i = int(rng.integers(len(word)))
        return (word[:i] + _draw(self.letters.replace(word[i], ""), rng) + word[i + 1 :],)


@dataclass(frozen=True)
class DeleteLetter:
    """Delete a random letter from the word."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        if len(word) < 2:
            return ()
        i = int(rng.integers(len(word)))
        return (word[:i] + word[i + 1 :],)


@dataclass(frozen=True)
class InsertLetter:
    """Insert a random letter in the word."""

    letters: str = string.ascii_letters

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        if len(word) < 2:
            return ()
        i = int(rng.integers(len(word)))
        return (word[:i] + _draw(self.letters, rng) + word[i:],)


def _draw(letters: str, rng: np.random.Generator) -> str:
    return letters[int(rng.integers(len(letters)))]

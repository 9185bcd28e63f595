"""Edits that a reader does not see (Boucher et al., Bad Characters, IEEE S&P 2022).

Each makes one rewrite for every place in the word. How they are shown is up to the program that shows
them; a tokenizer that drops control characters sees nothing of the first and the letters of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.text import Candidate
from attacks.transformations.characters import places

INVISIBLE = "\u200b\u200c\u200d"
"""Zero-width space, non-joiner and joiner (section IV-B of the paper)."""
BACKSPACE = "\b"
LRO, RLO, PDF = "\u202d", "\u202e", "\u202c"
LRI, PDI = "\u2066", "\u2069"
"""Bidirectional overrides, isolates and their ends (Unicode Standard Annex 9)."""


@dataclass(frozen=True)
class InvisibleCharacter:
    """Insert a character of no width."""

    characters: str = INVISIBLE

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        return [
            word[:i] + invisible + word[i:] for i in _between(word) for invisible in self.characters
        ]


@dataclass(frozen=True)
class DeletedCharacter:
    """Insert a letter and the control character that deletes it."""

    letters: str = "abcdefghijklmnopqrstuvwxyz"

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        return [
            word[:i] + letter + BACKSPACE + word[i:]
            for i in _between(word)
            for letter in self.letters
        ]


@dataclass(frozen=True)
class ReorderedCharacters:
    """Swap two letters, with direction controls by which they are shown unswapped."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        return [
            f"{word[:i]}{_shown_swapped(word[i + 1], word[i])}{word[i + 2 :]}"
            for i in places(word, keep_ends=False)[:-1]
            if word[i] != word[i + 1]
        ]


def _between(word: str) -> range:
    """Where something can be inserted; a deleted word has no such place."""
    return range(len(word) + 1 if word else 0)


def _shown_swapped(first: str, second: str) -> str:
    return f"{LRO}{LRI}{RLO}{LRI}{first}{PDI}{LRI}{second}{PDI}{PDF}{PDI}{PDF}"

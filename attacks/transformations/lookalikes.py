"""Letters in the place of letters that look like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.resources.lookalikes import homoglyphs, marked
from attacks.resources.registry import HOMOGLYPHS
from attacks.text import Candidate
from attacks.transformations.characters import at_places, places


@dataclass(frozen=True)
class Homoglyph:
    """Substitute a letter or digit with a homoglyph (UTS 39).

    Attributes:
        every: one rewrite for every place and homoglyph; else one that is drawn.
        most: homoglyphs that are tried for a character, those of other alphabets first.
        keep_ends: leave the first and the last letter.
    """

    resources: ClassVar[tuple[str, ...]] = (HOMOGLYPHS,)

    every: bool = False
    most: int = 3
    keep_ends: bool = False

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        found = [
            word[:i] + glyph + word[i + 1 :]
            for i in places(word, self.keep_ends)
            for glyph in homoglyphs(word[i])[: self.most]
        ]
        return at_places(range(len(found)), self.every, rng, found.__getitem__)


@dataclass(frozen=True)
class MarkedLetters:
    """Put marks on a drawn share of a word's letters (é for e), as VIPER does (Eger et al., NAACL 2019).

    Attributes:
        share: chance of each letter, the p of the paper.
        tries: draws, each a rewrite.
    """

    share: float
    tries: int = 1

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        drawn = (
            "".join(map(self._drawn, word, rng.random(len(word)), rng.random(len(word))))
            for _ in range(self.tries)
        )
        return tuple(other for other in dict.fromkeys(drawn) if other != word)

    def _drawn(self, letter: str, chance: float, which: float) -> str:
        others = marked(letter)
        return others[int(which * len(others))] if others and chance < self.share else letter

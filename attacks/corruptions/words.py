"""Corruptions that rewrite words one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from attacks.corruptions.severity import edited, shuffled
from attacks.protocols import Corruption, Transformation
from attacks.text import Candidate, Edit, Text


@dataclass(frozen=True)
class Words:
    """Rewrite drawn words, each by one drawn rewrite of `part`; words that have none are passed over."""

    name: str
    summary: str = field(repr=False)
    part: Transformation

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        return edited(text, severity, self._places(text, rng))

    def _places(self, text: Text, rng: np.random.Generator) -> Iterator[tuple[Edit, ...]]:
        for index in shuffled(text.editable, rng):
            found = self.part.replacements(text.candidate, index, rng)
            if found:
                yield (Edit(index, found[int(rng.integers(len(found)))]),)


@dataclass(frozen=True)
class Noise:
    """Corruptions as a recipe's transformation: of a word, what those propose that rewrite single words.

    Others propose nothing here; `attacks.searches.BySeverity` asks all of them for whole texts.
    """

    corruptions: tuple[Corruption, ...]

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        parts = [each.part for each in self.corruptions if isinstance(each, Words)]
        found = (other for part in parts for other in part.replacements(current, index, rng))
        return tuple(dict.fromkeys(found))

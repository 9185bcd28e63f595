"""Words that are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.text import Candidate, words_left


@dataclass(frozen=True)
class DeleteWord:
    """Leave the word out, with the white space before it.

    Attributes:
        keep: so many of the words that may be edited are left in a text.
    """

    keep: int = 1

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        return ("",) if current.word(index) and words_left(current) > self.keep else ()

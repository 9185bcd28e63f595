"""Any token of the victim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.text import Candidate


@dataclass(frozen=True)
class AnyToken:
    """The kind of edit that `attacks.searches.RelaxedSamples` makes; nothing asks it word by word."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """None: a text's tokens are drawn all at once."""
        return ()

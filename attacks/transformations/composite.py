"""Several transformations as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.protocols import Transformation
from attacks.text import Candidate


@dataclass(frozen=True)
class Composite:
    """What all `parts` propose, in their order, each string once."""

    parts: tuple[Transformation, ...]

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        proposals = (p for part in self.parts for p in part.replacements(current, index, rng))
        return tuple(dict.fromkeys(proposals))

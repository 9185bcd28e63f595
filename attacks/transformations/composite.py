"""Transformations made of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.protocols import ModelTransformation, Steps, Transformation, proposals
from attacks.text import Candidate

Part = Transformation | ModelTransformation


@dataclass(frozen=True)
class Composite:
    """What all `parts` propose, in their order, each string once."""

    parts: tuple[Part, ...]

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[str]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        found: dict[str, None] = {}
        for part in self.parts:
            found |= dict.fromkeys((yield from proposals(part, current, index, rng)))
        return tuple(found)


@dataclass(frozen=True)
class Sometimes:
    """What `part` proposes, in a drawn `share` of the times it is asked; else nothing."""

    part: Part
    share: float

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[str]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        if rng.random() >= self.share:
            return ()
        found: Sequence[str] = yield from proposals(self.part, current, index, rng)
        return found

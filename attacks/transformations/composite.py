"""Transformations made of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.protocols import (
    ModelTransformation,
    Proposal,
    Protection,
    Steps,
    Transformation,
    proposals,
)
from attacks.text import Candidate

Part = Transformation | ModelTransformation


@dataclass(frozen=True)
class Composite:
    """What all `parts` propose, in their order, each once."""

    parts: tuple[Part, ...]

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Proposal]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        found: dict[Proposal, None] = {}
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
    ) -> Steps[Sequence[Proposal]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        if rng.random() >= self.share:
            return ()
        found: Sequence[Proposal] = yield from proposals(self.part, current, index, rng)
        return found


@dataclass(frozen=True)
class Sparing:
    """What `part` proposes for the words that a protection leaves it; for others nothing.

    A recipe's own protections are for all of its parts.
    """

    part: Part
    protection: Protection

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Proposal]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        if not self.protection.allows(current, index):
            return ()
        found: Sequence[Proposal] = yield from proposals(self.part, current, index, rng)
        return found

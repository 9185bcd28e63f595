"""Corruptions of a few words at a time as a recipe's transformation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attacks.protocols import Proposal, Steps
from attacks.text import Candidate, Edit, Text


class Grouped(Protocol):
    """A corruption that changes words in groups: those of a contraction, all mentions of a name."""

    def rewrites(
        self, text: Text, index: int, rng: np.random.Generator
    ) -> Iterable[Sequence[Edit]]:
        """Each way to rewrite the group that begins at word `index`, as its edits; some are drawn."""


@dataclass(frozen=True)
class Rewrites:
    """What `part` can make of the group that begins at a word, the group as a whole.

    A group is found in the original, and is left alone where any of its words is changed already.
    """

    part: Grouped

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Proposal]]:
        """See `attacks.protocols.ModelTransformation.propose`. It asks no model."""
        yield from ()
        changed = set(current.changed)
        return tuple(
            _made(current, group)
            for group in self.part.rewrites(current.origin, index, rng)
            if changed.isdisjoint(edit.index for edit in group)
        )


def _made(candidate: Candidate, group: Sequence[Edit]) -> Candidate:
    for edit in group:
        candidate = candidate.replace(edit.index, edit.replacement)
    return candidate

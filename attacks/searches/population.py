"""What searches that look at many texts at once have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

import numpy as np

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps, together
from attacks.text import Candidate


def rewrites(attempt: Attempt, current: Candidate) -> Steps[dict[int, list[Candidate]]]:
    """By word index the admissible rewrites of every editable word of `current` that has any."""
    words = attempt.editable(current)
    found = yield from together([attempt.propose(current, index) for index in words])
    return {index: new for index, new in zip(words, found, strict=True) if new}


def best_rewrite(attempt: Attempt, current: Scored, index: int) -> Steps[Scored | None]:
    """The rewrite of word `index` that comes nearest to the goal, None where none is an improvement."""
    candidates = yield from attempt.propose(current.candidate, index)
    if not candidates:
        return None
    best = max((yield from attempt.score(candidates)), key=attrgetter("rank"))
    return best if best.rank > current.rank else None


def mixed(base: Candidate, other: Candidate, indices: Iterable[int]) -> Candidate:
    """`base` with the words at `indices` as they stand in `other`."""
    for index in indices:
        base = base.replace(index, other.word(index))
    return base


def drawn(weights: Mapping[int, float], rng: np.random.Generator) -> int:
    """One of the keys, with a probability in proportion to its weight (some weight is positive)."""
    edges = np.cumsum(list(weights.values()))
    place = np.searchsorted(edges, rng.random() * edges[-1], side="right")
    return list(weights)[int(place)]

"""Differential evolution over single edits (Storn and Price, J. Global Optimization 11, 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps
from attacks.searches.population import mixed, rewrites
from attacks.text import Candidate

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DifferentialEvolution:
    """Every edit of the original that the transformation offers is one place on a line; a vector of
    `edits` numbers between 0 and 1 names as many of them (the last one counts where two meet in a word).

    Strategy best1bin: a vector is crossed with best + F (a - b), where a and b are two others, and the
    better of old and new stays. F is drawn anew for each generation (dither). Boucher et al. (IEEE S&P
    2022) attack so, with scipy's defaults for F and the share of numbers that are crossed.

    Attributes:
        edits: words that one text may change.
        population: vectors; `generations` how often each is crossed.
        scale: bounds of F; `recombination` the chance of each number to be crossed.
    """

    edits: int = 1
    population: int = 32
    generations: int = 10
    scale: tuple[float, float] = (0.5, 1.0)
    recombination: float = 0.7

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = yield from attempt.start()
        by_word = yield from rewrites(attempt, attempt.original)
        options = [candidate for new in by_word.values() for candidate in new]
        if not options:
            return start
        vectors = attempt.rng.random((self.population, self.edits))
        scored = yield from self._scored(attempt, options, vectors)
        for _ in range(self.generations):
            best = max(range(len(scored)), key=lambda n: scored[n].rank)
            if scored[best].succeeded:
                break
            trials = self._trials(vectors, best, attempt.rng)
            tried = yield from self._scored(attempt, options, trials)
            for n, (old, new) in enumerate(zip(scored, tried, strict=True)):
                if new.rank >= old.rank:
                    vectors[n], scored[n] = trials[n], new
        return max([start, *scored], key=attrgetter("rank"))

    def _trials(self, vectors: Doubles, best: int, rng: np.random.Generator) -> Doubles:
        trials = vectors.copy()
        factor = rng.uniform(*self.scale)
        for n in range(len(vectors)):
            a, b = rng.choice([m for m in range(len(vectors)) if m != n], size=2, replace=False)
            crossed = rng.random(self.edits) < self.recombination
            crossed[rng.integers(self.edits)] = True
            mutant = vectors[best] + factor * (vectors[a] - vectors[b])
            outside = (mutant < 0) | (mutant >= 1)
            mutant[outside] = rng.random(int(outside.sum()))
            trials[n, crossed] = mutant[crossed]
        return trials

    def _scored(
        self, attempt: Attempt, options: Sequence[Candidate], vectors: Doubles
    ) -> Steps[list[Scored]]:
        named = [[options[int(place * len(options))] for place in v] for v in vectors.tolist()]
        found = [_merged(edits) for edits in named]
        if self.edits > 1:  # each edit is admissible alone: all of them together need not be
            allowed = set((yield from attempt.admissible(found, attempt.original)))
            found = [
                whole if whole in allowed else edits[0]
                for whole, edits in zip(found, named, strict=True)
            ]
        return (yield from attempt.score(found))


def _merged(edited: Sequence[Candidate]) -> Candidate:
    """One text with the edits of all."""
    candidate = edited[0]
    for other in edited[1:]:
        candidate = mixed(candidate, other, other.changed)
    return candidate

"""Particle swarms over words: Zang et al., ACL 2020, and LEAP's (Xiao et al., ASE 2023)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps, together
from attacks.searches.population import best_rewrite, drawn, mixed, rewrites
from attacks.text import Candidate

Doubles = npt.NDArray[np.float64]
Weights = Mapping[int, float]

INERTIA = (0.8, 0.2)
"""Weight of a particle's velocity, first and last: "set ω_1 as 0.8 and ω_2 as 0.2" (Zang et al.)."""
FASTEST = 3.0
"""Bound of a velocity: "the changing probability of the particles ranges from 0.047 (sigmoid(-3)) to
0.953 (sigmoid(3))" (the same)."""
TOWARDS = (0.8, 0.2)
"""Chance to move towards a particle's own best, first and last; towards the best of all it is the other
way round (the authors' code)."""
MOST_REWRITES = 10
"""A word with more rewrites is drawn no oftener than one with so many (the authors' code)."""
STABILITY = 1.5
"""Index of the Lévy distribution (LEAP's code)."""
LEVY_INERTIA = (0.5, 0.8)
"""Bounds of the inertia that is drawn for a particle above the average (LEAP's code)."""


@dataclass(frozen=True, slots=True)
class Particle:
    """Where a particle is, the best that it has been, and its velocity, one number a word."""

    here: Scored
    best: Scored
    velocity: Doubles


class _Style(Protocol):
    """In what the two swarms differ."""

    @property
    def particles(self) -> int: ...

    @property
    def iterations(self) -> int: ...

    @property
    def retries(self) -> int: ...

    def velocity(self, rng: np.random.Generator) -> float:
        """With what all words of a particle begin."""

    def inertia(
        self, swarm: Sequence[Particle], elapsed: float, rng: np.random.Generator
    ) -> Doubles:
        """Weight of each particle's velocity; `elapsed` runs from 0 to 1."""

    def turning(self, velocity: Doubles) -> Doubles:
        """Chance of each word to be taken over from the text that the particle moves towards."""

    def drift(self, particle: Particle, original: Candidate) -> Sequence[int]:
        """The words that the particle has changed, by which mutations become rarer."""

    def mutant(self, attempt: Attempt, here: Scored, weights: Weights) -> Steps[Scored]:
        """The particle with one word rewritten."""


@dataclass(frozen=True)
class ParticleSwarm:
    """The swarm of Zang et al., arXiv:1910.12196.

    A particle is a text. It starts as the original with one drawn word in its best rewrite, moves
    towards the best text that it has been and towards the best of all by taking over words of theirs,
    and has now and then a word rewritten (the rarer, the more it has changed). Moves and mutations are
    those of the authors' code: TextAttack 0.3.11 keeps the particle's own words with the chance by which
    they take over the better text's, and tries the rewrites of all words for every mutation.

    Attributes:
        particles: how many; `iterations` how often they move.
        retries: how often a move that breaks a constraint is drawn anew; then the particle stays.
    """

    drafts: ClassVar[bool] = True

    particles: int = 60
    iterations: int = 20
    retries: int = 20

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        return (yield from _swarm(attempt, self))

    def velocity(self, rng: np.random.Generator) -> float:
        """Uniform between the bounds."""
        return float(rng.uniform(-FASTEST, FASTEST))

    def inertia(
        self, swarm: Sequence[Particle], elapsed: float, rng: np.random.Generator
    ) -> Doubles:
        """Falls evenly, the same for all."""
        return np.full(len(swarm), INERTIA[0] + (INERTIA[1] - INERTIA[0]) * elapsed)

    def turning(self, velocity: Doubles) -> Doubles:
        """Each word by itself."""
        chances: Doubles = 1 / (1 + np.exp(-velocity))
        return chances

    def drift(self, particle: Particle, original: Candidate) -> Sequence[int]:
        """Measured from the original."""
        return particle.here.candidate.changed

    def mutant(self, attempt: Attempt, here: Scored, weights: Weights) -> Steps[Scored]:
        """One drawn word in its best rewrite."""
        left = {i: weights[i] for i in attempt.editable(here.candidate) if i in weights}
        if not left:
            return here
        better = yield from best_rewrite(attempt, here, drawn(left, attempt.rng))
        return here if better is None else better


@dataclass(frozen=True)
class LevySwarm:
    """LEAP's swarm (Xiao et al., arXiv:2308.11284): it starts by Lévy flights and adapts its inertia.

    Unlike `ParticleSwarm` it draws first velocities from a Lévy distribution in about half of the cases,
    gives particles below the average an inertia by their distance from it and the others one that is
    drawn, shares one chance of turning among all words of a text (softmax), and mutates by the best
    rewrite of any word, the rarer the farther from the particle's own best. Averages are those of the
    iteration.
    """

    drafts: ClassVar[bool] = True

    particles: int = 60
    iterations: int = 20
    retries: int = 20

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        return (yield from _swarm(attempt, self))

    def velocity(self, rng: np.random.Generator) -> float:
        """Uniform where a uniform draw is smaller than a Lévy flight, else a flight."""
        if rng.uniform(-FASTEST, FASTEST) < flight(rng):
            return float(rng.uniform(-FASTEST, FASTEST))
        return flight_between(-FASTEST, FASTEST, rng)

    def inertia(
        self, swarm: Sequence[Particle], elapsed: float, rng: np.random.Generator
    ) -> Doubles:
        """By each particle's score."""
        scores = np.array([particle.here.score for particle in swarm])
        mean, least = float(scores.mean()), float(scores.min())
        high, low = INERTIA
        return np.array(
            [
                low + (score - least) * (high - low) / (mean - least)
                if score < mean
                else flight_between(*LEVY_INERTIA, rng)
                for score in scores.tolist()
            ]
        )

    def turning(self, velocity: Doubles) -> Doubles:
        """About one word a move."""
        powers = np.exp(velocity - velocity.max())
        chances: Doubles = powers / powers.sum()
        return chances

    def drift(self, particle: Particle, original: Candidate) -> Sequence[int]:
        """Measured from the particle's own best."""
        here, best = particle.here.candidate, particle.best.candidate
        indices = {*here.changed, *best.changed}
        return sorted(i for i in indices if here.word(i) != best.word(i))

    def mutant(self, attempt: Attempt, here: Scored, weights: Weights) -> Steps[Scored]:
        """The best rewrite of any word."""
        words = [i for i in attempt.editable(here.candidate) if i in weights]
        found = yield from together([best_rewrite(attempt, here, index) for index in words])
        return max(
            [here, *(better for better in found if better is not None)], key=attrgetter("rank")
        )


def flight(rng: np.random.Generator) -> float:
    """One step of a Lévy flight (Mantegna, Phys. Rev. E 49, 1994, equations 5 and 6)."""
    a = STABILITY
    scale = (
        math.gamma(1 + a)
        * math.sin(math.pi * a / 2)
        / (math.gamma((1 + a) / 2) * a * 2 ** ((a - 1) / 2))
    ) ** (1 / a)
    x, y = rng.normal(0, scale), rng.normal()
    return float(x / abs(y) ** (1 / a))


def flight_between(low: float, high: float, rng: np.random.Generator) -> float:
    """A step within bounds; the law is heavy-tailed, so that many are thrown away."""
    while True:
        step = flight(rng)
        if low <= step <= high:
            return step


def _swarm(attempt: Attempt, style: _Style) -> Steps[Scored]:
    start = yield from attempt.start()
    rng = attempt.rng
    words = attempt.editable(attempt.original)
    options = yield from rewrites(attempt, attempt.original)
    weights = {index: float(min(len(new), MOST_REWRITES)) for index, new in options.items()}
    if not weights:
        return start
    first = yield from together([_first(attempt, start, weights) for _ in range(style.particles)])
    swarm = [Particle(s, s, np.full(len(words), style.velocity(rng))) for s in first]
    best = max(first, key=attrgetter("rank"))
    for iteration in range(style.iterations):
        if best.succeeded:
            break
        elapsed = iteration / style.iterations
        inertia = style.inertia(swarm, elapsed, rng)
        own = TOWARDS[0] + (TOWARDS[1] - TOWARDS[0]) * elapsed
        all_of_them = TOWARDS[0] + TOWARDS[1] - own
        moved = yield from together(
            [
                _moved(attempt, style, p, best, words, (weight, own, all_of_them))
                for p, weight in zip(swarm, inertia.tolist(), strict=True)
            ]
        )
        best = max([best, *(particle.here for particle in moved)], key=attrgetter("rank"))
        if best.succeeded:
            break
        swarm = yield from together([_mutated(attempt, style, p, weights) for p in moved])
        best = max([best, *(particle.here for particle in swarm)], key=attrgetter("rank"))
    return best


def _first(attempt: Attempt, start: Scored, weights: Weights) -> Steps[Scored]:
    better = yield from best_rewrite(attempt, start, drawn(weights, attempt.rng))
    return start if better is None else better


def _moved(
    attempt: Attempt,
    style: _Style,
    particle: Particle,
    best: Scored,
    words: Sequence[int],
    settings: tuple[float, float, float],
) -> Steps[Particle]:
    """A particle after its move; `settings` are inertia and the chances of both targets."""
    weight, own, all_of_them = settings
    here = particle.here.candidate
    pull = _pull(here, particle.best.candidate, words) + _pull(here, best.candidate, words)
    velocity = weight * particle.velocity + (1 - weight) * pull
    chances = style.turning(velocity)
    for target, chance in ((particle.best, own), (best, all_of_them)):
        if attempt.rng.random() < chance:
            here = yield from _turned(
                attempt, here, target.candidate, words, chances, style.retries
            )
    (scored,) = yield from attempt.score([here])
    return Particle(scored, particle.best, velocity)


def _pull(here: Candidate, target: Candidate, words: Sequence[int]) -> Doubles:
    return np.array([FASTEST if here.word(i) != target.word(i) else -FASTEST for i in words])


def _turned(
    attempt: Attempt,
    here: Candidate,
    target: Candidate,
    words: Sequence[int],
    chances: Doubles,
    retries: int,
) -> Steps[Candidate]:
    for _ in range(retries + 1):
        draws = attempt.rng.random(len(words))
        taken = [i for i, draw, p in zip(words, draws, chances, strict=True) if draw < p]
        candidate = mixed(here, target, taken)
        if candidate == here or (yield from attempt.admissible([candidate], here)):
            return candidate
    return here


def _mutated(
    attempt: Attempt, style: _Style, particle: Particle, weights: Weights
) -> Steps[Particle]:
    here, drift = particle.here, style.drift(particle, attempt.original)
    # "p_change = 1 - 2 * change_ratio" (the authors' code).
    if attempt.rng.random() < 1 - 2 * len(drift) / len(attempt.original.origin.words):
        here = yield from style.mutant(attempt, here, weights)
    best = max((particle.best, here), key=attrgetter("rank"))
    return Particle(here, best, particle.velocity)

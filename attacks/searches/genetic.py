"""Genetic algorithms over words: Alzantot et al., EMNLP 2018, and the one improved by Wang et al."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps, together
from attacks.searches.population import best_rewrite, drawn, mixed, rewrites
from attacks.text import Candidate


@dataclass(frozen=True, slots=True)
class Member:
    """A text of the population.

    `weights` are by word index the chance of being rewritten next (Genetic), or the rewrites that the
    word still may take (ImprovedGenetic).
    """

    scored: Scored
    weights: Mapping[int, float]


@dataclass(frozen=True)
class Genetic:
    """Algorithm 1 of Alzantot et al., arXiv:1804.07998.

    The first population are rewrites of one drawn word of the original. In every generation the best
    text survives; all others are children of two parents, drawn by softmax(score / temperature): each
    word comes from either parent, then one drawn word is rewritten. A word is drawn in proportion to
    its number of rewrites, takes the one that comes nearest to the goal, and is drawn no more; where
    none is an improvement, another word is drawn.

    Attributes:
        population: texts in a generation.
        generations: how many follow the first population.
        temperature: of the drawing of parents; 0.3 in the authors' code. (TextAttack 0.3.11 has the sign
            of the score wrong there and prefers unfit parents.)
        retries: how often a child that breaks a constraint is mixed anew; then it is one of its parents.
    """

    drafts: ClassVar[bool] = True

    population: int = 60
    generations: int = 20
    temperature: float = 0.3
    retries: int = 20

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = yield from attempt.start()
        options = yield from rewrites(attempt, attempt.original)
        weights = {index: float(len(new)) for index, new in options.items()}
        if not weights:
            return start
        first = Member(start, weights)
        members = yield from together([_rewritten(attempt, first) for _ in range(self.population)])
        return (
            yield from _evolved(members, self.generations, lambda m: self._children(attempt, m))
        )

    def _children(self, attempt: Attempt, members: Sequence[Member]) -> list[Steps[Member]]:
        scores = np.array([member.scored.score for member in members]) / self.temperature
        chances = np.exp(scores - scores.max())
        pairs = attempt.rng.choice(
            len(members), size=(self.population - 1, 2), p=chances / chances.sum()
        )
        return [self._child(attempt, members[one], members[other]) for one, other in pairs]

    def _child(self, attempt: Attempt, one: Member, other: Member) -> Steps[Member]:
        def taken() -> set[int]:
            words = list(one.weights)
            return {
                i
                for i, side in zip(words, attempt.rng.random(len(words)), strict=True)
                if side < 0.5
            }

        child = yield from _crossed(attempt, one, other, taken, self.retries)
        if child.scored.succeeded:
            return child
        return (yield from _rewritten(attempt, child))


@dataclass(frozen=True)
class ImprovedGenetic:
    """The improved algorithm of Wang et al., arXiv:1909.06723.

    The first population has a text a word, that word in its best rewrite. Parents are drawn evenly from
    the fittest, a child takes the words of one up to a drawn word and those of the other from there on,
    and a word that was rewritten may be rewritten again.

    Attributes:
        population: most texts in a generation.
        generations: how many follow the first population.
        rewrites: how often one word of a text may be rewritten.
        retries: how often a child that breaks a constraint is mixed anew; then it is one of its parents.
    """

    drafts: ClassVar[bool] = True

    population: int = 60
    generations: int = 20
    rewrites: int = 5
    retries: int = 20

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = yield from attempt.start()
        words = attempt.editable(attempt.original)
        if not words:
            return start
        first = Member(start, dict.fromkeys(words, float(self.rewrites)))
        members = yield from together([_tried(attempt, first, index) for index in words])
        return (
            yield from _evolved(members, self.generations, lambda m: self._children(attempt, m))
        )

    def _children(self, attempt: Attempt, members: Sequence[Member]) -> list[Steps[Member]]:
        fittest = members[: self.population]
        pairs = attempt.rng.integers(len(fittest), size=(len(fittest) - 1, 2))
        return [self._child(attempt, fittest[one], fittest[other]) for one, other in pairs]

    def _child(self, attempt: Attempt, one: Member, other: Member) -> Steps[Member]:
        words = list(one.weights)
        child = yield from _crossed(
            attempt,
            one,
            other,
            lambda: words[int(attempt.rng.integers(len(words))) :],
            self.retries,
        )
        if child.scored.succeeded:
            return child
        allowed = attempt.editable(child.scored.candidate)
        for index in attempt.rng.permutation([i for i in allowed if child.weights.get(i)]):
            mutant = yield from _tried(attempt, child, int(index))
            if mutant is not child:
                return mutant
        return child


def _evolved(
    members: Sequence[Member],
    generations: int,
    children: Callable[[Sequence[Member]], list[Steps[Member]]],
) -> Steps[Scored]:
    """The best text after so many generations, or of the first that holds a success."""
    ranked = _ranked(members)
    for _ in range(generations):
        if ranked[0].scored.succeeded:
            break
        ranked = _ranked([ranked[0], *(yield from together(children(ranked)))])
    return ranked[0].scored


def _ranked(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda member: member.scored.rank, reverse=True)


def _rewritten(attempt: Attempt, member: Member) -> Steps[Member]:
    """The member with one word rewritten, drawn by weight until one rewrite is an improvement."""
    allowed = attempt.editable(member.scored.candidate)
    left = {i: member.weights[i] for i in allowed if member.weights.get(i)}
    while left:
        index = drawn(left, attempt.rng)
        del left[index]
        better = yield from best_rewrite(attempt, member.scored, index)
        if better is not None:
            return Member(better, {**member.weights, index: 0.0})
    return member


def _tried(attempt: Attempt, member: Member, index: int) -> Steps[Member]:
    """The member with word `index` in its best rewrite; itself where none is an improvement."""
    better = yield from best_rewrite(attempt, member.scored, index)
    if better is None:
        return member
    return Member(better, {**member.weights, index: member.weights[index] - 1})


def _crossed(
    attempt: Attempt,
    one: Member,
    other: Member,
    taken: Callable[[], Collection[int]],
    retries: int,
) -> Steps[Member]:
    """`one` with drawn words of `other`: a parent where no mixture is admissible."""
    parents: tuple[Candidate, Candidate] = (one.scored.candidate, other.scored.candidate)
    for _ in range(retries + 1):
        words = taken()
        candidate = mixed(*parents, words)
        if candidate == parents[0]:
            return one
        if candidate == parents[1]:
            return other
        if (yield from attempt.admissible([candidate], parents[0])):
            (scored,) = yield from attempt.score([candidate])
            weights = {i: (other if i in words else one).weights[i] for i in one.weights}
            return Member(scored, weights)
    return one if attempt.rng.random() < 0.5 else other

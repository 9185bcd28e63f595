"""Drafts: cheap guesses at what the victim would say, so that it is asked about less.

One of them, `ExactDraft`, asks the victim itself and spares the models of the constraints.

A draft ranks the rewrites of a word and the words of a text; only the most promising are then put to
the victim, which alone decides what is kept and what succeeds. Recipes are drafted on request
(`attacks.recipe.Recipe.drafted`), and their parameters say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.protocols import DRAFT, GRADIENT_DRAFT, ROUNDED_DRAFT, VICTIM, Ask, Steps
from attacks.questions import Floats, Slopes
from attacks.rounding import comparable, softmax
from attacks.text import Candidate, changed_between

KEEP = 2
"""Rewrites of a word that the victim is asked about. With 1 attacks are weaker; with 3 or 4 they ask
more and break no more (benchmarks/drafting.py).
"""
HALF = 0.5
"""What constraints must let pass for a guess to be worth its while: it costs less than the victim."""
SELDOM = 0.25
"""What they must let pass in any case: to look for one that does in every fourth takes four."""


@dataclass(frozen=True)
class GradientDraft:
    """The victim's gradient at the original estimates all rewrites, to first order (HotFlip's estimate).

    It needs a victim whose weights are at hand. An example costs one forward and one backward pass,
    however much is rewritten; no query is counted for it. (A gradient at the text as it stands, which
    costs such a pass for each word that was changed, finds no better candidates.)

    Attributes:
        keep: rewrites of a word that the victim is asked about.
    """

    needs: ClassVar[str] = GRADIENT_DRAFT
    trusted: ClassVar[bool] = False
    least_passing: ClassVar[float] = HALF
    exact: ClassVar[bool] = False

    keep: int = KEEP

    def __post_init__(self) -> None:
        _check(self.keep)

    def order(
        self, attempt: Attempt, candidates: Sequence[Candidate], current: Candidate
    ) -> Steps[list[Candidate]]:
        """See `attacks.protocols.Draft.order`: by the sum of the estimates of the words that differ."""
        changes = [
            [(index, candidate.word(index)) for index in changed_between(candidate, current)]
            for candidate in candidates
        ]
        options: dict[int, dict[str, int]] = {}
        for index, word in (change for found in changes for change in found):
            words = options.setdefault(index, {})
            words.setdefault(word, len(words))
        options_of = {index: tuple(new) for index, new in options.items()}
        swaps, sign = attempt.swaps(options_of, attempt.original)
        answers: list[Slopes] = yield Ask(GRADIENT_DRAFT, (swaps,))
        row = iter(comparable(answers[0].gains * sign))
        gains = {index: [next(row) for _ in new] for index, new in options_of.items()}
        worth = [sum(gains[i][options[i][word]] for i, word in found) for found in changes]
        return [candidates[n] for n in sorted(range(len(candidates)), key=lambda n: -worth[n])]

    def weights(self, attempt: Attempt, probes: Mapping[int, Candidate]) -> Steps[dict[int, float]]:
        """See `attacks.protocols.Draft.weights`: the gradient's size at the word (Yoo and Qi 2021)."""
        swaps, _ = attempt.swaps(dict.fromkeys(probes, ()), attempt.original)
        answers: list[Slopes] = yield Ask(GRADIENT_DRAFT, (swaps,))
        return dict(zip(probes, comparable(answers[0].weights), strict=True))


@dataclass(frozen=True)
class ModelDraft:
    """Another classifier with the same labels: a small student, or a compressed copy of the victim.

    Attributes:
        keep: rewrites of a word that the victim is asked about.
        model, fingerprint: which one it is, for the records.
    """

    needs: ClassVar[str] = DRAFT
    trusted: ClassVar[bool] = False
    least_passing: ClassVar[float] = HALF
    exact: ClassVar[bool] = False

    keep: int = KEEP
    model: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        _check(self.keep)

    def order(
        self, attempt: Attempt, candidates: Sequence[Candidate], current: Candidate
    ) -> Steps[list[Candidate]]:
        """See `attacks.protocols.Draft.order`: by the goal's score of the other model's answers."""
        return (yield from _ordered(attempt, candidates, self.needs))

    def weights(self, attempt: Attempt, probes: Mapping[int, Candidate]) -> Steps[dict[int, float]]:
        """See `attacks.protocols.Draft.weights`: the goal's score of the text without the word."""
        return (yield from _weighed(attempt, probes, self.needs))


@dataclass(frozen=True)
class RoundedDraft:
    """A copy of the victim in bfloat16, which agrees with it but for the third digit.

    It needs a victim whose weights are at hand and a device that computes in bfloat16 (there it takes
    half the time or less; elsewhere more than the victim itself). Integers of eight bits are no choice:
    their scale is that of the batch, and an outcome would depend on what shares it.

    Attributes:
        keep: rewrites of a word that the victim is asked about.
    """

    needs: ClassVar[str] = ROUNDED_DRAFT
    trusted: ClassVar[bool] = True  # what it ranks behind, the victim does too, or all but equal
    least_passing: ClassVar[float] = HALF
    exact: ClassVar[bool] = False

    keep: int = 1

    def __post_init__(self) -> None:
        _check(self.keep)

    def order(
        self, attempt: Attempt, candidates: Sequence[Candidate], current: Candidate
    ) -> Steps[list[Candidate]]:
        """See `attacks.protocols.Draft.order`: by the goal's score of the copy's answers."""
        return (yield from _ordered(attempt, candidates, self.needs))

    def weights(self, attempt: Attempt, probes: Mapping[int, Candidate]) -> Steps[dict[int, float]]:
        """See `attacks.protocols.Draft.weights`: the goal's score of the text without the word."""
        return (yield from _weighed(attempt, probes, self.needs))


@dataclass(frozen=True)
class ExactDraft:
    """The victim itself, so that constraints with a model are asked only of what it ranks best.

    The search, the texts and what breaks are those without a draft; what is saved is the time of a
    sentence encoder, and what it costs are queries, of rewrites that are inadmissible. Where the
    constraints turn much away, they go first as ever. It needs a recipe that has such constraints and
    whose search keeps the best rewrite of a word or none; with a query budget less is tried.

    Attributes:
        keep: rewrites of a word that are looked for (the search takes one).
        constraint_cost: what the models of the constraints cost a text, in the victim's answers.
    """

    needs: ClassVar[str] = VICTIM
    trusted: ClassVar[bool] = True  # the victim itself has turned the others away
    exact: ClassVar[bool] = True

    keep: int = 1
    constraint_cost: float = 1.0

    def __post_init__(self) -> None:
        _check(self.keep)

    @property
    def least_passing(self) -> float:
        """See `attacks.protocols.Draft.least_passing`.

        Of n candidates, of which a share p pass, constraints that go first cost n of their answers and
        p n of the victim's; those that go last cost n of the victim's and about 1 / p of theirs. With
        many candidates that is less where p > 1 - `constraint_cost`.
        """
        return max(1 - self.constraint_cost, SELDOM)

    def order(
        self, attempt: Attempt, candidates: Sequence[Candidate], current: Candidate
    ) -> Steps[list[Candidate]]:
        """See `attacks.protocols.Draft.order`: without those that the search would not keep."""
        before, *scored = yield from attempt.score([current, *candidates], probing=True)
        better = [found for found in scored if found.succeeded or found.score > before.score]
        return [found.candidate for found in sorted(better, key=attrgetter("rank"), reverse=True)]

    def weights(self, attempt: Attempt, probes: Mapping[int, Candidate]) -> Steps[dict[int, float]]:
        """See `attacks.protocols.Draft.weights`: as without a draft."""
        scored = yield from attempt.score(list(probes.values()), probing=True)
        return {index: found.score for index, found in zip(probes, scored, strict=True)}


def _ordered(
    attempt: Attempt, candidates: Sequence[Candidate], model: str
) -> Steps[list[Candidate]]:
    """What the draft model takes for successes first, then by the goal's score."""
    ranks = yield from _ranks(attempt, candidates, model)
    order = sorted(range(len(candidates)), key=ranks.__getitem__, reverse=True)
    return [candidates[n] for n in order]


def _weighed(
    attempt: Attempt, probes: Mapping[int, Candidate], model: str
) -> Steps[dict[int, float]]:
    """The goal's score of each probe by the draft model."""
    ranks = yield from _ranks(attempt, list(probes.values()), model)
    return {index: score for index, (_, score) in zip(probes, ranks, strict=True)}


def _ranks(
    attempt: Attempt, candidates: Sequence[Candidate], model: str
) -> Steps[list[tuple[bool, float]]]:
    """By the draft model: whether each would be a success, and the goal's score."""
    logits: Floats = yield Ask(model, tuple(candidate.strings for candidate in candidates))
    judged = zip(candidates, softmax(logits, attempt.temperature), strict=True)
    return [(won, score) for score, won in (attempt.judged(c, row) for c, row in judged)]


def _check(keep: int) -> None:
    if keep < 1:
        raise AttackError(f"A draft keeps at least 1 rewrite of a word, and {keep} is less.")

"""Which rewrites a draft lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attacks.protocols import Constraint, Draft, Steps
from attacks.text import Candidate

if TYPE_CHECKING:
    from attacks.engine.attempt import Attempt


@dataclass
class Strictness:
    """How many candidates of one example the constraints with a model have let pass."""

    asked: int = 0
    passed: int = 0

    def note(self, asked: int, passed: int) -> None:
        """So many were asked about, and so many of them passed."""
        self.asked += asked
        self.passed += passed

    def stricter(self, least: float) -> bool:
        """Whether a smaller share than `least` passes, as far as can be told: to rank is in vain then.

        Until more is known one of two is taken to pass.
        """
        return self.passed + 1 < least * (self.asked + 2)


def promising(
    attempt: Attempt, candidates: Sequence[Candidate], current: Candidate, draft: Draft
) -> Steps[list[Candidate]]:
    """As many admissible candidates as the draft keeps, in the order in which they were proposed.

    Constraints that need a model are asked only of what the draft finds promising, unless they turn
    too much of that away: then the draft is asked only of what they allow. The same are kept either way.
    """
    constraints = attempt.recipe.constraints
    plain = tuple(c for c in constraints if isinstance(c, Constraint))
    dear = tuple(c for c in constraints if not isinstance(c, Constraint))
    cheap = yield from attempt.admissible(candidates, current, plain)
    if len(cheap) <= draft.keep:
        return (yield from attempt.admissible(cheap, current, dear))
    attempt.left_out = not draft.trusted
    if attempt.strictness.stricter(draft.least_passing):
        allowed = yield from attempt.admissible(cheap, current, dear)
        attempt.strictness.note(len(cheap), len(allowed))
        if len(allowed) <= draft.keep:
            return allowed
        ordered = yield from draft.order(attempt, allowed, current)
        kept = set(ordered[: draft.keep])
        return [candidate for candidate in allowed if candidate in kept]
    ordered = yield from draft.order(attempt, cheap, current)
    kept = set()
    start, size = 0, draft.keep
    # Which are kept does not hang on the size of a portion. Where many are inadmissible, portions
    # that grow bound how often the model of a constraint is asked for a handful.
    while start < len(ordered) and len(kept) < draft.keep:
        portion = ordered[start : start + size]
        found = yield from attempt.admissible(portion, current, dear)
        attempt.strictness.note(len(portion), len(found))
        kept.update(found[: draft.keep - len(kept)])
        start, size = start + size, 2 * size
    return [candidate for candidate in cheap if candidate in kept]

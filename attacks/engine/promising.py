"""Which rewrites a draft lets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attacks.protocols import Constraint, Draft, Steps
from attacks.text import Candidate

if TYPE_CHECKING:
    from attacks.engine.attempt import Attempt


def promising(
    attempt: Attempt, candidates: Sequence[Candidate], current: Candidate, draft: Draft
) -> Steps[list[Candidate]]:
    """As many admissible candidates as the draft keeps, in the order in which they were proposed.

    Constraints that need a model are asked only of what the draft finds promising.
    """
    constraints = attempt.recipe.constraints
    plain = tuple(c for c in constraints if isinstance(c, Constraint))
    dear = tuple(c for c in constraints if not isinstance(c, Constraint))
    cheap = yield from attempt.admissible(candidates, current, plain)
    if len(cheap) <= draft.keep:
        return (yield from attempt.admissible(cheap, current, dear))
    attempt.left_out = True
    ordered = yield from draft.order(attempt, cheap, current)
    kept: set[Candidate] = set()
    start, size = 0, draft.keep
    # Which are kept does not hang on the size of a portion. Where many are inadmissible, portions
    # that grow bound how often the model of a constraint is asked for a handful.
    while start < len(ordered) and len(kept) < draft.keep:
        found = yield from attempt.admissible(ordered[start : start + size], current, dear)
        kept.update(found[: draft.keep - len(kept)])
        start, size = start + size, 2 * size
    return [candidate for candidate in cheap if candidate in kept]

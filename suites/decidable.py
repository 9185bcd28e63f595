"""What a gate can decide on so many examples: asked of the verdict itself before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.plan import Gate
from reports.statistics import Estimate, rate
from suites.verdict import Word, decide


@dataclass(frozen=True, slots=True)
class Decidable:
    """The values at which a gate, alone in its plan, would pass or fail.

    Attributes:
        n: examples; None where the interval is that of an earlier run.
        half_width: half of the 95% interval of a value at the bound.
        passes: the worst value that passes; None where none does.
        fails: the best value that fails; None where none does.
    """

    n: int | None
    half_width: float
    passes: float | None
    fails: float | None


def of_rate(gate: Gate, n: int, factor: float = 1.0) -> Decidable:
    """A gate on a share of `n` independent examples (1 or more).

    Args:
        factor: by how much its p-value counts more (`suites.looks`).
    """
    stricter = {gate.measured: factor}

    def verdict(count: int) -> Word:
        found = decide([gate], {gate.measured: rate(count, n)}, factors=stricter)
        return found.gates[0].verdict

    upwards = gate.direction == "at_least"
    # Counted from the good end, what passes comes first, then what is open, then what fails.
    order = range(n, -1, -1) if upwards else range(n + 1)
    passing = _while(lambda place: verdict(order[place]) == "pass", n + 1)
    failing = _while(lambda place: verdict(order[place]) != "fail", n + 1)
    at_bound = rate(round(min(1.0, max(0.0, gate.bound)) * n), n)
    return Decidable(
        n,
        _half(at_bound),
        order[passing - 1] / n if passing else None,
        order[failing] / n if failing <= n else None,
    )


def of_width(gate: Gate, estimate: Estimate) -> Decidable | None:
    """A gate on any number, if its interval is as wide as an earlier one; None where that has none."""
    if estimate.low is None or estimate.high is None:
        return None
    half = _half(estimate) if gate.evidence == "interval" else 0.0
    good = 1 if gate.direction == "at_least" else -1
    return Decidable(None, _half(estimate), gate.bound + good * half, gate.bound - good * half)


def _while(holds: Callable[[int], bool], end: int) -> int:
    """How many of the first places it holds for; once it does not, it never does again."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            low = middle + 1
        else:
            high = middle
    return low


def _half(estimate: Estimate) -> float:
    return ((estimate.high or 0.0) - (estimate.low or 0.0)) / 2

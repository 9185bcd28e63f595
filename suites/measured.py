"""Measured numbers that are compared like numbers and judged like gates.

    assert robustness.attack("pwws").robust_accuracy >= 0.4

is true where the interval lies above the bound, false where it lies below, and raises
`InconclusiveError` where the sample is too small to tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.plan import Gate
from reports.statistics import Estimate
from reports.summaries import worst_examples
from reports.visible import one_line
from suites.validity.judging import wants_robust
from suites.verdict import Word, decide

WORST = 3
LONGEST = 200


class InconclusiveError(Exception):
    """The evidence is neither for nor against. A test that raises it has neither passed nor failed."""

    exit_code = 3


@dataclass(frozen=True)
class Measured:
    """A number with its interval, and what stands in the way of believing it.

    Attributes:
        metric: what it is, e.g. "robust_accuracy.pwws".
        estimate: value, 95% interval and denominator.
        problems: in words, whatever makes the evidence incomplete: a bound that is met is then
            inconclusive, one that is missed stays missed.
        doubts: why the model may look more robust than it is (`suites.validity`): as problems, but for a
            bound that wants it to be broken.
        doubtful: why it may look more broken than it is (`suites.meaning`): as problems, for such a
            bound.
        outcomes: records behind it, of which the worst are shown where a bound is missed.
    """

    metric: str
    estimate: Estimate
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    outcomes: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    def __float__(self) -> float:
        """The value alone. Raises InconclusiveError where there is none."""
        if self.estimate.value is None:
            raise InconclusiveError(f"{self.metric} has no value: {self.estimate.reason}")
        return self.estimate.value

    def __ge__(self, bound: float) -> Judged:
        """Whether it is at least the bound, by its interval."""
        return judged(
            self, Gate(metric=self.metric, at_least=float(bound), why="a test asks for it")
        )

    def __le__(self, bound: float) -> Judged:
        """Whether it is at most the bound, by its interval."""
        return judged(
            self, Gate(metric=self.metric, at_most=float(bound), why="a test asks for it")
        )

    __gt__ = __ge__
    __lt__ = __le__

    def lines(self) -> list[str]:
        """The worst examples, for people."""
        found = []
        for record in worst_examples(self.outcomes, WORST):
            before = " | ".join(record["original"])
            after = " | ".join(record["perturbed"] or ())
            found.append(f"  {record['example_id']}: {one_line(before, LONGEST)}")
            found.append(f"  {' ' * len(record['example_id'])}→ {one_line(after, LONGEST)}")
        return [f"worst of {len(self.outcomes)} examples:", *found] if found else []


@dataclass(frozen=True)
class Judged:
    """A comparison of a measured number with a bound; it is true, false, or raises.

    Attributes:
        verdict: "pass", "fail" or "inconclusive".
        reasons: in words.
    """

    measured: Measured
    verdict: Word
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether the bound is met. Raises InconclusiveError where that cannot be told."""
        if self.verdict == "inconclusive":
            raise InconclusiveError("; ".join(self.reasons))
        return self.verdict == "pass"

    def lines(self) -> list[str]:
        """The judgement and, where it fails, the worst examples."""
        return [*self.reasons, *(self.measured.lines() if self.verdict == "fail" else ())]


def judged(measured: Measured, gate: Gate) -> Judged:
    """The verdict on one gate, by the rule that plans are judged by."""
    doubts = measured.doubts if wants_robust(gate) else measured.doubtful
    problems = (*measured.problems, *doubts)
    decided = decide([gate], {gate.measured: measured.estimate}, problems)
    (result,) = decided.gates
    reasons = dict.fromkeys((result.reason, *decided.reasons))
    found = Judged(measured, decided.value, tuple(reasons))
    for heard in _LISTENING:
        if found not in heard:
            heard.append(found)
    return found


_LISTENING: list[list[Judged]] = []


@contextmanager
def listening() -> Iterator[list[Judged]]:
    """Every judgement that is made inside, once each."""
    heard: list[Judged] = []
    _LISTENING.append(heard)
    try:
        yield heard
    finally:
        _LISTENING.pop()

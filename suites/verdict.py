"""The verdict: one pure function of measured estimates and the gates of the plan.

A gate passes or fails only on evidence. What the sample is too small to decide is inconclusive, with
the number of examples that would decide it. Several gates share one error budget (Holm 1979).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from harness.plan import Gate, Waiver
from reports.statistics import WILSON, Estimate, examples_needed, holm

Word = Literal["pass", "fail", "inconclusive"]

EXIT_CODES: dict[Word, int] = {"pass": 0, "fail": 1, "inconclusive": 3}

Z = 1.959963984540054
"""Two-sided 95% normal quantile: intervals are 95% intervals, and a gate may err 2.5% a side."""

ONE_SIDED = 0.025


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate with what was measured.

    `p_pass` and `p_fail` are one-sided p-values against "the bound is not met" and "the bound is met"
    (`_p_values`), after Holm's correction (None for point evidence and missing values).
    `examples_needed` is given where the gate is undecided, `waiver` where it does not pass and need not.
    """

    gate: Gate
    estimate: Estimate | None
    verdict: Word
    reason: str
    p_pass: float | None = None
    p_fail: float | None = None
    examples_needed: int | None = None
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its reasons in words, every gate, and those of the reasons that are about no gate."""

    value: Word
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...]
    problems: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the command line ends with: 0, 1 or 3."""
        return EXIT_CODES[self.value]


def decide(
    gates: Sequence[Gate],
    estimates: Mapping[str, Estimate],
    problems: Sequence[str] = (),
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
    factors: Mapping[str, float] | None = None,
) -> Verdict:
    """The verdict over all gates.

    Args:
        gates: as the plan has them.
        estimates: measured values by metric name.
        problems: whatever makes the evidence incomplete (errored examples, a limited run), in words.
            A problem never turns a failure into anything else, and a pass into inconclusive.
        waivers: gates that need not pass; one that ended before `today` has no effect, and is said.
        today: the day of the run; without it no waiver has an effect.
        factors: by how much the p-values of an estimate count more, because it was looked at before the
            end (`suites.looks`); by its name.
    """
    inside = {w.name: w for w in waivers if today is not None and today <= w.until}
    results = tuple(
        _waived(r, inside.get(r.gate.name)) for r in _judge_all(gates, estimates, factors or {})
    )
    failed = [r for r in results if r.verdict == "fail" and r.waiver is None]
    open_ = [r for r in results if r.verdict == "inconclusive" and r.waiver is None]
    missed = {r.gate.name for r in (*failed, *open_)}
    waived = (
        *(_waiver_said(r) for r in results if r.waiver is not None),
        *(
            f"the waiver of {w.name} by {w.owner} ended on {w.until}"
            for w in waivers
            if w.name in missed
        ),
    )
    reasons = tuple(r.reason for r in (*failed, *open_)) + tuple(problems) + waived
    if failed:
        return Verdict("fail", reasons, results, tuple(problems))
    if open_ or problems:
        return Verdict("inconclusive", reasons, results, tuple(problems))
    if not gates:
        return Verdict("inconclusive", ("the plan has no gate, so nothing was required",), results)
    return Verdict("pass", waived, results)


def _waived(result: GateResult, waiver: Waiver | None) -> GateResult:
    if waiver is None or result.verdict == "pass":
        return result
    return dataclasses.replace(result, waiver=waiver)


def _waiver_said(result: GateResult) -> str:
    waiver = result.waiver
    assert waiver is not None  # noqa: S101 - asked for those that have one
    return f"{result.reason}; waived by {waiver.owner} until {waiver.until}: {waiver.reason.rstrip('.')}"


def _judge_all(
    gates: Sequence[Gate], estimates: Mapping[str, Estimate], factors: Mapping[str, float]
) -> tuple[GateResult, ...]:
    tested: list[int] = []
    results: list[GateResult | None] = []
    for number, gate in enumerate(gates):
        estimate = estimates.get(gate.measured)
        if estimate is None or estimate.value is None:
            results.append(_missing(gate, estimate))
        elif gate.evidence == "point":
            results.append(_by_point(gate, estimate))
        else:
            tested.append(number)
            results.append(None)
    both = [_p_values(gates[n], estimates[gates[n].measured]) for n in tested]
    weights = [factors.get(gates[n].measured, 1.0) for n in tested]
    # A gate that has no value yet may get any: it counts as one that is not decided.
    rest = [1.0] * sum(g.evidence == "interval" for g in gates if _valueless(g, estimates))
    passing, failing = (
        holm([*(min(1.0, p[side] * w) for p, w in zip(both, weights, strict=True)), *rest])
        for side in (0, 1)
    )
    for number, p_pass, p_fail in zip(tested, passing, failing, strict=False):
        gate = gates[number]
        results[number] = _by_interval(gate, estimates[gate.measured], p_pass, p_fail)
    return tuple(r for r in results if r is not None)


def _valueless(gate: Gate, estimates: Mapping[str, Estimate]) -> bool:
    estimate = estimates.get(gate.measured)
    return estimate is None or estimate.value is None


def _missing(gate: Gate, estimate: Estimate | None) -> GateResult:
    why = (estimate.reason if estimate else None) or "it was not measured"
    return GateResult(gate, estimate, gate.on_missing, f"{gate.measured} has no value: {why}")


def _by_point(gate: Gate, estimate: Estimate) -> GateResult:
    met = _distance(gate, estimate) >= 0
    sign = "meets" if met else "misses"
    return GateResult(
        gate, estimate, "pass" if met else "fail", f"{_shown(gate, estimate)} {sign} its bound"
    )


def _by_interval(gate: Gate, estimate: Estimate, p_pass: float, p_fail: float) -> GateResult:
    shown = _shown(gate, estimate)
    if p_pass <= ONE_SIDED:
        return GateResult(gate, estimate, "pass", f"{shown} meets its bound", p_pass, p_fail)
    if p_fail <= ONE_SIDED:
        return GateResult(gate, estimate, "fail", f"{shown} misses its bound", p_pass, p_fail)
    needed = examples_needed(estimate, gate.bound)
    if needed is not None and needed <= estimate.n:
        needed = (
            None  # the sample would do for this gate alone; it is Holm's correction that holds it
        )
    more = f"; about {needed} examples would decide it" if needed else ""
    return GateResult(
        gate,
        estimate,
        "inconclusive",
        f"{shown} cannot be told from its bound with {estimate.n} examples{more}",
        p_pass,
        p_fail,
        needed,
    )


def _distance(gate: Gate, estimate: Estimate) -> float:
    """How far the value is on the good side of the bound."""
    above = (estimate.value or 0.0) - gate.bound
    return above if gate.direction == "at_least" else -above


def _half_width(gate: Gate, estimate: Estimate) -> float:
    """Width of the interval from the value towards the bound."""
    value = estimate.value or 0.0
    low = estimate.low if estimate.low is not None else -math.inf
    high = estimate.high if estimate.high is not None else math.inf
    return value - low if gate.bound < value else high - value


def _p_values(gate: Gate, estimate: Estimate) -> tuple[float, float]:
    """One-sided p-values against "the bound is not met" and against "it is met".

    By the normal law that its interval stands for, and of a plain rate by the exact binomial test as
    well: near 0 and 1 Wilson's interval leaves a bound out too often for a gate. An interval without
    width says nothing of how sure the value is, and decides nothing.
    """
    half = _half_width(gate, estimate)
    if half == 0:
        return 1.0, 1.0
    p = 0.5 * math.erfc(_distance(gate, estimate) / (half / Z) / math.sqrt(2))
    if estimate.count is None or estimate.method != WILSON or not 0 <= gate.bound <= 1:
        return p, 1 - p
    from scipy.stats import binom

    more = float(binom.sf(estimate.count - 1, estimate.n, gate.bound))
    fewer = float(binom.cdf(estimate.count, estimate.n, gate.bound))
    met, missed = (more, fewer) if gate.direction == "at_least" else (fewer, more)
    return max(p, met), max(1 - p, missed)


def _shown(gate: Gate, estimate: Estimate) -> str:
    bound = f"{gate.direction.replace('_', ' ')} {gate.bound:g}"
    low = "?" if estimate.low is None else f"{estimate.low:.3f}"
    high = "?" if estimate.high is None else f"{estimate.high:.3f}"
    value = f"{estimate.value:.3f} [{low}, {high}], n = {estimate.n}"
    return f"{gate.measured} = {value} (bound: {bound})"

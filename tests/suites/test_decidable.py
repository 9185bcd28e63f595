"""What a gate is said to decide is what the verdict decides."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.plan import Gate
from reports.statistics import Estimate, rate
from suites.decidable import of_rate, of_width
from suites.verdict import Z, decide


def gate(**bounds: Any) -> Gate:
    return Gate(metric="m", why="w", **bounds)


def wilson(count: int, n: int) -> tuple[float, float]:
    share = count / n
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return centre - half, centre + half


def test_the_ends_are_those_of_wilson_s_and_the_exact_interval() -> None:
    found = of_rate(gate(at_least=0.4), 200)

    def ends(k: int) -> tuple[float, float]:
        exact = stats.binomtest(k, 200).proportion_ci(0.95, method="exact")
        return min(wilson(k, 200)[0], exact.low), max(wilson(k, 200)[1], exact.high)

    assert found.passes == min(k for k in range(201) if ends(k)[0] >= 0.4) / 200
    assert found.fails == max(k for k in range(201) if ends(k)[1] <= 0.4) / 200
    low, high = wilson(80, 200)
    assert found.half_width == pytest.approx((high - low) / 2)


@given(
    n=st.integers(1, 60),
    bound=st.floats(0, 1).map(lambda b: round(b, 2)),
    upwards=st.booleans(),
    evidence=st.sampled_from(["interval", "point"]),
)
def test_it_is_the_verdict_of_every_count(
    n: int, bound: float, upwards: bool, evidence: str
) -> None:
    one = gate(**{"at_least" if upwards else "at_most": bound, "evidence": evidence})
    found = of_rate(one, n)
    better = (lambda a, b: a >= b) if upwards else (lambda a, b: a <= b)
    for count in range(n + 1):
        word = decide([one], {"m": rate(count, n)}).gates[0].verdict
        passes = found.passes is not None and better(count / n, found.passes)
        fails = found.fails is not None and better(found.fails, count / n)
        assert word == ("pass" if passes else "fail" if fails else "inconclusive")


def test_a_bound_that_the_sample_cannot_reach_cannot_pass() -> None:
    found = of_rate(gate(at_least=0.95), 20)
    assert found.passes is None
    assert found.fails is not None
    assert of_rate(gate(at_most=0.05), 20).passes is None
    assert of_rate(gate(at_least=0.0), 20).fails is None


def test_another_number_is_as_sure_as_it_was() -> None:
    seen = Estimate(0.1, 0.05, 0.15, 100)
    found = of_width(gate(at_least=-0.02), seen)
    assert found is not None
    assert (found.passes, found.fails) == (pytest.approx(0.03), pytest.approx(-0.07))
    lower = of_width(gate(at_most=-0.02), seen)
    assert lower is not None
    assert (lower.passes, lower.fails) == (pytest.approx(-0.07), pytest.approx(0.03))
    assert of_width(gate(at_least=0.0), Estimate.missing("none")) is None

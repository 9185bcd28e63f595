"""How often one kind of value lies below another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.ranks import precedence

VALUES = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_it_is_the_share_of_pairs_with_ties_by_half(left: list[float], right: list[float]) -> None:
    found = precedence(left, right)
    pairs = [(a < b) + (a == b) / 2 for a in left for b in right]
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    statistic = stats.mannwhitneyu(right, left).statistic
    assert found.value == pytest.approx(statistic / len(pairs))
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1  # type: ignore[operator]
    assert found.high - found.low > 0


@given(VALUES, VALUES)
def test_it_turns_with_the_sides(left: list[float], right: list[float]) -> None:
    one, other = precedence(left, right), precedence(right, left)
    for a, b in ((one.value, other.value), (one.low, other.high), (one.high, other.low)):
        assert a is not None
        assert b is not None
        assert a == pytest.approx(1 - b)


@pytest.mark.parametrize(("apart", "families"), [(0, 1), (0.3, 1), (2.5, 1), (0.5, 5)])
def test_its_interval_holds_its_level(apart: float, families: int) -> None:
    generator = np.random.default_rng(20)
    held, runs = 0, 1_000 if families == 1 else 200
    truth = float(stats.norm.cdf(apart / np.sqrt(2)))
    groups = None if families == 1 else [n // families for n in range(100)]

    def values(centre: float) -> list[float]:
        shared = np.repeat(generator.normal(0, 1, 100 // families), families)
        own = generator.normal(0, 1, 100)
        together = own if families == 1 else (shared + own) / np.sqrt(2)
        return list(map(float, centre + together))

    for _ in range(runs):
        found = precedence(values(0), values(apart), groups, groups)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    slack = 0 if families == 1 else 0.025  # the standard error of 200 runs is 1.5 points
    assert 0.93 - slack <= held / runs <= 0.97 + slack


def test_what_cannot_be_said_has_a_reason() -> None:
    assert precedence([], [1.0]).reason == "one side has no values"
    assert precedence([float("nan")], [1.0]).reason == "not all values are finite"

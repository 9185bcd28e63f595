from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from reports import statistics
from reports.calibration import calibration_difference, calibration_error
from reports.statistics import Estimate

flags = st.lists(st.booleans(), min_size=1, max_size=60)


def _ends(found: Estimate) -> tuple[float, float, float]:
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    return found.value, found.low, found.high


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_rate_is_wilsons(count: int, n: int) -> None:
    count = min(count, n)
    expected = stats.binomtest(count, n).proportion_ci(method="wilson")
    value, low, high = _ends(statistics.rate(count, n))
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert 0 <= low <= value <= high <= 1


@given(st.floats(0, 1), st.integers(1, 400))
def test_wilson_of_a_whole_size_is_the_same_by_either_way(share: float, n: int) -> None:
    count = round(share * n)
    slightly_off = statistics._wilson(count / n, n + 1e-9, 0.95)
    assert slightly_off == pytest.approx(statistics._wilson(count / n, n, 0.95), abs=1e-6)


def test_a_rate_of_nothing_has_a_reason_and_no_value() -> None:
    found = statistics.rate(0, 0)
    assert found.value is None
    assert found.reason == "there are no examples to count"
    with pytest.raises(ValueError, match="0 <= count <= n"):
        statistics.rate(3, 2)


@given(flags, st.data())
def test_families_never_make_a_rate_surer(found: list[bool], data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.integers(0, 5), min_size=len(found), max_size=len(found)))
    plain, grouped = statistics.rate_of(found), statistics.rate_of(found, groups)
    assert grouped.value == plain.value
    _, low, high = _ends(plain)
    _, grouped_low, grouped_high = _ends(grouped)
    assert grouped_low <= low + 1e-9
    assert grouped_high >= high - 1e-9


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_a_mean_is_students(values: list[float]) -> None:
    assume(min(values) < max(values))
    value, low, high = _ends(statistics.mean(values))
    error = stats.sem(values)
    if error > 1e-9:
        expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), error)
        assert (low, high) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert low <= value <= high


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 9, [1.0, math.nan], [1.0, math.inf]])
def test_a_mean_that_is_not_there_says_why(values: list[float]) -> None:
    found = statistics.mean(values)
    assert found.low is None
    assert found.reason


def test_bca_is_scipys() -> None:
    values = np.random.default_rng(1).exponential(size=40)
    expected = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=9999, rng=0)
    _, low, high = _ends(statistics.mean(list(values), method="bca"))
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval), rel=1e-6)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = list(np.random.default_rng(2).normal(size=60))
    groups = [number // 3 for number in range(60)]
    assert statistics.bootstrap(values, groups) == statistics.bootstrap(values, groups)
    assert statistics.bootstrap(values, groups, seed=1) != statistics.bootstrap(values, groups)


def test_one_family_has_no_interval() -> None:
    found = statistics.bootstrap([1.0, 2.0], ["a", "a"])
    assert found.value == 1.5
    assert found.low is None
    assert found.reason == "one family has no interval"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_a_paired_difference_has_its_value_inside_and_turns_with_its_sides(
    pairs: list[tuple[bool, bool]],
) -> None:
    before, after = [p[0] for p in pairs], [p[1] for p in pairs]
    value, low, high = _ends(statistics.paired_difference(before, after, resamples=200))
    assert value == pytest.approx((sum(after) - sum(before)) / len(pairs))
    assert -1 <= low <= value <= high <= 1
    turned = statistics.paired_difference(after, before, resamples=200)
    assert turned.value == pytest.approx(-value)


def test_no_change_at_all_is_not_certainty() -> None:
    _, low, high = _ends(statistics.paired_difference([1] * 100, [1] * 100))
    assert low == pytest.approx(-high)
    assert 0.02 < high < 0.04
    _, low, high = _ends(statistics.paired_difference([1] * 100, [1] * 100, [0] * 50 + [1] * 50))
    assert high > 0.3, "two families are two witnesses"


def test_bonett_price_is_the_published_formula() -> None:
    # 5 gained and 2 lost of 40: (6 - 3) / 42 and its adjusted Wald interval.
    values = [1.0] * 5 + [-1.0] * 2 + [0.0] * 33
    up, down, n = 6 / 42, 3 / 42, 42
    half = stats.norm.ppf(0.975) * math.sqrt((up + down - (up - down) ** 2) / n)
    expected = (up - down - half, up - down + half)
    assert statistics._bonett_price(values, 40, 0.95) == pytest.approx(expected)


def test_unlike_lengths_and_missing_values_are_not_compared() -> None:
    with pytest.raises(ValueError, match="pairs must match"):
        statistics.paired_difference([1], [1, 0])
    assert statistics.paired_difference([1.0, math.nan], [1.0, 0.0]).value is None
    assert statistics.paired_difference([], []).value is None
    with pytest.raises(ValueError, match="each value needs its family"):
        statistics.paired_difference([1, 0], [0, 1], ["a"])


def test_the_difference_of_rates_is_newcombes_example() -> None:
    # Newcombe 1998, table II, example (a), method 10: 56/70 - 48/80.
    _, low, high = _ends(statistics.rate_difference((56, 70), (48, 80)))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_difference_with_a_missing_side_says_why() -> None:
    found = statistics.rate_difference((0, 0), (1, 2))
    assert found.value is None
    assert found.reason == "there are no examples to count"


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_a_sign_test(broken: int, fixed: int) -> None:
    p = statistics.mcnemar(broken, fixed)
    assert 0 < p <= 1
    assert p == statistics.mcnemar(fixed, broken)
    if broken + fixed:
        assert p == pytest.approx(stats.binomtest(broken, broken + fixed).pvalue)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_monotone_and_no_weaker_than_the_plain_value(p_values: list[float]) -> None:
    adjusted = statistics.holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert all(
        a <= min(1.0, p * len(p_values)) + 1e-12 for a, p in zip(adjusted, p_values, strict=True)
    )
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_holm_is_the_textbook_example() -> None:
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_enough_examples_do_decide() -> None:
    found = statistics.rate(80, 100)
    needed = statistics.examples_needed(found, 0.78)
    assert needed is not None
    larger = statistics.rate(round(0.8 * needed * 1.05), round(needed * 1.05))
    assert larger.low is not None
    assert larger.low > 0.78
    assert statistics.examples_needed(found, 0.8) is None
    assert statistics.examples_needed(found, 0.8 + 1e-12) is None  # and not 10 to the 21st
    assert statistics.examples_needed(Estimate.missing("none"), 0.5) is None


def test_an_estimate_survives_json() -> None:
    found = statistics.rate(3, 10)
    assert Estimate.from_dict({**found.to_dict(), "new": 1}) == found


# Coverage: 95% intervals must hold the truth in 93 to 97% of all samples. For a rate that is summed over
# every sample there is; elsewhere drawn, with a standard error of 0.5 points in 2,000 runs.


def _coverage(
    truth: float, draw: Callable[[np.random.Generator], Estimate], runs: int = 2_000
) -> float:
    generator = np.random.default_rng(20)
    held = 0
    for _ in range(runs):
        found = draw(generator)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    return held / runs


@pytest.mark.parametrize("n", [100, 200, 500])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.5, 0.9])
def test_rates_hold_their_level(share: float, n: int) -> None:
    covered = 0.0
    for count in range(n + 1):
        found = statistics.rate(count, n)
        if _ends(found)[1] <= share <= _ends(found)[2]:
            covered += float(stats.binom.pmf(count, n, share))
    assert 0.93 <= covered <= 0.97


def _families(
    generator: np.random.Generator, families: int, size: int
) -> tuple[list[bool], list[int]]:
    chances = generator.beta(1.5, 1.5, families)
    drawn = generator.random((families, size)) < chances[:, None]
    return list(map(bool, drawn.ravel())), [f for f in range(families) for _ in range(size)]


def test_rates_of_families_hold_their_level_and_the_plain_ones_would_not() -> None:
    grouped = _coverage(0.5, lambda g: statistics.rate_of(*_families(g, 40, 5)))
    plain = _coverage(0.5, lambda g: statistics.rate_of(_families(g, 40, 5)[0]))
    assert 0.93 <= grouped <= 0.97
    assert plain < 0.9


@pytest.mark.parametrize(("gained", "lost"), [(0.1, 0.1), (0.02, 0.0), (0.3, 0.05)])
def test_paired_differences_hold_their_level(gained: float, lost: float) -> None:
    def draw(generator: np.random.Generator) -> Estimate:
        u = generator.random(100)
        before, after = u >= gained, (u < 1 - lost) | (u < gained)
        return statistics.paired_difference(list(before), list(after), resamples=299)

    covered = _coverage(gained - lost, draw, 1_000)
    assert covered >= 0.93
    if (
        lost > 0
    ):  # where nothing is lost few samples show a loss, and the interval must not say none
        assert covered <= 0.97


def test_paired_differences_of_families_hold_their_level() -> None:
    def draw(generator: np.random.Generator) -> Estimate:
        after, groups = _families(generator, 50, 4)
        return statistics.paired_difference([False] * 200, after, groups, resamples=299)

    assert 0.93 <= _coverage(0.5, draw) <= 0.97


def test_calibration_error_knows_good_from_bad() -> None:
    generator = np.random.default_rng(4)
    correct = list(map(bool, generator.random(2000) < 0.7))
    good = calibration_error([0.7] * 2000, correct)
    bad = calibration_error([0.95] * 2000, correct)
    assert _ends(good)[1] <= 0.02
    assert 0.2 < _ends(bad)[1] < _ends(bad)[0] < _ends(bad)[2] < 0.3
    gain = calibration_difference([0.95] * 2000, [0.7] * 2000, correct)
    assert _ends(gain)[1] > 0.15
    families = [n // 10 for n in range(2000)]
    assert calibration_error([0.7] * 2000, correct, families).value == good.value


@pytest.mark.parametrize("confidences", [[], [math.nan, 0.5], [0.9]])
def test_calibration_that_cannot_be_said_has_a_reason(confidences: list[float]) -> None:
    found = calibration_error(confidences, [True] * len(confidences))
    assert found.low is None
    assert found.reason

"""Estimates with intervals, comparisons and corrections: every number of a report comes from here.

What is chosen, and why:
- A rate carries Wilson's interval (scipy), which holds its level at small n and at 0 and 1. Examples
  that come in families shrink the sample to its effective size first (Kish's design effect).
- A mean carries Student's t, or BCa bootstrap where asked; families are resampled whole.
- A difference of two runs over the same examples is paired and bootstrapped by family (BCa). For 0/1
  values the interval is never narrower than Bonett and Price's (2012): a bootstrap of a sample without
  a single change says "exactly zero", which no sample can know.
- A difference of two independent rates carries Newcombe's hybrid score interval (1998, method 10), and
  one of two independent means the same construction over their t intervals; a product of two rates
  has its interval from theirs in the same way.
Nothing here is drawn without a seed, and a number that does not exist is None with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

LEVEL = 0.95
WILSON = "Wilson"
"""How the interval of a rate of independent examples is made."""
RESAMPLES = 9_999
ALIKE = "all values are alike, so that the sample does not say how sure their mean is"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, how sure it is, and out of how many.

    Attributes:
        value: the estimate; None where there is none, and then `reason` says why.
        low, high: ends of the interval; None where the sample gives none (`reason` says why).
        n: the denominator: examples, or pairs.
        count: the numerator of a rate; None for other numbers.
        method: how the interval was made, in words.
        level: its confidence level.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    count: float | None = None
    method: str = ""
    level: float = LEVEL
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Estimate:
        """Read back what `to_dict` wrote; unknown keys are ignored."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**known)

    @classmethod
    def missing(cls, reason: str, n: int = 0, level: float = LEVEL) -> Estimate:
        """An estimate that does not exist, with the reason."""
        return cls(value=None, low=None, high=None, n=n, level=level, reason=reason)


def rate(count: float, n: float, *, level: float = LEVEL) -> Estimate:
    """A share with Wilson's score interval. `n` of 0 gives no value, with the reason."""
    if n <= 0:
        return Estimate.missing("there are no examples to count", level=level)
    if not 0 <= count <= n:
        raise ValueError(f"a rate needs 0 <= count <= n; got {count} of {n}")
    low, high = _wilson(count / n, n, level)
    return Estimate(count / n, low, high, int(n), count, WILSON, level)


def rate_of(
    flags: Sequence[bool], groups: Sequence[Hashable] | None = None, *, level: float = LEVEL
) -> Estimate:
    """The share of true flags with Wilson's interval; families count as less than their members.

    With `groups`, the interval is that of the effective sample size: n over the design effect, which is
    the variance between families over that of as many independent examples (Kish 1965; never below 1).
    Where all flags agree the variance says nothing and every family counts as one example.
    """
    count, n = sum(map(bool, flags)), len(flags)
    plain = rate(count, n, level=level)
    if n == 0 or groups is None or len(set(groups)) == n:
        return plain
    effective, families = _effective_size([float(flag) for flag in flags], groups)
    low, high = _wilson(count / n, effective, level)
    method = f"Wilson, {families} families count as {effective:.0f} examples"
    return Estimate(count / n, low, high, n, count, method, level)


def mean(
    values: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    method: Literal["t", "bca"] = "t",
    level: float = LEVEL,
    seed: int = 0,
) -> Estimate:
    """A mean with Student's t interval or a BCa bootstrap; with `groups`, families are resampled whole.

    A value that is not finite makes the mean undefined, with the number of such values as the reason:
    dropping them would turn a broken model into a good one.
    """
    n = len(values)
    if n == 0:
        return Estimate.missing("there are no values", level=level)
    broken = sum(not math.isfinite(value) for value in values)
    if broken:
        return Estimate.missing(f"{broken} of {n} values are not finite", n, level)
    if groups is not None and len(set(groups)) < n:
        return bootstrap(values, groups, level=level, seed=seed)
    if method == "bca":
        return bootstrap(values, level=level, seed=seed)
    centre = math.fsum(values) / n
    if n < 2:
        return Estimate(centre, None, None, n, None, "", level, "one value has no interval")
    if min(values) == max(values):
        return Estimate(centre, None, None, n, None, "", level, ALIKE)
    from scipy import stats

    error = math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (n - 1) / n)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return Estimate(centre, centre - half, centre + half, n, None, "Student's t", level)


def bootstrap(
    values: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = LEVEL,
    seed: int = 0,
    resamples: int = RESAMPLES,
    method: Literal["BCa", "percentile"] = "BCa",
) -> Estimate:
    """The mean of `values` with a bootstrap interval; families (`groups`) are resampled whole."""
    n = len(values)
    if n == 0:
        return Estimate.missing("there are no values", level=level)
    sums, sizes = _by_family(values, groups)
    centre = math.fsum(values) / n
    what = "bootstrap" if groups is None else f"bootstrap of {len(sums)} families"
    if len(sums) < 2:
        reason = "one family has no interval" if groups is not None else "one value has no interval"
        return Estimate(centre, None, None, n, None, "", level, reason)

    if min(values) == max(values):
        return Estimate(centre, None, None, n, None, "", level, ALIKE)

    def ratio(sums: Any, sizes: Any, axis: int = -1) -> Any:
        return sums.sum(axis=axis) / sizes.sum(axis=axis)

    low, high, used = _resample((sums, sizes), ratio, level, seed, resamples, method)
    return Estimate(centre, low, high, n, None, f"{what}, {used}", level)


def paired_difference(
    before: Sequence[float],
    after: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = LEVEL,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The mean of `after - before` over pairs, by BCa bootstrap of families.

    Where both are 0/1, the ends are moved outward to those of Bonett and Price's interval at the
    effective sample size, so that few or no changes do not pass for certainty.
    """
    if len(before) != len(after):
        raise ValueError(f"pairs must match: {len(before)} before and {len(after)} after")
    values = [float(b) - float(a) for a, b in zip(before, after, strict=True)]
    if any(not math.isfinite(value) for value in values):
        broken = sum(not math.isfinite(value) for value in values)
        return Estimate.missing(
            f"{broken} of {len(values)} differences are not finite", len(values)
        )
    drawn = bootstrap(values, groups, level=level, seed=seed, resamples=resamples)
    if drawn.value is None or not {float(value) for value in (*before, *after)} <= {0.0, 1.0}:
        return drawn
    effective = float(len(values)) if groups is None else _effective_size(values, groups)[0]
    low, high = _bonett_price(values, effective, level)
    return Estimate(
        drawn.value,
        low if drawn.low is None else min(drawn.low, low),
        high if drawn.high is None else max(drawn.high, high),
        drawn.n,
        None,
        f"paired {drawn.method}, at least Bonett-Price" if drawn.method else "Bonett-Price",
        level,
    )


def rate_difference(
    left: tuple[float, float], right: tuple[float, float], *, level: float = LEVEL
) -> Estimate:
    """`left - right` of two independent shares, each (count, n): Newcombe's hybrid score interval."""
    return independent_difference(rate(*left, level=level), rate(*right, level=level))


def independent_difference(left: Estimate, right: Estimate) -> Estimate:
    """`left - right` of two estimates from different examples, by their own intervals.

    For rates with score intervals this is Newcombe's method 10 (1998); for means it is the same idea,
    "variance estimates recovery" (Zou and Donner 2008). Intervals that were widened for families widen
    the difference.
    """
    n = left.n + right.n
    a, b = _ends(left), _ends(right)
    if a is None or b is None:
        reason = (left if a is None else right).reason
        return Estimate.missing(reason or "one side has no interval", n, left.level)
    gap = a[0] - b[0]
    low = gap - math.hypot(a[0] - a[1], b[2] - b[0])
    high = gap + math.hypot(a[2] - a[0], b[0] - b[1])
    return Estimate(gap, low, high, n, None, "from the two intervals (Newcombe)", left.level)


def product(left: Estimate, right: Estimate) -> Estimate:
    """`left * right` of two independent shares, such as a rate and how much of it was confirmed.

    The interval is recovered from the two ("MOVER", Zou and Donner 2008): each distance from value to
    end is weighted by the other's value, and they add up as squares. At a share of 0 or 1 it keeps a
    width, as the score intervals do, and it knows families where they do. `n` is the smaller of the two.
    """
    n = min(left.n, right.n)
    a, b = _ends(left), _ends(right)
    if a is None or b is None:
        reason = (left if a is None else right).reason
        return Estimate.missing(reason or "one factor has no interval", n, left.level)
    value = a[0] * b[0]
    low = value - math.hypot(b[0] * (a[0] - a[1]), a[0] * (b[0] - b[1]))
    high = value + math.hypot(b[0] * (a[2] - a[0]), a[0] * (b[2] - b[0]))
    method = "product, from the two intervals (MOVER)"
    return Estimate(value, max(0.0, low), min(1.0, high), n, None, method, left.level)


def mcnemar(newly_broken: int, newly_fixed: int) -> float:
    """The exact two-sided p value of McNemar's test from the two kinds of change."""
    changed = newly_broken + newly_fixed
    if changed == 0:
        return 1.0
    from scipy import stats

    return float(stats.binomtest(newly_broken, changed, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given (1979). Rejecting those <= alpha keeps the level."""
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted


MOST_NEEDED = 10_000_000
"""Examples beyond which a number of them is no advice."""


def examples_needed(estimate: Estimate, bound: float) -> int | None:
    """About how many examples would let the interval exclude `bound`, were the value to stay.

    None where that cannot be said: no interval, or a value on the bound itself, or so near to it that no
    sample would do (`MOST_NEEDED`). Intervals shrink with the root of n, so this takes the half-width
    toward the bound and scales it.
    """
    ends = _ends(estimate)
    if ends is None:
        return None
    value, low, high = ends
    distance = abs(value - bound)
    half = value - low if bound < value else high - value
    if distance == 0 or estimate.n == 0:
        return None
    needed = estimate.n * (half / distance) ** 2
    return max(estimate.n, math.ceil(needed)) if needed <= MOST_NEEDED else None


def _ends(estimate: Estimate) -> tuple[float, float, float] | None:
    """Value, low and high, or None where one of them is missing."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return estimate.value, estimate.low, estimate.high


def _wilson(share: float, n: float, level: float) -> tuple[float, float]:
    """Wilson's score interval, also for an `n` that is not whole."""
    from scipy import stats

    if float(n).is_integer() and float(share * n).is_integer():
        found = stats.binomtest(int(share * n), int(n)).proportion_ci(level, method="wilson")
        return float(found.low), float(found.high)
    z = float(stats.norm.ppf((1 + level) / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def _bonett_price(values: Sequence[float], effective: float, level: float) -> tuple[float, float]:
    """Bonett and Price's adjusted Wald interval for a difference of paired shares."""
    from scipy import stats

    n = len(values)
    gained = sum(value > 0 for value in values) / n * effective
    lost = sum(value < 0 for value in values) / n * effective
    up, down = (gained + 1) / (effective + 2), (lost + 1) / (effective + 2)
    z = float(stats.norm.ppf((1 + level) / 2))
    half = z * math.sqrt((up + down - (up - down) ** 2) / (effective + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def _by_family(values: Sequence[float], groups: Sequence[Hashable] | None) -> tuple[Any, Any]:
    """Sum and size of each family, in order of first appearance."""
    import numpy as np

    if groups is None:
        return np.asarray(values, dtype=float), np.ones(len(values))
    if len(groups) != len(values):
        raise ValueError(
            f"each value needs its family: {len(values)} values, {len(groups)} families"
        )
    sums: dict[Hashable, float] = {}
    sizes: dict[Hashable, int] = {}
    for value, group in zip(values, groups, strict=True):
        sums[group] = sums.get(group, 0.0) + float(value)
        sizes[group] = sizes.get(group, 0) + 1
    return np.asarray(list(sums.values())), np.asarray(list(sizes.values()), dtype=float)


def _effective_size(values: Sequence[float], groups: Sequence[Hashable]) -> tuple[float, int]:
    """How many independent examples the families are worth, and how many families there are."""
    sums, sizes = _by_family(values, groups)
    n, families = len(values), len(sums)
    centre = float(sums.sum()) / n
    spread = math.fsum((value - centre) ** 2 for value in values)
    if spread == 0 or families < 2:
        return float(families), families
    residuals = sums - centre * sizes
    between = families / (families - 1) * float((residuals**2).sum())
    return n / max(1.0, between / spread), families


def _resample(
    data: tuple[Any, Any],
    statistic: Callable[..., Any],
    level: float,
    seed: int,
    resamples: int,
    method: Literal["BCa", "percentile"],
) -> tuple[float, float, str]:
    """Ends of scipy's bootstrap interval and the name of the method that gave them."""
    import warnings

    import numpy as np
    from scipy import stats

    with warnings.catch_warnings():
        # BCa of a sample that does not vary warns and gives NaN; the percentiles answer then.
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            data,
            statistic,
            n_resamples=resamples,
            paired=True,
            vectorized=True,
            confidence_level=level,
            method=method,
            batch=max(1, 2_000_000 // max(1, len(data[0]))),
            rng=np.random.default_rng(seed),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    if math.isfinite(low) and math.isfinite(high):
        return low, high, method
    return _resample(data, statistic, level, seed, resamples, "percentile")

"""How far a model's confidence is from its accuracy, with intervals that know families."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from reports.statistics import LEVEL, Estimate

BINS = 15
RESAMPLES = 1_999


def calibration_error(
    confidences: Sequence[float],
    correct: Sequence[bool],
    groups: Sequence[Hashable] | None = None,
    *,
    bins: int = BINS,
    level: float = LEVEL,
    seed: int = 0,
) -> Estimate:
    """Expected calibration error over equal-width bins (Guo et al. 2017), with a bootstrap interval.

    The binned error is biased upward in small samples, and resampling adds the same bias once more. The
    interval therefore takes the wider end of two: the basic ("reverse percentile") bootstrap, which
    mirrors the bias back, and the percentile one. A small sample cannot show a good calibration.
    """
    found = _bootstrap([confidences], correct, groups, bins, level, seed, lambda errors: errors[0])
    if found.low is None or found.high is None:
        return found
    return Estimate(
        found.value, max(0.0, found.low), min(1.0, found.high), found.n, None, found.method, level
    )


def calibration_difference(
    left: Sequence[float],
    right: Sequence[float],
    correct: Sequence[bool],
    groups: Sequence[Hashable] | None = None,
    *,
    bins: int = BINS,
    level: float = LEVEL,
    seed: int = 0,
) -> Estimate:
    """Calibration error of `left` minus that of `right` on the same examples, resampled together."""
    return _bootstrap(
        [left, right], correct, groups, bins, level, seed, lambda errors: errors[0] - errors[1]
    )


def _bootstrap(
    confidences: Sequence[Sequence[float]],
    correct: Sequence[bool],
    groups: Sequence[Hashable] | None,
    bins: int,
    level: float,
    seed: int,
    combine: Callable[[list[float]], float],
) -> Estimate:
    import numpy as np

    n = len(correct)
    if n == 0:
        return Estimate.missing("there are no predictions", level=level)
    sides: list[tuple[Any, Any]] = []
    for shares in (np.asarray(side, dtype=float) for side in confidences):
        if not np.isfinite(shares).all():
            return Estimate.missing("a confidence is not finite", n, level)
        where = np.clip((shares * bins).astype(int), 0, bins - 1)
        sides.append((where, np.asarray(correct, dtype=float) - shares))

    def statistic(weights: Any) -> float:
        total = weights.sum()
        return combine(
            [float(np.abs(np.bincount(w, weights=m * weights)).sum() / total) for w, m in sides]
        )

    value = statistic(np.ones(n))
    keys = range(n) if groups is None else groups
    positions = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    family, families = np.asarray([positions[key] for key in keys]), len(positions)
    if families < 2:
        return Estimate(value, None, None, n, None, "", level, "one example has no interval")
    generator = np.random.default_rng(seed)
    even = np.full(families, 1 / families)
    drawn = [statistic(generator.multinomial(families, even)[family]) for _ in range(RESAMPLES)]
    lower, upper = (float(end) for end in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))
    low, high = min(2 * value - upper, lower, value), max(2 * value - lower, upper, value)
    return Estimate(
        value, low, high, n, None, f"bootstrap, basic and percentile, {bins} bins", level
    )

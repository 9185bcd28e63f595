"""How often one kind of value lies below another: the area under a ROC curve, with an interval."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from reports import statistics
from reports.statistics import LEVEL, Estimate


def precedence(
    left: Sequence[float],
    right: Sequence[float],
    left_groups: Sequence[Hashable] | None = None,
    right_groups: Sequence[Hashable] | None = None,
    *,
    level: float = LEVEL,
) -> Estimate:
    """How often a value of `left` is below one of `right`, ties by half.

    The interval is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988), on the logit: from the
    variances of the placements of either side, families whole. Where one side's placements do not vary
    it is Wilson's for as many pairs as the smaller side has values, which is never too narrow (Birnbaum
    and Klose 1957 bound the variance by it).

    Args:
        left_groups, right_groups: the family of each value.
    """
    n = len(left) + len(right)
    if not left or not right:
        return Estimate.missing("one side has no values", n, level)
    if any(not math.isfinite(value) for value in (*left, *right)):
        return Estimate.missing("not all values are finite", n, level)
    below = _placements(left, right)
    area = math.fsum(below) / len(below)
    sides = (
        statistics.mean(below, left_groups, level=level),
        statistics.mean(
            [1 - share for share in _placements(right, left)], right_groups, level=level
        ),
    )
    widths = []
    for side in sides:
        if side.value is not None and side.low is not None and side.high is not None:
            widths.append((side.value - side.low, side.high - side.value))
    if len(widths) < 2 or not all(map(any, widths)):
        fewest = min(len(left), len(right))
        found = statistics.rate(area * fewest, fewest, level=level)
        return Estimate(
            area, found.low, found.high, n, None, f"Wilson, as of {fewest} pairs", level
        )
    slope = area * (1 - area)  # of the inverse logit: ends stay between 0 and 1, and less lopsided
    down, up = (math.hypot(*side) / slope for side in zip(*widths, strict=True))
    odds = math.log(area / (1 - area))
    low, high = (1 / (1 + math.exp(-end)) for end in (odds - down, odds + up))
    return Estimate(area, low, high, n, None, "DeLong, from the placements, on the logit", level)


def _placements(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """For each value the share of the others that lie above it, ties by half."""
    ordered = np.sort(np.asarray(others, dtype=float))
    under = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    found: list[float] = (1 - under / (2 * len(ordered))).tolist()
    return found

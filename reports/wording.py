"""Numbers and names in words, one way for every report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.statistics import Estimate

MINUS = "\u2212"
DASH = "\u2013"
NONE = "\u2014"

KINDS = {
    "attack": "Attack",
    "audit": "Audit",
    "train": "Training",
    "tune": "Search for settings",
    "harden": "Hardening",
    "compare": "Comparison",
}

VERDICTS = {"pass": "Pass", "fail": "Fail", "inconclusive": "Inconclusive"}


def estimate(data: Mapping[str, Any] | None) -> Estimate:
    """An estimate from results.json; what is not there has no value."""
    return Estimate.missing("not measured") if data is None else Estimate.from_dict(data)


def percent(share: float | None, digits: int = 1) -> str:
    """0.815 as 81.5%."""
    return NONE if share is None else f"{share * 100:.{digits}f}%".replace("-", MINUS)


def points(share: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points, with its sign."""
    if share is None:
        return NONE
    text = f"{share * 100:+.{digits}f}".replace("-", MINUS)
    return text.lstrip("+" + MINUS) if float(f"{share * 100:.{digits}f}") == 0 else text


def number(value: float | None, digits: int = 3, sign: bool = False) -> str:
    """A plain number."""
    if value is None:
        return NONE
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", MINUS)


def count(value: float | None) -> str:
    """A whole number with separators."""
    return NONE if value is None else f"{value:,.0f}"


def share_interval(found: Estimate) -> str:
    """The interval of a rate: 74.9 – 86.1%."""
    if found.low is None or found.high is None:
        return ""
    return f"{found.low * 100:.1f} {DASH} {found.high * 100:.1f}%".replace("-", MINUS)


def point_interval(found: Estimate) -> str:
    """The interval of a difference: +12.0 to +25.1."""
    if found.low is None or found.high is None:
        return ""
    return f"{points(found.low)} to {points(found.high)}"


def number_interval(found: Estimate, digits: int = 3, sign: bool = False) -> str:
    """The interval of another number."""
    if found.low is None or found.high is None:
        return ""
    return f"{number(found.low, digits, sign)} to {number(found.high, digits, sign)}"


def fraction(found: Estimate) -> str:
    """The denominator, with the numerator where there is one: 163 of 200."""
    if found.count is None:
        return f"n = {found.n:,}"
    return f"{found.count:,.0f} of {found.n:,}"


def p_value(value: float | None) -> str:
    """A p value that never claims to be zero."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float | None) -> str:
    """Seconds as a reader says them."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def is_difference(metric: str) -> bool:
    """Whether a metric is a difference of two others."""
    return metric.startswith(("gain.", "gap.", "check.overconfidence"))


def is_share(metric: str) -> bool:
    """Whether a metric is a share or a difference of shares; losses and scores are not."""
    return "loss" not in metric and "brier" not in metric


def metric_value(metric: str, value: float | None) -> str:
    """A value in the unit of its metric."""
    if not is_share(metric):
        return number(value, sign=is_difference(metric))
    if is_difference(metric):
        return NONE if value is None else f"{points(value)} points"
    return percent(value)


def metric_interval(metric: str, found: Estimate) -> str:
    """An interval in the unit of its metric."""
    if not is_share(metric):
        return number_interval(found, sign=is_difference(metric))
    return point_interval(found) if is_difference(metric) else share_interval(found)


def metric_title(metric: str) -> str:
    """A metric's dotted name in words: gain.robust_accuracy.pwws.calibrated and its like."""
    parts = metric.split(".")
    prefix = ""
    if parts[0] in ("gain", "gap", "before") and len(parts) > 1:
        prefix = {"gain": "Gain: ", "gap": "Gap: ", "before": "Before: "}[parts.pop(0)]
    if parts[0] == "check" and len(parts) > 1:
        return f"{prefix}Check {parts[1]}" + (f", {parts[2]}" if len(parts) > 2 else "")
    calibrated = len(parts) > 1 and parts[-1] == "calibrated"
    if calibrated:
        parts.pop()
    title = parts[0].replace("_", " ")
    if not prefix:
        title = title[:1].upper() + title[1:]
    if len(parts) > 1:
        special = {"union": "any attack", "unseen": "unseen attacks"}
        title += ", " + " ".join(special.get(part, part) for part in parts[1:])
    return prefix + title + (", calibrated" if calibrated else "")


def victim(calibrated: bool) -> str:
    """Which form of the model was attacked."""
    return "calibrated" if calibrated else "as trained"


def known(seen: bool) -> str:
    """Whether the model was trained on the attack."""
    return "seen" if seen else "unseen"

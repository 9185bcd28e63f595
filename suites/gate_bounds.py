"""What the metric of a gate can be at all: a share, a difference of shares, or any number."""

from __future__ import annotations

from harness.plan import Gate, PlanError

PAIRED = ("before.", "gain.")
"""Metrics that need the audit of the plain model too."""

_BETWEEN = (
    *("clean_accuracy", "robust_accuracy", "attack_success_rate"),
    *("calibration_error", "noisy_accuracy", "behaviour_failures"),
    *("contrast_consistency", "transfer_accuracy", "membership_found", "train_duplicates"),
)


def check_bound(where: str, gate: Gate) -> None:
    """Raise PlanError for a bound that the metric can never meet, or never miss: percent for shares.

    Args:
        where: the gate's place in the plan ("gates.0").
    """
    least = _least(gate.measured)
    if least is None:
        return
    written = ("at_least", "at_most", "margin")
    for key, bound in ((key, getattr(gate, key)) for key in written):
        if bound is None or least <= bound <= 1:
            continue
        as_share = f" Write {bound:g}% as {bound / 100:g}." if 1 < abs(bound) <= 100 else ""
        raise PlanError(
            f"{where}.{key}: {bound:g} says nothing, because {gate.measured} lies between {least} and 1."
            f"{as_share}"
        )


def _least(metric: str) -> int | None:
    """The least value that a metric can have, where its greatest is 1; None for one without ends."""
    if metric.startswith("gain."):
        return -1
    if metric.removeprefix("before.").startswith(_BETWEEN):
        return 0
    return -1 if metric.startswith("gap.") and not metric.startswith("gap.loss") else None

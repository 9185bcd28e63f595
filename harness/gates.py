"""What must hold of an audit, and what may be missed for a while: the parts of a plan that decide."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from harness.training_plan import Section


class Gate(Section):
    """A bound that the audit must meet.

    Attributes:
        metric: dotted name of an estimate, e.g. `clean_accuracy`, `robust_accuracy.pwws`,
            `gain.robust_accuracy.textfooler.calibrated`.
        slice: counts the texts of this slice of the audit alone.
        at_least, at_most: the bound; exactly one of the two, or a margin.
        margin: by how much the metric may be lower than that of the baseline at most, paired by example.
        evidence: "interval" (the nearer end of the 95% interval must meet the bound, and of a plain rate
            that of the exact one too; where it does not but the farther end does, the gate is
            inconclusive) or "point".
        on_missing: what a missing value means, and an attack that errored on some of its examples.
        why: the reason for the bound; shown in the report.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in ("at_least", "at_most", "margin")]
        }
    )

    metric: str
    slice: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    margin: float | None = Field(default=None, ge=0.0)
    evidence: Literal["interval", "point"] = "interval"
    on_missing: Literal["inconclusive", "fail"] = "inconclusive"
    why: str

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        given = [key for key in ("at_least", "at_most", "margin") if getattr(self, key) is not None]
        if len(given) != 1:
            found = "not both" if len(given) == 2 else "not all" if given else "there is none"
            raise ValueError(f"give exactly one of at_least, at_most and margin: {found}")
        if self.margin is not None and self.metric.startswith(("gain.", "before.")):
            raise ValueError(
                "a margin is to the baseline already, so the metric needs no gain. or before. in front"
            )
        return self

    @property
    def name(self) -> str:
        """The metric with its slice, as waivers and reports know it."""
        return sliced(self.metric, self.slice)

    @property
    def measured(self) -> str:
        """The name of the estimate that decides: with a margin, the paired gain over the baseline."""
        return sliced(self.compared, self.slice)

    @property
    def compared(self) -> str:
        """That estimate's name without the slice."""
        return f"gain.{self.metric}" if self.margin is not None else self.metric

    @property
    def direction(self) -> Literal["at_least", "at_most"]:
        """Which side of the bound is good."""
        return "at_least" if self.at_most is None else "at_most"

    @property
    def bound(self) -> float:
        """What the estimate is held to."""
        if self.margin is not None:
            return -self.margin
        return self.at_least if self.at_least is not None else self.at_most or 0.0


def sliced(metric: str, name: str | None) -> str:
    """The name of a metric on a slice: `clean_accuracy@long`; of all texts where `name` is None."""
    return metric if name is None else f"{metric}@{name}"


class Waiver(Section):
    """A gate that may be missed until a day, because somebody answers for it.

    The gate is judged and shown as it is; where it does not pass, the verdict goes by the others.

    Attributes:
        metric, slice: of a gate of the plan.
        owner: who answers for it.
        reason: why it may be missed, and what is done about it.
        until: last day, as YYYY-MM-DD in UTC; from the day after it has no effect.
    """

    metric: str
    slice: str | None = None
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date

    @property
    def name(self) -> str:
        """As `Gate.name`."""
        return sliced(self.metric, self.slice)

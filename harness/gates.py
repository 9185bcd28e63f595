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
            `gain.textfooler.calibrated`; `withstand ls checks` lists them.
        at_least, at_most: exactly one of the two.
        evidence: "interval" (the nearer end of the 95% interval must meet the bound; where it does not
            but the farther end does, the gate is inconclusive) or "point".
        on_missing: what a missing value means.
        why: the reason for the bound; shown in the report.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["at_least"]}, {"required": ["at_most"]}]}
    )

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    evidence: Literal["interval", "point"] = "interval"
    on_missing: Literal["inconclusive", "fail"] = "inconclusive"
    why: str

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            found = "there is none" if self.at_least is None else "not both"
            raise ValueError(f"give exactly one of at_least and at_most: {found}")
        return self


class Waiver(Section):
    """A gate that may be missed until a day, because somebody answers for it.

    The gate is judged and shown as it is; where it does not pass, the verdict goes by the others.

    Attributes:
        metric: of a gate of the plan.
        owner: who answers for it.
        reason: why it may be missed, and what is done about it.
        until: last day, as YYYY-MM-DD in UTC; from the day after it has no effect.
    """

    metric: str
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date

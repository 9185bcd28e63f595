"""The section of a plan that says what no measurement can: `[report]`."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from harness.training_plan import Section


class Report(Section):
    """What the report says beside what was measured: who answers for it, and what the model is for.

    Attributes:
        intended_use: what the model is for, in a sentence or two.
        out_of_scope: uses and inputs that the audit is not about.
        threat_model: who would attack, why, and what they can do.
        author: who answers for the plan and the run.
        reviewer: who looks at both, and did not make them.
        expires: last day on which the result is to be relied on, as YYYY-MM-DD.
        expires_days: days after the run began until then, in the place of a date.
    """

    intended_use: str | None = Field(default=None, min_length=1)
    out_of_scope: tuple[str, ...] = ()
    threat_model: str | None = Field(default=None, min_length=1)
    author: str | None = Field(default=None, min_length=1)
    reviewer: str | None = Field(default=None, min_length=1)
    expires: date | None = None
    expires_days: int | None = Field(default=None, ge=1, le=3650)

    @model_validator(mode="after")
    def _expires_once(self) -> Self:
        if self.expires is not None and self.expires_days is not None:
            raise ValueError("expires and expires_days say the same thing: give one of the two")
        return self

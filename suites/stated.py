"""What a plan says in its `[report]`, put on record with the run so that reports need no plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from harness.plan import Plan
from reports.results import ReportInfo

KEY = "report"


def details(plan: Plan) -> dict[str, Any]:
    """What the run's first event says of it; nothing where the plan says nothing."""
    said = plan.report.model_dump(mode="json", exclude_defaults=True) if plan.report else {}
    return {KEY: said} if said else {}


def recorded(events: Sequence[Mapping[str, Any]]) -> ReportInfo | None:
    """The part of results.json, with days turned into the date on which they end (UTC)."""
    said = events[0].get(KEY)
    if not said:
        return None
    found = dict(said)
    days = found.pop("expires_days", None)
    if days is not None:
        began = datetime.fromisoformat(events[0]["time"])
        found["expires"] = last_day(began, days).isoformat()
    return cast("ReportInfo", found)


def last_day(began: datetime, days: int) -> date:
    """The day that lies so many days after a run began."""
    return (began + timedelta(days=days)).date()

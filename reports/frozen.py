"""What a report says of a plan that was frozen before the run: that it was run, or what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reports.view import Cell, Column, Section, Table


def sentences(results: Mapping[str, Any]) -> list[str]:
    """The plan that was frozen, and whether it was run; nothing where none was."""
    frozen = results.get("frozen")
    if not frozen:
        return []
    day = moment(frozen["date"])
    which = f"the plan that was frozen on {day} (SHA-256 {frozen['digest']})"
    keys = [str(entry["key"]) for entry in frozen["deviations"]]
    if keys:
        these = ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
        differ = "1 setting differs" if len(keys) == 1 else f"{len(keys)} settings differ"
        found = [f"This audit did not run {which}: {differ} ({these})."]
    else:
        found = [f"This audit ran {which}."]
    if frozen.get("late"):
        found.append("It was frozen after this run had begun, so nothing was fixed beforehand.")
    if frozen.get("history"):
        first = moment(frozen["history"][0]["date"])
        found.append(f"It had been frozen before, first on {first}, and was frozen again.")
    return found


def section(results: Mapping[str, Any]) -> list[Section]:
    """Every setting that differs from the frozen plan; no part of a report where none does."""
    frozen = results.get("frozen")
    if not frozen or not frozen["deviations"]:
        return []
    rows = tuple(
        (
            Cell(str(entry["key"]), code=True),
            Cell(_value(entry["frozen"]), code=entry["frozen"] is not None),
            Cell(_value(entry["now"]), code=entry["now"] is not None),
        )
        for entry in frozen["deviations"]
    )
    columns = (Column("Setting"), Column("Frozen"), Column("As it was run"))
    table = Table("Settings that differ from the frozen plan", columns, rows)
    intro = f"Settings that were changed after the plan was frozen on {moment(frozen['date'])}."
    return [Section("frozen", "Changed after the freeze", intro, table)]


def moment(date: str) -> str:
    """A time of the records to the minute, as a reader says it."""
    return f"{date[:16].replace('T', ' ')} UTC"


def _value(value: Any) -> str:
    return "not there" if value is None else json.dumps(value, ensure_ascii=False)

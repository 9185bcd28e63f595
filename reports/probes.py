"""Natural noise and behavioural tests, as sections of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import wording as w
from reports.view import Cell, Column, Section, Table

NOISE = (
    "The attacked examples once more, as typing, scanning and copying spoil them, in severities from 1 "
    "to 5. Nothing is looked for here: it is accuracy, not the worst case."
)
BEHAVIOUR = (
    "Short texts whose answer is known, or must not change, or may change in one direction only. A rate "
    "of failures, so lower is better."
)


def sections(main: Mapping[str, Any]) -> list[Section]:
    """What was measured of the two; nothing where neither was."""
    found = []
    if main.get("noise"):
        mean = w.estimate(main["noise"]["mean"])
        interval = w.share_interval(mean)
        said = f"On the mean over all of them {w.percent(mean.value)} stay right ({interval})."
        found.append(Section("noise", "Natural noise", f"{NOISE} {said}", _noise(main["noise"])))
    if main.get("behaviour"):
        found.append(Section("behaviour", "Behavioural tests", BEHAVIOUR, _behaviour(main)))
    return found


def _noise(noise: Mapping[str, Any]) -> Table:
    severities = sorted({entry["severity"] for entry in noise["entries"]})
    by_name: dict[str, dict[int, Mapping[str, Any]]] = {}
    for entry in noise["entries"]:
        by_name.setdefault(entry["name"], {})[entry["severity"]] = entry
    rows = tuple(
        (Cell(name), *(_accuracy(entries.get(severity)) for severity in severities))
        for name, entries in by_name.items()
    )
    columns = (Column("Corruption"), *(Column(f"Severity {s}", True) for s in severities))
    return Table(
        "Accuracy under natural noise, with the change to the same texts as they are", columns, rows
    )


def _accuracy(entry: Mapping[str, Any] | None) -> Cell:
    if entry is None:
        return Cell(w.NONE)
    accuracy, change = w.estimate(entry["accuracy"]), w.estimate(entry["difference"])
    worse = change.high is not None and change.high < 0
    below = f"{w.points(change.value)} points" if change.value is not None else ""
    interval = w.point_interval(change)
    return Cell(
        w.percent(accuracy.value),
        sub="\n".join(filter(None, (w.fraction(accuracy), below, interval))),
        tone="bad" if worse else "",
    )


def _behaviour(main: Mapping[str, Any]) -> Table:
    rows = []
    for entry in main["behaviour"]:
        rate = w.estimate(entry["failure_rate"])
        failures = entry["failures"]
        shown = " | ".join(failures[0]["text"]) if failures else ""
        rows.append(
            (
                Cell(str(entry["title"]), sub=str(entry["kind"])),
                Cell(
                    w.percent(rate.value),
                    sub=f"{w.share_interval(rate)}\n{w.fraction(rate)}"
                    if rate.value is not None
                    else "",
                ),
                Cell(shown or w.NONE, sub=str(failures[0]["reason"]) if failures else ""),
            )
        )
    columns = (Column("Test"), Column("Failures", True), Column("One that failed"))
    return Table("Behavioural tests", columns, tuple(rows))

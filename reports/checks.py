"""The checks of the evidence, as a section of the report and as sentences of its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import wording as w
from reports.view import Cell, Column, Section, Table

INTRO = (
    "An attack that changes nothing, or a model that cannot be measured, looks like robustness. Each "
    "check asks a little and counts; an alarm is raised where the whole 95% interval misses what is "
    "expected."
)


def section(main: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> list[Section]:
    """The checks of a run, alarms first; of the earlier model folded. None where none was made."""
    entries = main.get("checks") or []
    if not entries:
        return []
    title = "Checks of the evidence"
    folded: tuple[tuple[str, Table], ...] = ()
    if before and before.get("checks"):
        folded = ((f"{title}, before", _table(before["checks"], f"{title}, before")),)
    sources = dict.fromkeys(f"{entry['name']}: {entry['source']}." for entry in entries)
    return [
        Section(
            "checks",
            title,
            INTRO,
            _table(entries, title),
            folded=folded,
            remarks=("Where the checks come from", tuple(sources)),
        )
    ]


def sentences(main: Mapping[str, Any]) -> list[str]:
    """What the alarms mean, a sentence each; every check's only once however many attacks it is of."""
    found = []
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for entry in main.get("checks") or []:
        if entry["errored"]:
            which = _called(entry["name"], [entry])
            found.append(f"{which} could not be made: {entry['estimate']['reason']}.")
        elif entry["alarm"]:
            by_name.setdefault(entry["name"], []).append(entry)
    for name, entries in by_name.items():
        kind = "doubts the evidence" if entries[0]["kind"] == "doubt" else "found a weakness"
        found.append(f"{_called(name, entries)} {kind}: {entries[0]['means']}.")
    return found


def _called(name: str, entries: Sequence[Mapping[str, Any]]) -> str:
    of = ", ".join(str(entry["attack"]) for entry in entries if entry["attack"])
    return f"The check {name}" + (f" of {of}" if of else "")


def _table(entries: Sequence[Mapping[str, Any]], caption: str) -> Table:
    rows = []
    for entry in sorted(entries, key=lambda entry: not (entry["alarm"] or entry["errored"])):
        found = w.estimate(entry["estimate"])
        rows.append(
            (
                Cell(
                    str(entry["name"]) + (f", {entry['attack']}" if entry["attack"] else ""),
                    sub=str(entry["title"]),
                ),
                _measured(entry),
                Cell(_expected(entry)),
                _result(entry, found.value is None),
            )
        )
    columns = (
        Column("Check"),
        Column("Counted", True),
        Column("Expected", True),
        Column("Result"),
    )
    return Table(caption, columns, tuple(rows))


def _measured(entry: Mapping[str, Any]) -> Cell:
    found = w.estimate(entry["estimate"])
    if found.value is None:
        return Cell(w.NONE, sub=found.reason or "")
    if found.count is None:  # a difference of two rates
        return Cell(f"{w.points(found.value)} points", sub=w.point_interval(found))
    return Cell(w.percent(found.value), sub=f"{w.share_interval(found)}\n{w.fraction(found)}")


def _expected(entry: Mapping[str, Any]) -> str:
    sign = "≥" if entry["direction"] == "at_least" else "≤"
    if w.estimate(entry["estimate"]).count is None and entry["estimate"]["value"] is not None:
        return f"{sign} {w.points(entry['bound'], 0)} points"
    return f"{sign} {w.percent(entry['bound'], 0)}"


def _result(entry: Mapping[str, Any], nothing: bool) -> Cell:
    if entry["errored"]:
        return Cell("Errored", tone="warn", icon="inconclusive")
    if entry["alarm"]:
        doubt = entry["kind"] == "doubt"
        word, tone, icon = (
            ("Doubt", "warn", "inconclusive") if doubt else ("Weakness", "bad", "fail")
        )
        return Cell(word, sub=str(entry["means"]), tone=tone, icon=icon)  # type: ignore[arg-type]
    return (
        Cell("Not counted", tone="muted")
        if nothing
        else Cell("As expected", tone="good", icon="pass")
    )

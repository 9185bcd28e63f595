"""Slices, contrast sets and borrowed attacks, as sections of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports import wording as w
from reports.statistics import Estimate
from reports.view import Cell, Column, Section, Table

SLICES = (
    "The same answers and attacks, counted on a part of the test texts. The smaller a part, the wider "
    "its interval; slices may overlap."
)
CONTRAST = (
    "Texts edited a little so that another answer is right. A set counts as right only where all of its "
    "texts are: a model that goes by a shortcut has one of them wrong (Gardner et al. 2020)."
)
TRANSFER = (
    "Texts that the attack made against another model, shown to this one: what an attacker can do who "
    "cannot ask it. An example counts as robust if it was right and stays right."
)


def sections(main: Mapping[str, Any], comparison: Mapping[str, Any] | None) -> list[Section]:
    """What was counted of the two; nothing where neither was."""
    found = []
    if main.get("slices"):
        changes = {
            one["name"]: {
                row["metric"]: w.estimate(row["difference"]) for row in one["differences"]
            }
            for one in (comparison or {}).get("slices", [])
        }
        found.append(
            Section(
                "slices",
                "Slices",
                SLICES,
                _worst(main["slices"], changes),
                folded=(("Slices, attack by attack", _by_attack(main["slices"], changes)),),
            )
        )
    if main.get("contrast"):
        found.append(Section("contrast", "Contrast sets", CONTRAST, _contrast(main["contrast"])))
    if main.get("transfer"):
        found.append(Section("transfer", "Borrowed attacks", TRANSFER, _transfer(main["transfer"])))
    return found


Changes = Mapping[str, Mapping[str, Estimate]]
"""Paired differences to a baseline, by slice and metric."""


def _worst(entries: Sequence[Mapping[str, Any]], changes: Changes) -> Table:
    """Each slice in one row: accuracy, and the worst case over the attacks."""
    calibrated = any(attack["calibrated"] for entry in entries for attack in entry["attacks"])
    attacked = any(entry["attacks"] for entry in entries)
    rows = []
    for entry in entries:
        changed = changes.get(entry["name"], {})
        cells = [
            Cell(str(entry["name"]), sub=str(entry["says"])),
            Cell(w.count(entry["examples"])),
            _rate(w.estimate(entry["accuracy"]), changed.get("clean_accuracy")),
        ]
        for form in (False, True) if calibrated else (False,) if attacked else ():
            metric, found = _hardest(entry, form)
            cells.append(_rate(w.estimate(found), changed.get(metric)))
        rows.append(tuple(cells))
    columns = [Column("Slice"), Column("Texts", True), Column("Accuracy", True)]
    if attacked:
        columns.append(Column("Robust accuracy, any attack", True))
    if calibrated:
        columns.append(Column("The same, calibrated", True))
    return Table("Slices of the test texts", tuple(columns), tuple(rows))


def _hardest(entry: Mapping[str, Any], calibrated: bool) -> tuple[str, Mapping[str, Any] | None]:
    """The worst case over all attacks of one form, or the only attack's, with its metric."""
    suffix = ".calibrated" if calibrated else ""
    for union in entry["unions"]:
        if union["calibrated"] == calibrated:
            return f"robust_accuracy.union{suffix}", union["robust_accuracy"]
    for attack in entry["attacks"]:
        if attack["calibrated"] == calibrated:
            return f"robust_accuracy.{attack['name']}{suffix}", attack["robust_accuracy"]
    return "", None


def _by_attack(entries: Sequence[Mapping[str, Any]], changes: Changes) -> Table:
    def rows() -> Iterator[tuple[Cell, ...]]:
        for entry in entries:
            changed = changes.get(entry["name"], {})
            for attack in entry["attacks"]:
                suffix = ".calibrated" if attack["calibrated"] else ""
                yield (
                    Cell(str(entry["name"])),
                    Cell(str(attack["name"]), sub=w.victim(attack["calibrated"])),
                    Cell(w.count(attack["examples"])),
                    _rate(
                        w.estimate(attack["robust_accuracy"]),
                        changed.get(f"robust_accuracy.{attack['name']}{suffix}"),
                    ),
                    _rate(w.estimate(attack["attack_success_rate"])),
                )

    columns = (
        Column("Slice"),
        Column("Attack"),
        Column("Attacked", True),
        Column("Robust accuracy", True),
        Column("Attack success", True),
    )
    return Table("Slices, attack by attack", columns, tuple(rows()))


def _contrast(entries: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            Cell(str(entry["name"])),
            _rate(w.estimate(entry["accuracy"])),
            _rate(w.estimate(entry["consistency"])),
        )
        for entry in entries
    )
    columns = (Column("Sets"), Column("Texts right", True), Column("Sets right as a whole", True))
    return Table("Contrast sets", columns, rows)


def _transfer(entries: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for entry in entries:
        for side in entry["surrogates"]:
            fooled = f"broken on {side['fooled']:,} texts"
            rows.append(
                (
                    Cell(str(entry["attack"])),
                    Cell(str(side["name"]), sub=fooled),
                    _rate(w.estimate(side["robust_accuracy"])),
                )
            )
        if len(entry["surrogates"]) > 1:
            worst = _rate(w.estimate(entry["robust_accuracy"]))
            rows.append((Cell(str(entry["attack"])), Cell("any of them"), worst))
    columns = (Column("Attack"), Column("Against"), Column("Robust accuracy here", True))
    return Table("Texts made against other models", columns, tuple(rows))


def _rate(found: Estimate, change: Estimate | None = None) -> Cell:
    if found.value is None:
        return Cell(w.NONE, sub=found.reason or "")
    lines = [w.share_interval(found), w.fraction(found)]
    worse = False
    if change is not None and change.value is not None:
        lines.append(f"{w.points(change.value)} points, {w.point_interval(change)}")
        worse = change.high is not None and change.high < 0
    return Cell(w.percent(found.value), sub="\n".join(lines), tone="bad" if worse else "")

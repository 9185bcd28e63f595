"""What differs between two compared runs, and what changed by slice: a report's tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reports import tables
from reports import wording as w
from reports.view import Cell, Column, Section, Table

UNKNOWN = "not on record"
SHOWN = 15
"""Rows of one kind that a report shows; results.json has all of them."""
NAMED = 3
"""Mismatches that the head of a report names."""


def sections(comparison: Mapping[str, Any] | None) -> list[Section]:
    """What differs between the two runs, and the examples won and lost by slice, where there are any."""
    if not comparison:
        return []
    found = []
    if comparison.get("attribution"):
        found.append(
            Section(
                "causes",
                "What differs between the two runs",
                str(comparison["attribution"]),
                _causes(comparison["causes"]),
                tuple(
                    f"Unlike, and compared all the same: {line}." for line in _allowed(comparison)
                ),
            )
        )
    if comparison.get("slices"):
        found.append(
            Section(
                "flips",
                "Won and lost by slice",
                "Won: examples that were wrong or broken before and hold now. Lost: the reverse.",
                _by_slice(comparison["slices"]),
            )
        )
    return found


def sentences(comparison: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What stands above everything: that unlike runs were compared, and what a change is due to."""
    if not comparison:
        return ()
    allowed = _allowed(comparison)
    found = [str(comparison["attribution"])] if comparison.get("attribution") else []
    if allowed:
        more = f"; and {len(allowed) - NAMED} more" if len(allowed) > NAMED else ""
        named = "; ".join(allowed[:NAMED])
        found.insert(
            0, f"Unlike runs were compared, because --allow-mismatch was given: {named}{more}."
        )
    return tuple(found)


def lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    """The same for a terminal, one line each; the text is still raw."""
    for line in _allowed(comparison):
        yield f"Unlike, and compared all the same: {line}"
    for one in comparison.get("slices", []):
        for row in one["differences"]:
            name = tables.difference_name(row)
            title = name.text + (f" ({name.sub})" if name.sub else "")
            yield (
                f"{one['name']}: {title}: {row['newly_fixed']} newly fixed, {row['newly_broken']} newly "
                f"broken of {row['n']:,}"
            )
    if comparison.get("causes"):
        yield "What differs between the two runs:"
    for cause in comparison.get("causes", []):
        left, right = (_known(cause[side]) for side in ("before", "after"))
        yield f"  {cause['kind']}, {cause['what']}: {left} -> {right}"


def _allowed(comparison: Mapping[str, Any]) -> list[str]:
    return [str(line) for line in comparison.get("allowed", [])]


def _causes(entries: list[Mapping[str, Any]]) -> Table:
    rows = []
    of_kind: dict[str, int] = {}
    for entry in entries:
        kind = str(entry["kind"])
        of_kind[kind] = of_kind.get(kind, 0) + 1
        if of_kind[kind] <= SHOWN:
            rows.append(
                (
                    Cell(kind.capitalize()),
                    Cell(str(entry["what"])),
                    Cell(_known(entry["before"])),
                    Cell(_known(entry["after"])),
                )
            )
    rows += [
        (
            Cell(kind.capitalize()),
            Cell(f"{count - SHOWN} more, in results.json"),
            Cell(""),
            Cell(""),
        )
        for kind, count in of_kind.items()
        if count > SHOWN
    ]
    if not rows:
        rows.append((Cell("Nothing"), Cell(w.NONE), Cell(w.NONE), Cell(w.NONE)))
    columns = (Column("Kind"), Column("What"), Column("Before"), Column("After"))
    return Table("What differs between the two runs", columns, tuple(rows))


def _by_slice(slices: list[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            Cell(str(one["name"]), sub=str(one["says"])),
            tables.difference_name(row),
            Cell(w.count(row["newly_fixed"]), sub=f"of {row['n']:,}"),
            Cell(w.count(row["newly_broken"]), sub=f"of {row['n']:,}"),
        )
        for one in slices
        for row in one["differences"]
    )
    columns = (Column("Slice"), Column("Measure"), Column("Won", True), Column("Lost", True))
    return Table("Examples won and lost, by slice", columns, rows)


def _known(value: Any) -> str:
    return UNKNOWN if value is None else str(value)

"""Robust accuracy by the queries that an attacker has: what would have withstood fewer of them.

A search with fewer queries is the beginning of the one with more, so the records of one attack hold the
whole curve: an example withstands q distinct queries where it was broken by more than q, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports import statistics
from reports import wording as w
from reports.records import OutcomeRecord
from reports.statistics import Estimate
from reports.summaries import families
from reports.view import Cell, Column, Table

GRID = (*(step * 10**power for power in range(4) for step in (1, 2, 5)), 10_000)
"""Distinct queries an example at which the curve is read."""
SHOWN = (10, 20, 50, 100, 200, 500, 1_000, 10_000)


def curve(outcomes: Sequence[OutcomeRecord], query_budget: int | None) -> list[dict[str, Any]]:
    """Robust accuracy at each point of the grid that the attack's own budget reaches."""
    groups = families(outcomes)
    return [
        {
            "queries": queries,
            "robust_accuracy": statistics.rate_of(
                [_withstands(outcome, queries) for outcome in outcomes], groups
            ).to_dict(),
        }
        for queries in GRID
        if query_budget is None or queries <= query_budget
    ]


def _withstands(outcome: OutcomeRecord, queries: int) -> bool:
    if outcome.status == "succeeded":
        broken = outcome.broken_after
        return (outcome.unique_queries if broken is None else broken) > queries
    return outcome.withstood


def estimates(results: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    """`robust_accuracy.ATTACK.within.QUERIES` on the test split, from results.json."""
    for attack in results.get("attacks", []):
        if attack["split"] == "test":
            form = ".calibrated" if attack["calibrated"] else ""
            for point in attack.get("curve", []):
                name = f"robust_accuracy.{attack['name']}{form}.within.{point['queries']}"
                yield name, Estimate.from_dict(point["robust_accuracy"])


TITLE = "Robust accuracy by distinct queries an example"


def table(entries: Sequence[Mapping[str, Any]], which: str = "") -> Table | None:
    """A row an attack, None where nothing is known of any; `which` of two models is in the caption."""
    rows = []
    for entry in entries:
        points = {
            p["queries"]: Estimate.from_dict(p["robust_accuracy"]) for p in entry.get("curve", [])
        }
        if points:
            found = [points.get(queries) for queries in SHOWN]
            rows.append(
                (
                    Cell(str(entry["name"]), sub=w.victim(entry["calibrated"])),
                    *(
                        Cell(w.NONE)
                        if point is None
                        else Cell(w.percent(point.value), sub=w.share_interval(point))
                        for point in found
                    ),
                )
            )
    if not rows:
        return None
    columns = (Column("Attack"), *(Column(f"{queries:,}", True) for queries in SHOWN))
    return Table(" ".join(filter(None, (TITLE, which))), columns, tuple(rows))

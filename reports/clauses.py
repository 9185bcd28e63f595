"""Which clauses of laws and standards a part of the report gives evidence for.

`clauses.json` is the map: data with a version, an edition and an address for each entry, and word of
whether anybody here has read the clause itself. A report says "evidence relevant to" a clause and no
more: whether a requirement is met is for people to decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from reports.errors import ReportError
from reports.view import Cell, Column, Table

FORMAT, VERSION = "withstand/clauses", 1
NAME = "clauses.json"

RELEVANT = "Evidence relevant to"


@dataclass(frozen=True, slots=True)
class Clause:
    """One entry of the map.

    Attributes:
        id: what code and tests call it.
        framework, edition, clause: where it stands.
        paraphrase: what it is about, in our own words.
        source: https address of the text, or of where it was described.
        retrieved: when somebody looked there.
        read: whether the clause's own text was read there; else the paraphrase is second-hand.
        parts: keys of the parts of the report that give evidence for it.
    """

    id: str
    framework: str
    edition: str
    clause: str
    paraphrase: str
    source: str
    retrieved: date
    read: bool
    parts: tuple[str, ...]

    @property
    def label(self) -> str:
        """Framework and clause, with a mark where nobody here has read it."""
        return f"{self.framework} {self.clause}" + ("" if self.read else "*")


@cache
def clauses() -> tuple[Clause, ...]:
    """The map that comes with the package, in its order."""
    from importlib.resources import files

    return parse(json.loads((files("reports") / NAME).read_text(encoding="utf-8")))


def parse(data: Mapping[str, Any]) -> tuple[Clause, ...]:
    """The entries of a map. Raises ReportError for another format or an entry that is not whole."""
    if (data.get("format"), data.get("version")) != (FORMAT, VERSION):
        raise ReportError(f"{NAME} is not a map of clauses of version {VERSION}.")
    found = []
    for number, entry in enumerate(data["clauses"]):
        try:
            fields = {**entry, "retrieved": date.fromisoformat(entry["retrieved"])}
            found.append(Clause(**{**fields, "parts": tuple(entry["parts"])}))
        except (KeyError, TypeError, ValueError) as error:
            raise ReportError(f"{NAME}, entry {number}: {error}") from None
    return tuple(found)


def of_part(key: str) -> tuple[Clause, ...]:
    """The clauses that a part of the report gives evidence for."""
    return tuple(clause for clause in clauses() if key in clause.parts)


def sentence(key: str) -> str:
    """Those of a part in one line; empty where there are none."""
    found = of_part(key)
    return f"{RELEVANT} {'; '.join(clause.label for clause in found)}." if found else ""


def table() -> Table:
    """The whole map, for the annex."""
    rows = tuple(
        (
            Cell(f"{clause.framework} {clause.clause}", sub=clause.edition),
            Cell(clause.paraphrase),
            Cell("read" if clause.read else "not read", tone="" if clause.read else "warn"),
            Cell(clause.source, sub=f"looked up on {clause.retrieved}"),
        )
        for clause in clauses()
    )
    columns = (Column("Clause"), Column("What it is about"), Column("Text"), Column("Source"))
    return Table("Clauses that this report is relevant to", columns, rows)

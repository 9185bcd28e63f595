"""What a report shows, as plain values that any format can draw.

`tables` and `narrative` fill these from the results; `html` and `markdown` draw them. All text here is
still raw: each format makes it safe in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.statistics import Estimate

Tone = Literal["", "good", "bad", "warn", "muted"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the value, smaller lines below, a tone (never the only sign), and how it is set.

    `bar` draws shares as a strip: (status, count) pairs.
    """

    text: str
    sub: str = ""
    tone: Tone = ""
    code: bool = False
    icon: str = ""
    bar: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and whether it holds numbers."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption for those who hear it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


Line = tuple[tuple[int, Estimate], ...]
"""Rates by the queries that they were reached with, the fewest first."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One of several small charts: a line for each series, empty where that series has none."""

    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """Rates by queries with their intervals, one panel a name, one or two series."""

    title: str
    series: tuple[str, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table of the report. `folded` ones start closed on a screen and are open on paper.

    `curves` are drawn above the folded tables, the first of which holds their numbers; `remarks` are
    notes that start closed too, under a title.
    """

    key: str
    title: str
    intro: str
    table: Table
    notes: tuple[str, ...] = ()
    folded: tuple[tuple[str, Table], ...] = ()
    curves: Curves | None = None
    remarks: tuple[str, tuple[str, ...]] = ("", ())


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline number."""

    label: str
    value: str
    before: str = ""
    change: str = ""
    detail: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One line of the chart: a metric with an estimate for each series."""

    label: str
    group: str
    points: tuple[Estimate | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Rates with intervals, one or two series."""

    title: str
    series: tuple[str, ...]
    rows: tuple[ChartRow, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: the same in both, taken out, or put in; `gap` is left out for length."""

    kind: Literal["same", "del", "ins", "gap"]
    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word and how much it speaks for a label (1 to 4) or against it (-1 to -4); 0: hardly."""

    text: str
    level: int


@dataclass(frozen=True, slots=True)
class Weighing:
    """What the words of an example add to its label: marked texts with what they are, and the table."""

    intro: str
    sides: tuple[tuple[str, tuple[Word, ...]], ...]
    table: Table


@dataclass(frozen=True, slots=True)
class Example:
    """One broken example with its changed words marked, a list of pieces for each field.

    `written` is what a model wrote, with what it is: (title, pieces) pairs; `replay` the command that
    plays the attack on it again; `weighing` what its words say, where they were weighed;
    `left` the attack's own text, where `fields` has one with fewer of its edits.
    """

    title: str
    facts: tuple[str, ...]
    fields: tuple[tuple[Piece, ...], ...]
    written: tuple[tuple[str, tuple[Piece, ...]], ...] = ()
    replay: str = ""
    weighing: Weighing | None = None
    left: tuple[tuple[Piece, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is known: a label and one or more values."""

    label: str
    values: tuple[str, ...]
    code: bool = False


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The verdict: its word (or "none"), a heading, reasons, and the gates."""

    value: Literal["pass", "fail", "inconclusive", "none"]
    word: str
    heading: str
    reasons: tuple[str, ...]
    gates: Table | None


@dataclass(frozen=True, slots=True)
class Part:
    """One numbered part of the page: sentences, facts and sections on one subject.

    `clauses` is one line that names the clauses which it gives evidence for.
    """

    number: int
    key: str
    title: str
    intro: str = ""
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()
    listed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    clauses: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    `sections` are its tables in the order of a short report, `parts` the page's numbered parts, which
    hold them all; `stamp` says who answers for it and which records it was drawn from.
    """

    title: str
    kind: str
    run_id: str
    created: str
    verdict: VerdictView
    summary: tuple[str, ...]
    tiles: tuple[Tile, ...]
    chart: Chart | None
    sections: tuple[Section, ...]
    examples: tuple[Example, ...]
    limits: tuple[str, ...]
    provenance: tuple[Fact, ...]
    stamp: tuple[Fact, ...] = ()
    parts: tuple[Part, ...] = ()

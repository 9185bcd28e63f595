"""report.md: the report as a comment on a pull request.

Text from a run may hold Markdown, HTML, mentions and addresses. Names and samples stand in code spans,
where none of these is read; sentences have every character escaped that Markdown could read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from reports.view import Cell, Example, Piece, Report, Section, Table
from reports.visible import LONGEST, one_line

MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️", "none": "ℹ️"}

COMMENT = 65_000
"""Bytes of a comment. GitHub takes 65,536 characters; bytes are never fewer, however it counts."""
_NOTE = 500
_WHOLE = "report.html and results.json have all of it."

EXAMPLES = 5
LONGEST_SAMPLE = 60
CELL, SENTENCE = 400, 1_000
"""Characters of a cell, and of a sentence; longer ones are cut, and say so."""

# The parts that fit a comment; the page has them all.
_SHORT = ("frozen", "changes", "causes", "attacks", "written", "gaps")


def render(report: Report, most: int = COMMENT) -> str:
    """The comment, in at most so many bytes of UTF-8.

    What does not fit is left out by rows and lines, never within one, and said. Gates that do not pass
    come before all others, gates before reasons, reasons before the rest.
    """
    verdict = report.verdict
    head = [f"## {MARKS[verdict.value]} {verdict.word}: {code(report.title)}", ""]
    room = Room(most - _bytes([*head, *_foot(report)]) - _NOTE)
    opening = f"**{text(verdict.heading)}**"
    room.spend([opening])
    gates = [] if verdict.gates is None else _rows(room, verdict.gates, "gates", _misses)
    told = room.fill([text(line, SENTENCE) for line in report.summary], "sentences")
    reasons = room.fill([f"- {text(line, SENTENCE)}" for line in verdict.reasons], "reasons")
    lines = [*head, " ".join([opening, *told]), "", *reasons, "", *gates]
    for section in report.sections:
        if section.key in _short(report):
            lines += ["", *_section(room, section)]
    lines += ["", *_folded(room, "Examples that broke", _examples(report.examples), "examples")]
    limits = [f"- {text(limit, SENTENCE)}" for limit in report.limits]
    lines += ["", *_folded(room, "What was not tested", limits, "limits")]
    lines += ["", *room.note(), "", *_foot(report)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class Room:
    """Bytes that are left, and what found no place."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._out: dict[str, tuple[int, int]] = {}

    def spend(self, lines: Sequence[str]) -> bool:
        """Take the place of these lines; where there is not enough, none, and False."""
        needed = _bytes(lines)
        if needed > self._left:
            return False
        self._left -= needed
        return True

    def fill(self, entries: Sequence[str], what: str, order: Sequence[int] = ()) -> list[str]:
        """The entries that find a place, as they stand; in this order they are tried."""
        kept = [n for n in order or range(len(entries)) if self.spend([entries[n]])]
        self.left_out(what, len(entries) - len(kept), len(entries))
        return [entries[n] for n in sorted(kept)]

    def left_out(self, what: str, count: int, of: int) -> None:
        """Remember what found no place."""
        if count:
            before, total = self._out.get(what, (0, 0))
            self._out[what] = (before + count, total + of)

    def note(self) -> list[str]:
        """What was left out, in a sentence; nothing where all found its place."""
        said = [f"{count:,} of {of:,} {what}" for what, (count, of) in self._out.items()]
        return [f"Left out here for length: {', '.join(said)}. {text(_WHOLE)}"] if said else []


def text(value: str, longest: int = LONGEST) -> str:
    """A sentence that reads as it is written: no markup, no link, no mention comes out of it."""
    shown = one_line(value, longest)
    shown = re.sub(r"([\\`*_{}\[\]<>|~$!#])", r"\\\1", shown)
    shown = shown.replace("&", "&amp;")
    # The word joiner breaks what GitHub would link or notify; it shows nothing and changes no word.
    shown = re.sub(r"@(?=\w)", "@\u2060", shown)
    shown = re.sub(r"(?i)(https?|ftp|mailto|xmpp):", "\\1\u2060:", shown)
    shown = re.sub(r"(?i)(www)\.", "\\1\u2060.", shown)
    return re.sub(r"^(\s*)([-+=](?!\d)|\d+[.)](?=\s|$))", _first, shown)


def code(value: str, longest: int = 200, *, in_table: bool = False) -> str:
    """A code span that holds any text; in a table its bars are escaped as GitHub wants them."""
    shown = one_line(value, longest)
    if in_table:
        shown = shown.replace("|", "\\|")
    if not shown.strip():
        return "(empty)"
    runs = [len(run) for run in re.findall(r"`+", shown)]
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def table(found: Table, longest: int = LONGEST) -> list[str]:
    """A table, each cell in one line; two lines of it are the head."""
    heads = [text(column.title) for column in found.columns]
    rules = ["---:" if column.numeric else "---" for column in found.columns]
    lines = [_line(heads), _line(rules)]
    lines += [_line([_cell(cell, longest) for cell in row]) for row in found.rows]
    return lines


def _short(report: Report) -> tuple[str, ...]:
    """With a comparison the attacks are told by it; without one they have their own table."""
    keys = {section.key for section in report.sections}
    return tuple(key for key in _SHORT if key != "attacks" or "changes" not in keys)


def _section(room: Room, section: Section) -> list[str]:
    title = [f"### {text(section.title, CELL)}", ""]
    if not room.spend(title):
        room.left_out("rows", len(section.table.rows), len(section.table.rows))
        return []
    rows = _rows(room, section.table, "rows")
    return [*title, *rows] if rows else []


def _rows(
    room: Room, found: Table, what: str, first: Callable[[tuple[Cell, ...]], bool] | None = None
) -> list[str]:
    """The rows of a table that find a place, those for which `first` holds before the others."""
    drawn = table(found, CELL)
    head, rows = drawn[:2], drawn[2:]
    if not room.spend(head):
        room.left_out(what, len(rows), len(rows))
        return []
    order = sorted(range(len(rows)), key=lambda n: first is not None and not first(found.rows[n]))
    kept = room.fill(rows, what, order)
    return [*head, *kept] if kept else []


def _misses(row: tuple[Cell, ...]) -> bool:
    return any(cell.icon in ("fail", "inconclusive") for cell in row)


def _folded(room: Room, title: str, entries: Sequence[str], what: str) -> list[str]:
    opening, closing = [f"<details><summary>{title}</summary>", ""], ["", "</details>"]
    if not entries or not room.spend([*opening, *closing]):
        room.left_out(what, len(entries), len(entries))
        return []
    kept = room.fill(entries, what)
    return [*opening, *kept, *closing] if kept else []


def _foot(report: Report) -> list[str]:
    lines = [f"{text(report.kind)} {code(report.run_id)}, {text(report.created)} UTC"]
    records = next((fact for fact in report.provenance if fact.label == "Records"), None)
    results = [
        line for line in (records.values if records else ()) if line.startswith("results.json")
    ]
    return lines + [f"· SHA-256 of {code(line)}" for line in results]


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines)


def _examples(found: tuple[Example, ...]) -> list[str]:
    """The first examples, each with its lines in one entry."""
    entries = []
    for example in found[:EXAMPLES]:
        changes = []
        for field in example.fields:
            pieces = [
                piece for piece in field if piece.kind in ("del", "ins") and piece.text.strip()
            ]
            for number, piece in enumerate(pieces):
                if piece.kind == "del":
                    follows = pieces[number + 1] if number + 1 < len(pieces) else None
                    new = follows.text if follows and follows.kind == "ins" else ""
                    changes.append(
                        f"{code(piece.text, LONGEST_SAMPLE)} → {code(new, LONGEST_SAMPLE)}"
                    )
        lines = [f"- {code(example.title)}: {', '.join(changes[:6]) or 'no words to show'}"]
        lines += [f"  - {text(title)}: {_whole(field)}" for title, field in example.written]
        entries.append("\n".join(lines))
    return entries


def _whole(field: tuple[Piece, ...]) -> str:
    """A text as it was, and as it became if it changed."""
    before = "".join(piece.text for piece in field if piece.kind != "ins")
    after = "".join(piece.text for piece in field if piece.kind != "del")
    return code(before) if before == after else f"{code(before)} → {code(after)}"


def _cell(cell: Cell, longest: int) -> str:
    mark = f"{MARKS[cell.icon]} " if cell.icon else ""
    sub = text("; ".join(cell.sub.splitlines()), longest)
    main = code(cell.text, in_table=True) if cell.code else text(cell.text, longest)
    return f"{mark}{main}" + (f"<br><sub>{sub}</sub>" if sub else "")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _first(match: re.Match[str]) -> str:
    """A line start that would open a list, a rule or a heading, escaped."""
    before, opening = match.groups()
    return f"{before}{opening[:-1]}\\{opening[-1]}"

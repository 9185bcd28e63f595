"""report.md: the report as a comment on a pull request.

Text from a run may hold Markdown, HTML, mentions and addresses. Names and samples stand in code spans,
where none of these is read; sentences have every character escaped that Markdown could read.
"""

from __future__ import annotations

import re

from reports.view import Cell, Example, Piece, Report, Section, Table
from reports.visible import one_line

MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️", "none": "ℹ️"}

EXAMPLES = 5
LONGEST_SAMPLE = 60

# The parts that fit a comment; the page has them all.
_SHORT = ("frozen", "changes", "causes", "attacks", "written", "gaps")


def render(report: Report) -> str:
    """The comment."""
    verdict = report.verdict
    lines = [
        f"## {MARKS[verdict.value]} {verdict.word}: {code(report.title)}",
        "",
        f"**{text(verdict.heading)}** {' '.join(text(sentence) for sentence in report.summary)}",
        "",
    ]
    lines += [f"- {text(reason)}" for reason in verdict.reasons]
    if verdict.gates is not None:
        lines += ["", *table(verdict.gates)]
    for section in report.sections:
        if section.key in _short(report):
            lines += ["", *_section(section)]
    if report.examples:
        lines += ["", *_examples(report.examples)]
    if report.limits:
        lines += ["", "<details><summary>What was not tested</summary>", ""]
        lines += [f"- {text(limit)}" for limit in report.limits]
        lines += ["", "</details>"]
    lines += ["", f"{text(report.kind)} {code(report.run_id)}, {text(report.created)} UTC"]
    records = next((fact for fact in report.provenance if fact.label == "Records"), None)
    results = [
        line for line in (records.values if records else ()) if line.startswith("results.json")
    ]
    lines += [f"· SHA-256 of {code(line)}" for line in results]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def text(value: str) -> str:
    """A sentence that reads as it is written: no markup, no link, no mention comes out of it."""
    shown = one_line(value)
    shown = re.sub(r"([\\`*_{}\[\]<>|~$!#])", r"\\\1", shown)
    shown = shown.replace("&", "&amp;")
    # The word joiner breaks what GitHub would link or notify; it shows nothing and changes no word.
    shown = re.sub(r"@(?=\w)", "@\u2060", shown)
    shown = re.sub(r"(?i)\b(https?|ftp|mailto|xmpp):", "\\1\u2060:", shown)
    shown = re.sub(r"(?i)\bwww\.", "www\u2060.", shown)
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


def table(found: Table) -> list[str]:
    """A table, each cell in one line."""
    heads = [text(column.title) for column in found.columns]
    rules = ["---:" if column.numeric else "---" for column in found.columns]
    lines = [_line(heads), _line(rules)]
    lines += [_line([_cell(cell) for cell in row]) for row in found.rows]
    return lines


def _short(report: Report) -> tuple[str, ...]:
    """With a comparison the attacks are told by it; without one they have their own table."""
    keys = {section.key for section in report.sections}
    return tuple(key for key in _SHORT if key != "attacks" or "changes" not in keys)


def _section(section: Section) -> list[str]:
    return [f"### {text(section.title)}", "", *table(section.table)]


def _examples(found: tuple[Example, ...]) -> list[str]:
    lines = ["<details><summary>Examples that broke</summary>", ""]
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
        lines.append(f"- {code(example.title)}: {', '.join(changes[:6]) or 'no words to show'}")
        lines += [f"  - {text(title)}: {_whole(field)}" for title, field in example.written]
    return [*lines, "", "</details>"]


def _whole(field: tuple[Piece, ...]) -> str:
    """A text as it was, and as it became if it changed."""
    before = "".join(piece.text for piece in field if piece.kind != "ins")
    after = "".join(piece.text for piece in field if piece.kind != "del")
    return code(before) if before == after else f"{code(before)} → {code(after)}"


def _cell(cell: Cell) -> str:
    mark = f"{MARKS[cell.icon]} " if cell.icon else ""
    sub = text("; ".join(cell.sub.splitlines()))
    main = code(cell.text, in_table=True) if cell.code else text(cell.text)
    return f"{mark}{main}" + (f"<br><sub>{sub}</sub>" if sub else "")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _first(match: re.Match[str]) -> str:
    """A line start that would open a list, a rule or a heading, escaped."""
    before, opening = match.groups()
    return f"{before}{opening[:-1]}\\{opening[-1]}"

"""What a finished run prints: the verdict, the gates, and the numbers behind them.

Every text passes `text`, for names and sentences come from the run. Colour says nothing that a word does
not say too, and is left out where there is no terminal or NO_COLOR is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports import cause_tables, checks, doubtful, excerpts, frozen
from reports import wording as w
from reports.narrative import labels_of
from reports.visible import one_line, visible

MARKS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE"}
COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
PLAIN_WIDTH = 110
"""Columns where there is no terminal to ask; COLUMNS sets another number."""
MARKED = {"del": ("[-", "-]", "red strike"), "ins": ("{+", "+}", "green underline")}
"""What stands around a word that was taken out, and one that was put in, and how it is set."""


def shown_estimate(estimate: Mapping[str, Any], percent: bool = True) -> str:
    """`81.5% [78.9, 83.9], 815 of 1000`; the reason where there is no value."""
    value = estimate["value"]
    if value is None:
        return f"no value ({estimate['reason']})"
    scale, sign = (100, "%") if percent else (1, "")
    digits = 1 if percent else 3
    low, high = estimate["low"], estimate["high"]
    interval = (
        ""
        if low is None or high is None
        else f" [{low * scale:.{digits}f}, {high * scale:.{digits}f}]"
    )
    count = estimate.get("count")
    of = f", n={estimate['n']}" if count is None else f", {count:.0f} of {estimate['n']}"
    of = of if estimate["n"] else ""  # by definition
    return f"{value * scale:.{digits}f}{sign}{interval}{of}"


def show_results(
    results: Mapping[str, Any],
    folder: Path,
    written: Sequence[Path],
    examples: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Print a finished run to stdout: tables where there is a terminal, the same in plain text else.

    Args:
        written: reports of the run, to be named.
        examples: records of broken examples to be shown, with their changes marked.
    """
    shown = console()
    verdict = results["verdict"]
    if verdict is not None:
        shown.print()
        shown.print(
            text(MARKS[verdict["value"]], f"bold {COLOURS[verdict['value']]}")
            + text(f"  {results['run']['name']}")
        )
        for reason in verdict["reasons"]:
            shown.print(text(f"  {reason}"))
        if verdict["gates"]:
            shown.print(_gates(verdict["gates"]))
    else:
        shown.print()
        shown.print(text(f"{w.KINDS[results['kind']]}: {results['run']['name']}", "bold"))
    side = results["comparison"]["after"] if results["comparison"] else results
    compared = cause_tables.sentences(results["comparison"])
    for sentence in (*compared, *checks.sentences(side), *frozen.sentences(results)):
        shown.print(text(sentence))
    if results["comparison"]:
        shown.print(_differences(results["comparison"]["differences"]))
        _show_gaps(shown, results["comparison"]["after"])
    else:
        _show_one(shown, results)
    show_examples(shown, examples, labels_of(side))
    if results["stages"]:
        spent = ", ".join(
            f"{stage['name']} {stage['seconds']:.0f} s" for stage in results["stages"]
        )
        shown.print(text(f"Time: {spent}"))
    shown.print(text(f"Run: {folder}"))
    for path in written:
        shown.print(text(f"Report: {path if path.is_absolute() else os.path.relpath(path)}"))


def console() -> Any:
    """Where a run is shown: stdout, as wide as the terminal."""
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if known else PLAIN_WIDTH)


def show_examples(
    shown: Any, records: Sequence[Mapping[str, Any]], labels: Mapping[int, str]
) -> None:
    """Broken examples: what was taken out [-so-], what was put in {+so+}, and what it came to."""
    if records:
        shown.print()
        shown.print(
            text("Examples that broke, the smallest changes first", "bold")
            + text("  [-taken out-] {+put in+}")
        )
    for record in records:
        example = excerpts.example(record, labels)
        shown.print(text(f"  {example.title}", "bold"))
        for title, pieces in (*(("", pieces) for pieces in example.fields), *example.written):
            line = text(title and f"{title}:").append(" " if title else "")
            for piece in pieces:
                before, after, style = MARKED.get(piece.kind, ("", "", ""))
                # Spaces at its ends are part of a piece, and `one_line` would drop them.
                line.append(before + visible(piece.text.replace("\n", " ")) + after, style)
            shown.print(_indented(line))
        shown.print(_indented(text("; ".join(example.facts), "dim")))


def _indented(line: Any) -> Any:
    from rich.padding import Padding

    return Padding(line, (0, 0, 0, 4))


def text(value: str, style: str = "") -> Any:
    """A text of a run for the terminal: in one line, with nothing hidden and nothing that acts."""
    from rich.text import Text

    indent = len(value) - len(value.lstrip(" "))
    return Text(" " * indent + one_line(value[indent:]), style)


def table(*columns: str) -> Any:
    """An empty table with these columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        found.add_column(column, overflow="fold")
    return found


def _gates(gates: Sequence[Mapping[str, Any]]) -> Any:
    found = table("gate", "bound", "measured", "verdict")
    for gate in gates:
        where = f"@{gate['slice']}" if gate["slice"] else ""
        bound = f"{'≥' if gate['direction'] == 'at_least' else '≤'} {gate['bound']:g}"
        found.add_row(
            text(gate["metric"] + where),
            text(bound),
            text(shown_estimate(gate["value"])),
            text(
                MARKS[gate["verdict"]] + (", waived" if "waiver" in gate else ""),
                COLOURS["inconclusive" if "waiver" in gate else gate["verdict"]],
            ),
        )
    return found


def _differences(rows: Sequence[Mapping[str, Any]]) -> Any:
    found = table("metric", "before", "after", "difference [95%]", "n")
    for row in rows:
        difference = row["difference"]
        shown = "no value"
        if difference["value"] is not None:
            shown = f"{difference['value'] * 100:+.1f}"
            if difference["low"] is not None:
                shown += f" [{difference['low'] * 100:+.1f}, {difference['high'] * 100:+.1f}]"
        found.add_row(
            text(row["title"] + (" (seen)" if row["seen"] else "")),
            text(_percent(row["before"])),
            text(_percent(row["after"])),
            text(shown),
            text(str(row["n"])),
        )
    return found


def _percent(estimate: Mapping[str, Any]) -> str:
    return "–" if estimate["value"] is None else f"{estimate['value']:.1%}"


def _show_one(shown: Any, results: Mapping[str, Any]) -> None:
    for split, clean in results["clean"].items():
        shown.print(text(f"accuracy on {split}: {shown_estimate(clean['accuracy'])}"))
    if results["attacks"]:
        found = table("attack", "split", "robust accuracy", "success rate", "errored")
        for attack in results["attacks"]:
            name = attack["name"] + (" (calibrated)" if attack["calibrated"] else "")
            found.add_row(
                text(name),
                text(attack["split"]),
                text(shown_estimate(attack["robust_accuracy"])),
                text(shown_estimate(attack["attack_success_rate"])),
                text(str(attack["counts"]["errored"])),
            )
        shown.print(found)
    for attack in results["attacks"]:
        if said := doubtful.sentence(attack):
            which = " (calibrated)" if attack["calibrated"] else ""
            shown.print(text(f"{attack['name']}{which} on {attack['split']}: {said}"))
    for union in results["unions"]:
        which = " (calibrated)" if union["calibrated"] else ""
        said = shown_estimate(union["robust_accuracy"])
        shown.print(text(f"{union['label']}{which} on {union['split']}: {said}"))
    _show_gaps(shown, results)


def _show_gaps(shown: Any, results: Mapping[str, Any]) -> None:
    if not results["gaps"]:
        return
    found = table("gap", "left", "right", "difference [95%]")
    for gap in results["gaps"]:
        percent = not gap["name"].startswith("loss")
        found.add_row(
            text(gap["title"]),
            text(shown_estimate(gap["left"]["estimate"], percent)),
            text(shown_estimate(gap["right"]["estimate"], percent)),
            text(shown_estimate(gap["difference"], percent)),
        )
    shown.print(found)

"""What a finished run prints: the verdict, the gates, and the numbers behind them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports import cause_tables, checks, doubtful, frozen
from reports.visible import one_line

MARKS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE"}
COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


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


def show_results(results: Mapping[str, Any], folder: Path, written: Sequence[Path]) -> None:
    """Print a finished run to stdout: tables where there is a terminal, the same in plain text else."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    verdict = results["verdict"]
    if verdict is not None:
        console.print(
            Text.assemble(
                ("\n" + MARKS[verdict["value"]], f"bold {COLOURS[verdict['value']]}"),
                f"  {results['run']['name']}",
            )
        )
        for reason in verdict["reasons"]:
            console.print(Text(f"  {reason}"))
        if verdict["gates"]:
            console.print(_gates(verdict["gates"]))
    side = results["comparison"]["after"] if results["comparison"] else results
    compared = map(one_line, cause_tables.sentences(results["comparison"]))
    for sentence in (*compared, *checks.sentences(side), *frozen.sentences(results)):
        console.print(Text(sentence))
    if results["comparison"]:
        console.print(_differences(results["comparison"]["differences"]))
        _show_gaps(console, results["comparison"]["after"])
    else:
        _show_one(console, results)
    if results["stages"]:
        spent = ", ".join(
            f"{stage['name']} {stage['seconds']:.0f} s" for stage in results["stages"]
        )
        console.print(Text(f"Time: {spent}"))
    console.print(Text(f"Run: {folder}"))
    for path in written:
        console.print(Text(f"Report: {path if path.is_absolute() else os.path.relpath(path)}"))


def _table(*columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _gates(gates: Sequence[Mapping[str, Any]]) -> Any:
    from rich.text import Text

    table = _table("gate", "bound", "measured", "verdict")
    for gate in gates:
        where = f"@{gate['slice']}" if gate["slice"] else ""
        bound = f"{'≥' if gate['direction'] == 'at_least' else '≤'} {gate['bound']:g}"
        table.add_row(
            Text(gate["metric"] + where),
            bound,
            Text(shown_estimate(gate["value"])),
            Text(
                MARKS[gate["verdict"]] + (", waived" if "waiver" in gate else ""),
                COLOURS["inconclusive" if "waiver" in gate else gate["verdict"]],
            ),
        )
    return table


def _differences(rows: Sequence[Mapping[str, Any]]) -> Any:
    from rich.text import Text

    table = _table("metric", "before", "after", "difference [95%]", "n")
    for row in rows:
        difference = row["difference"]
        shown = "no value"
        if difference["value"] is not None:
            shown = f"{difference['value'] * 100:+.1f}"
            if difference["low"] is not None:
                shown += f" [{difference['low'] * 100:+.1f}, {difference['high'] * 100:+.1f}]"
        table.add_row(
            Text(row["title"] + (" (seen)" if row["seen"] else "")),
            _percent(row["before"]),
            _percent(row["after"]),
            shown,
            str(row["n"]),
        )
    return table


def _percent(estimate: Mapping[str, Any]) -> str:
    return "–" if estimate["value"] is None else f"{estimate['value']:.1%}"


def _show_one(console: Any, results: Mapping[str, Any]) -> None:
    from rich.text import Text

    for split, clean in results["clean"].items():
        console.print(Text(f"accuracy on {split}: {shown_estimate(clean['accuracy'])}"))
    if results["attacks"]:
        table = _table("attack", "split", "robust accuracy", "success rate", "errored")
        for attack in results["attacks"]:
            name = attack["name"] + (" (calibrated)" if attack["calibrated"] else "")
            table.add_row(
                Text(name),
                attack["split"],
                shown_estimate(attack["robust_accuracy"]),
                shown_estimate(attack["attack_success_rate"]),
                str(attack["counts"]["errored"]),
            )
        console.print(table)
    for attack in results["attacks"]:
        if said := doubtful.sentence(attack):
            which = " (calibrated)" if attack["calibrated"] else ""
            console.print(Text(f"{attack['name']}{which} on {attack['split']}: {said}"))
    for union in results["unions"]:
        which = " (calibrated)" if union["calibrated"] else ""
        shown = shown_estimate(union["robust_accuracy"])
        console.print(Text(f"{union['label']}{which} on {union['split']}: {shown}"))
    _show_gaps(console, results)


def _show_gaps(console: Any, results: Mapping[str, Any]) -> None:
    from rich.text import Text

    if not results["gaps"]:
        return
    table = _table("gap", "left", "right", "difference [95%]")
    for gap in results["gaps"]:
        percent = not gap["name"].startswith("loss")
        table.add_row(
            Text(gap["title"]),
            shown_estimate(gap["left"]["estimate"], percent),
            shown_estimate(gap["right"]["estimate"], percent),
            shown_estimate(gap["difference"], percent),
        )
    console.print(table)

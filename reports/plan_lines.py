"""Where a gate stands in a plan file: the lines that a finding points at.

The user's own plan is what a reader wants to be taken to, and a run knows it by the command that began
it. That command is data: the file that it names is looked at only where it lies in the working folder,
named by a relative path that leads out neither by `..` nor by a link, and nothing of it but the number
of a line goes into a report. Otherwise the plan that lies in the run folder stands in for it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from reports.source import Source

LARGEST = 1 << 20
"""Bytes of a plan that is looked at."""

_HEADER = re.compile(r"\s*\[\[\s*(?:tool\s*\.\s*withstand\s*\.\s*)?gates\s*\]\]\s*(?:#.*)?")
_TABLE = re.compile(r"\s*\[")


@dataclass(frozen=True, slots=True)
class PlanLines:
    """A plan file and the lines of its gates.

    Attributes:
        uri: its path with slashes, relative to the working folder; to the run folder where `own`.
        own: whether it is the resolved plan in the run folder.
        gates: name (`metric`, or `metric@slice`), first and last line of each, counted from 1.
    """

    uri: str
    own: bool
    gates: Sequence[tuple[str, int, int]]

    def of(self, name: str, number: int = 1) -> tuple[int, int] | None:
        """First and last line of the `number`th gate of a name; None where it is not known."""
        found = [(first, last) for known, first, last in self.gates if known == name]
        return found[number - 1] if number <= len(found) else None


def plan_lines(source: Source, working: Path | None = None) -> PlanLines:
    """The plan that the findings of a run point at."""
    root = (working or Path.cwd()).resolve()
    named = [str(source.plan)] if source.plan else _named(source.results["run"]["command"])
    for name in named:
        path = _inside(root, name)
        if path is not None:
            return PlanLines(path.relative_to(root).as_posix(), False, _gate_lines(path))
    own = source.run.path / "plan.toml"
    return PlanLines("plan.toml", True, _gate_lines(own) if own.is_file() else [])


def _named(command: Sequence[Any]) -> list[str]:
    """The plans that a command line names, by relative paths that go down."""
    return [
        word
        for word in map(str, command[1:])
        if word.endswith(".toml")
        and not word.startswith("-")
        and not PurePosixPath(word).is_absolute()
        and ".." not in re.split(r"[\\/]", word)
    ]


def _inside(root: Path, name: str) -> Path | None:
    """The file where it lies below the root, by its real path; None where it does not."""
    try:
        path = (root / name).resolve()
        inside = path.is_relative_to(root) and path.is_file() and path.stat().st_size <= LARGEST
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL byte, a name too long
        return None
    return path if inside else None


def _gate_lines(path: Path) -> list[tuple[str, int, int]]:
    """The lines of each gate; none where the file cannot be read as we write plans.

    The tables in the text must be as many as the gates that TOML finds: in a plan that has `[[gates]]`
    inside a string, or its gates in one inline array, no line is better than a wrong one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        plan = tomllib.loads(text)
    except (OSError, ValueError):
        return []
    if path.name == "pyproject.toml":
        tools = plan.get("tool", {})
        plan = tools.get("withstand", {}) if isinstance(tools, dict) else {}
    gates = plan.get("gates") if isinstance(plan, dict) else None
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines, start=1) if _HEADER.fullmatch(line)]
    if not isinstance(gates, list) or len(gates) != len(starts):
        return []
    ends = pairwise([*starts, len(lines) + 1])
    return [
        (_name(gate), start, _end(lines, start, following))
        for gate, (start, following) in zip(gates, ends, strict=True)
    ]


def _end(lines: Sequence[str], start: int, following: int) -> int:
    """The last line of a table that says something."""
    end = start
    for number in range(start + 1, following):
        line = lines[number - 1]
        if _TABLE.match(line):
            break
        if line.strip() and not line.lstrip().startswith("#"):
            end = number
    return end


def _name(gate: Any) -> str:
    """The name that reports know a gate by; with a margin too, it is that of the metric."""
    if not isinstance(gate, dict):
        return ""
    metric, part = str(gate.get("metric")), gate.get("slice")
    return metric if part is None else f"{metric}@{part}"

"""A verdict taken apart for the formats that show one finding at a time: gates, doubts, alarms.

Their readers are programs that count. So what was not decided never looks like a pass: a word that is
neither "pass" nor "fail" is inconclusive, and a verdict that is no pass has a finding that is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports import wording as w
from reports.statistics import Estimate

Word = Literal["pass", "fail", "inconclusive", "waived"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate as it was judged; all texts are raw.

    Attributes:
        name: the metric, with the slice behind `@`; `number` counts the gates of one name from 1.
        title: the name; where several gates have it, with the number.
        word: "waived" where it does not pass and need not.
        says: what was found, in a sentence.
        bound: as it reads: "at least 0.5".
        waiver: owner, reason and last day; empty without one.
    """

    name: str
    number: int
    title: str
    word: Word
    says: str
    why: str
    bound: str
    estimate: Estimate
    examples_needed: int | None
    waiver: Mapping[str, str]

    @property
    def facts(self) -> dict[str, str]:
        """What was measured, by name; what has no value is left out."""
        found = self.estimate
        values = {
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "level": found.level,
            "n": found.n,
            "count": found.count,
            "method": found.method,
            "reason": found.reason,
            "bound": self.bound,
            "verdict": self.word,
            "examples_needed": self.examples_needed,
        }
        return {name: str(value) for name, value in values.items() if value not in (None, "")}


def gates(verdict: Mapping[str, Any] | None) -> list[Gate]:
    """The gates of a verdict, in the order of the plan."""
    entries = (verdict or {}).get("gates", [])
    names = [_name(entry) for entry in entries]
    found = []
    for place, (name, entry) in enumerate(zip(names, entries, strict=True)):
        number = names[: place + 1].count(name)
        title = f"{name}-{number}" if names.count(name) > 1 else name
        found.append(_gate(entry, name, number, title))
    return found


def problems(verdict: Mapping[str, Any] | None) -> list[str]:
    """What is said of the evidence and of no gate; the reasons where nothing else tells of no pass."""
    if verdict is None:
        return []
    found = [str(line) for line in verdict.get("problems", [])]
    missed = any(gate.word in ("fail", "inconclusive") for gate in gates(verdict))
    if verdict["value"] == "pass" or found or missed:
        return found
    return [str(line) for line in verdict["reasons"]] or ["the verdict names no reason"]


def alarms(measured: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The checks that raised an alarm or errored."""
    return [check for check in measured.get("checks", []) if check["alarm"] or check["errored"]]


def title(results: Mapping[str, Any]) -> str:
    """What is counted together: the plan's name."""
    return str(results["run"]["name"])


def headline(results: Mapping[str, Any]) -> str:
    """The verdict's word; "No verdict" where there are no gates."""
    verdict = results["verdict"]
    return w.VERDICTS[verdict["value"]] if verdict else "No verdict"


def _name(entry: Mapping[str, Any]) -> str:
    name, part = str(entry["name"]), entry.get("slice")
    return name if not part or name.endswith(f"@{part}") else f"{name}@{part}"


def _gate(entry: Mapping[str, Any], name: str, number: int, title: str) -> Gate:
    word: Word = "inconclusive"
    if entry["verdict"] in ("pass", "fail"):
        word = entry["verdict"]
    waiver = entry.get("waiver") or {}
    return Gate(
        name=name,
        number=number,
        title=title,
        word="waived" if waiver and word != "pass" else word,
        says=str(entry.get("explanation") or f"{name}: {entry['verdict']}"),
        why=str(entry["why"]),
        bound=f"{str(entry['direction']).replace('_', ' ')} {entry['bound']:g}",
        estimate=w.estimate(entry["value"]),
        examples_needed=entry.get("examples_needed"),
        waiver={key: str(value) for key, value in waiver.items()},
    )

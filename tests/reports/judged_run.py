"""Results with every kind of finding, and the same with hostile text wherever there may be any."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hostile import CORPUS
from hypothesis import strategies as st

from reports.folder import RunFolder
from reports.source import Source

FIXTURE = Path(__file__).parent / "data" / "results-v1.json"

PIECES = (
    "<script>alert(1)</script>",
    "]]>",
    "&amp;<!--",
    '"><x y="',
    "=cmd|' /C calc'!A0",
    "+1",
    "@SUM(A1)",
    "-2",
    "\t=1",
    "\r\n=1",
    ";=1",
    "\x00\x07\x1b[31m",
    "\ud83d",
    "\ufffe\uffff",
    "\u202egnp\u2066\u200b\ufeff",
    "[click](http://evil.example)",
    "{0}",
    "![x](y)",
    "!!python/object/apply:os.system [id]",
    "&a [*a]",
    "a: b\n- c",
    "---\n",
    "# withstand: end",
    "\u2028\u0085",
    "' OR 1=1",
    "%n${x}",
    "C:\\x",
    "日本語 שלום 😀",
    "\U000e0001",
)
NASTY = st.one_of(
    st.sampled_from(PIECES),
    st.sampled_from(CORPUS),
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    st.text(alphabet=st.characters(exclude_categories=[]), max_size=40),
)
LONG = "A" * 1_000_000

# Words of fixed sets, times and digests stay what they are; all other text may be anybody's.
_FIXED = {"schema", "kind", "direction", "evidence", "status", "created", "finished", "split"}


def estimate(value: float, half: float = 0.05) -> dict[str, Any]:
    """A rate of 200 with an interval."""
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "n": 200,
        "count": round(200 * value),
        "method": "Wilson",
        "level": 0.95,
        "reason": None,
    }


def gate(metric: str, verdict: str, **more: Any) -> dict[str, Any]:
    """A gate as results.json has it."""
    return {
        "name": metric,
        "metric": metric,
        "slice": None,
        "bound": 0.5,
        "margin": None,
        "direction": "at_least",
        "evidence": "interval",
        "value": estimate(0.48),
        "verdict": verdict,
        "why": f"Why {metric}.",
        "examples_needed": 900 if verdict == "inconclusive" else None,
        "explanation": f"{metric} = 0.480 [0.430, 0.530] against 0.5",
        **more,
    }


WAIVER = {"owner": "Kim", "reason": "until the new data are in", "until": "2026-12-31"}


def check(name: str, **more: Any) -> dict[str, Any]:
    """A check as results.json has it, without an alarm."""
    return {
        "name": name,
        "attack": "textfooler",
        "kind": "doubt",
        "title": f"What {name} asks",
        "source": "a paper",
        "direction": "at_most",
        "bound": 0.1,
        "estimate": estimate(0.3),
        "alarm": False,
        "errored": False,
        "means": f"what {name} means",
        "examples": ["e1", "e2"],
        **more,
    }


def results() -> dict[str, Any]:
    """A hardening that failed: one gate of each kind, two doubts, alarms."""
    found: dict[str, Any] = json.loads(FIXTURE.read_text())
    found["verdict"] = {
        "value": "fail",
        "exit_code": 1,
        "reasons": ["robust_accuracy.textfooler misses its bound", "the calibration set is small"],
        "problems": ["the calibration set is small", "1 of 200 examples errored"],
        "gates": [
            gate("clean_accuracy", "pass"),
            gate("robust_accuracy.textfooler", "fail"),
            gate("robust_accuracy.union", "inconclusive"),
            gate("calibration_error", "fail", waiver=WAIVER),
            gate("clean_accuracy", "fail", slice="long", name="clean_accuracy@long"),
        ],
    }
    found["comparison"]["after"]["checks"] = [
        check("twin", alarm=True),
        check("reach", errored=True, attack=None),
        check("signal"),
    ]
    return found


def poisoned(value: Any, poison: str, key: str = "") -> Any:
    """The same results with the poison behind every free text."""
    if isinstance(value, dict):
        return {name: poisoned(item, poison, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, poison, key) for item in value]
    words = ("pass", "fail", "inconclusive")
    return (
        value + poison
        if isinstance(value, str) and key not in _FIXED and value not in words
        else value
    )


def source(found: dict[str, Any] | None = None, folder: Path = Path("nowhere")) -> Source:
    """What a drawer gets for these results."""
    made = Source(RunFolder(folder))
    vars(made).update(
        results=results() if found is None else found,
        manifest={"versions": {"withstand": "0.1.0"}},
        digests={"results.json": "ff" * 32},
    )
    return made


def passing() -> dict[str, Any]:
    """The same run with a verdict that passes."""
    found = copy.deepcopy(results())
    found["verdict"] = {
        "value": "pass",
        "exit_code": 0,
        "reasons": [],
        "problems": [],
        "gates": [gate("clean_accuracy", "pass")],
    }
    return found

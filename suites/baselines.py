"""Baselines of tests: the outcomes of an accepted model, in a file that is reviewed like code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.plan import Gate
from reports import summaries
from reports.baseline_reader import FORMAT as OF_AUDITS
from reports.errors import ReportError
from reports.records import OutcomeRecord
from reports.storage import read_json, write_atomic
from suites import meaning
from suites.measured import Judged, Measured, judged

FORMAT, VERSION = "withstand/baseline", 1


class BaselineError(ReportError):
    """There is no baseline, or it was measured otherwise. Exit code 2."""


def write(
    path: Path, attack: str, key: str, outcomes: Sequence[OutcomeRecord], victim: str
) -> None:
    """Write a baseline: what an attack came to on each example."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "attack": attack,
        "key": key,
        "victim": victim,
        "outcomes": {
            outcome.example_id: {
                "status": outcome.status,
                "label": outcome.label,
                "predicted": outcome.predicted_before,
                "group": outcome.group,
            }
            for outcome in sorted(outcomes, key=lambda outcome: outcome.example_id)
        },
    }
    if path.is_file() and read_json(path).get("format") == OF_AUDITS:
        raise BaselineError(f"{path} is the baseline of an audit. Give this one another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(content, indent=1) + "\n")


def no_worse(
    path: Path,
    attack: str,
    key: str,
    outcomes: Sequence[OutcomeRecord],
    margin: float,
    problems: Sequence[str] = (),
) -> Judged:
    """Whether robust accuracy fell by at most `margin` since the baseline, paired by example.

    Raises BaselineError where there is none, or where attack, parameters, seed or examples differ.
    """
    __tracebackhide__ = True  # a failing test shows the reason, not us
    before = _read(path, attack, key)
    now = {outcome.example_id for outcome in outcomes}
    then = {outcome.example_id for outcome in before}
    if now != then:
        raise BaselineError(
            f"{path} was measured on other examples: {len(then - now)} are not here, {len(now - then)} "
            "are new. Measure it again with --withstand-update, and review the change."
        )
    # What the baseline's model was broken by too easily would look like a gain.
    problems = (*problems, *meaning.alarms(attack, before))
    compared = summaries.compare_attacks(before, outcomes)
    broken = set(compared.newly_broken)
    measured = Measured(
        f"gain.robust_accuracy.{attack}",
        compared.difference,
        tuple(problems),
        outcomes=tuple(outcome for outcome in outcomes if outcome.example_id in broken),
    )
    gate = Gate(metric=measured.metric, at_least=-margin, why="no worse than the baseline")
    return judged(measured, gate)


def _read(path: Path, attack: str, key: str) -> list[OutcomeRecord]:
    __tracebackhide__ = True
    if not path.is_file():
        raise BaselineError(
            f"There is no baseline at {path}. Run pytest with --withstand-update to write it, and "
            "commit the file once you have looked at it."
        )
    found: dict[str, Any] = read_json(path)
    if found.get("format") != FORMAT or found.get("version") != VERSION:
        of_audit = found.get("format") == OF_AUDITS
        raise BaselineError(
            f"{path} is the baseline of an audit, for `withstand audit --baseline`. Give this one "
            "another name."
            if of_audit
            else f"{path} is not a baseline that this release reads."
        )
    if found["attack"] != attack or found["key"] != key:
        raise BaselineError(
            f"{path} was measured by {found['attack']} with other parameters, another seed or another "
            f"release, and this is {attack}. Measure it again with --withstand-update."
        )
    return [
        OutcomeRecord(
            check=f"attack:{attack}@baseline",
            attack=attack,
            example_id=example,
            split="test",
            status=row["status"],
            label=row["label"],
            predicted_before=row["predicted"],
            group=row["group"],
        )
        for example, row in found["outcomes"].items()
    ]

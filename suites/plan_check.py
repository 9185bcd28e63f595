"""`withstand plan check`: all that a plan names is looked at, and nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.plan import Plan
from harness.session import data_of
from suites.freezing import deviations, freeze_path, read_freeze
from suites.preflight import check_plan


def checked(plan: Plan, path: Path) -> dict[str, Any]:
    """What a plan names, as plain values, and whether it is as it was frozen; no weights are loaded.

    Raises PlanError, HarnessError, AttackError or ReportError, each with exit code 2.
    """
    check_plan(plan)
    prepared, audit, frozen = data_of(plan), plan.audit, read_freeze(path)
    sections = {"train": plan.train, "harden": plan.harden}
    return {
        "plan": str(path),
        "name": plan.name,
        "digest": plan.digest,
        "model": plan.model.base,
        "data": plan.data.source,
        "splits": {
            "train": len(prepared.train),
            "validation": len(prepared.validation),
            "test": len(prepared.test),
        },
        "trainings": {stage: found.output for stage, found in sections.items() if found},
        "attacks": list(audit.attacks),
        "examples": min(audit.examples, len(prepared.test)),
        "calibrated": audit.calibrated,
        "gates": [gate.name for gate in plan.gates],
        "frozen": None
        if frozen is None
        else {
            "file": str(freeze_path(path)),
            "date": frozen.date,
            "digest": frozen.digest,
            "deviations": deviations(frozen, plan),
        },
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same for a terminal."""
    splits = ", ".join(f"{rows:,} {name}" for name, rows in found["splits"].items())
    trained = ", ".join(f"{stage} -> {output}" for stage, output in found["trainings"].items())
    both = ", and again after calibration" if found["calibrated"] else ""
    facts = {
        "model": found["model"],
        "data": f"{found['data']}: {splits}",
        "trainings": trained or "none: the model is audited as it is",
        "attacks": f"{', '.join(found['attacks'])} on {found['examples']:,} test texts{both}",
        "gates": ", ".join(found["gates"]) or "none: an audit will be inconclusive",
        "frozen": _frozen(found["frozen"], found["plan"]),
    }
    width = max(map(len, facts))
    said = [f"  {name:{width}}  {fact}" for name, fact in facts.items()]
    changes = found["frozen"]["deviations"] if found["frozen"] else ()
    said += [
        f"  {'':{width}}    {change['key']}: {change['frozen']!r} -> {change['now']!r}"
        for change in changes
    ]
    return [f"{found['plan']} is a valid plan: {found['name']}", *said]


def _frozen(frozen: Mapping[str, Any] | None, plan: str) -> str:
    if frozen is None:
        return f"no; before the audit: withstand plan freeze {plan}"
    changed = len(frozen["deviations"])
    since = f"{changed} settings changed since" if changed > 1 else "1 setting changed since"
    return f"on {frozen['date']}, " + (since if changed else "unchanged")

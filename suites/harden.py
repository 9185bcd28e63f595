"""`withstand harden`: train, audit, harden, audit again, and say what was gained and what it cost.

The run folder of a hardening holds no evidence of its own: it names its four runs, each a folder that
stands alone, and the comparison drawn from them. A resumed hardening goes on with the first of the four
that is not finished.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from harness.plan import Plan
from harness.session import Stage, section_of, train_run
from reports.compare import compare_runs
from reports.folder import RunFolder
from reports.manifest import collect
from reports.progress import Progress
from reports.results import Results, empty
from reports.sessions import start_or_resume
from suites import stated
from suites.audit import AuditOptions, audit_run
from suites.findings import run_info
from suites.judgement import with_verdict
from suites.verdict import Verdict

AUDITS = ("audit-plain", "audit-hardened")
"""The steps that are compared."""

Work = Callable[[str | None, Callable[[Path], None]], Path]
"""A step: given its earlier folder, if any, and whom to tell a new one; returns its folder."""


@dataclass(frozen=True)
class Hardening:
    """What a finished hardening came to."""

    folder: Path
    verdict: Verdict
    results: Results


def harden(
    plan: Plan,
    *,
    runs: Path,
    progress: Progress,
    resume: str | None = None,
    options: AuditOptions,
) -> Hardening:
    """Run or resume the whole of a plan with a `[train]` and a `[harden]` section.

    Raises PlanError where one of the two is missing; what the stages raise passes through.
    """
    section_of(plan, "train")
    section_of(plan, "harden")
    with start_or_resume(
        runs,
        plan.name,
        "harden",
        plan_text=plan.to_toml(),
        plan_digest=plan.digest,
        resume=resume,
        details=stated.details(plan),
    ) as folder:
        children: dict[str, Path] = {
            event["step"]: runs / event["run"]
            for event in folder.events()
            if event["event"] == "child"
        }

        def step(name: str, work: Work) -> Path:
            """Run one of the four, or go on with it, or take it as it is where it is finished."""
            known = children.get(name)
            if known is not None and known.is_dir() and RunFolder.open(known).is_finished:
                progress.say(f"{name}: done already ({known.name})")
                return known
            progress.say(f"{name}")
            started = perf_counter()

            def began(path: Path) -> None:
                folder.append("child", step=name, run=path.name)

            path = work(str(known) if known is not None and known.is_dir() else None, began)
            seconds = perf_counter() - started
            folder.append("stage", name=name, seconds=round(seconds, 3))
            progress.say(f"{name}: {seconds:.0f} s")
            return path

        def training(stage: Stage) -> Work:
            def work(known: str | None, began: Callable[[Path], None]) -> Path:
                return train_run(
                    plan, stage, runs=runs, progress=progress, resume=known, began=began
                )

            return work

        def auditing(stage: Stage) -> Work:
            return lambda known, began: (
                audit_run(
                    plan,
                    stage=stage,
                    runs=runs,
                    progress=progress,
                    resume=known,
                    began=began,
                    options=options,
                    gates=(),
                ).folder
            )

        first, second = AUDITS
        step("train-plain", training("train"))
        before = step(first, auditing("train"))
        step("train-hardened", training("harden"))
        after = step(second, auditing("harden"))
        audits = RunFolder.open(before), RunFolder.open(after)
        results, verdict = concluded(plan, folder, *audits)
        folder.write_manifest(collect(seeds={"run": plan.seed}))
        folder.finish(results)
        return Hardening(folder.path, verdict, results)


def concluded(
    plan: Plan, folder: RunFolder, before: RunFolder, after: RunFolder
) -> tuple[Results, Verdict]:
    """What the two audits of a hardening add up to."""
    events = list(folder.events())
    results = empty("harden", run_info(events))
    comparison = compare_runs(before, after)
    results["comparison"] = cast("Any", comparison)
    hardened = comparison["after"]
    results["model"], results["data"] = hardened["model"], hardened["data"]
    results["examples"] = list(hardened["examples"])
    for key in ("explanations", "shrunk"):
        if key in hardened:
            results[key] = hardened[key]
    results["limits"] = list(hardened["limits"])
    if "frozen" in hardened:
        results["frozen"] = hardened["frozen"]
    said = stated.recorded(events)
    if said is not None:
        results["report"] = said
    results["stages"] = [
        {"name": e["name"], "seconds": e["seconds"]} for e in events if e["event"] == "stage"
    ]
    return results, with_verdict(results, plan.gates, plan.waivers)

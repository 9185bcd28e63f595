"""The verbs of this package: init, attack, trigger, shrink, regress, sheet, show, audit, harden, plan,
ls and doctor.

Nothing heavy is imported before a verb runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from reports.options import FORMATS, Formats, StepSummary
from suites.attack_command import attack
from suites.evidence_commands import replay, verify
from suites.init_command import init
from suites.options import (
    EXPLAINED,
    BatchSize,
    CacheFile,
    Device,
    Explain,
    Json,
    Limit,
    Quiet,
    Resume,
    Runs,
)
from suites.plan_command import plans
from suites.regress_command import regress, shrink
from suites.sheet_command import sheet
from suites.show_command import show
from suites.trigger_command import trigger


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(init)
    app.command()(attack)
    app.command()(trigger)
    app.command()(verify)
    app.command()(replay)
    app.command()(shrink)
    app.command()(regress)
    app.command()(sheet)
    app.command()(show)
    app.command()(audit)
    app.command()(harden)
    app.add_typer(plans, name="plan")
    app.command(name="ls")(ls)
    app.command()(doctor)


def audit(
    plan: Annotated[Path, typer.Argument(help="Plan file (TOML).")],
    model: Annotated[
        str | None, typer.Option(help="Audit this model instead of the one the plan saves.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="train or harden: which of the plan's models.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="A finished audit to compare with (for gain.* gates): its run folder, or a file of "
            "`withstand baseline set`."
        ),
    ] = None,
    allow_mismatch: Annotated[
        bool,
        typer.Option(
            "--allow-mismatch",
            help="Compare with an unlike baseline as far as it goes; gates on that are inconclusive.",
        ),
    ] = False,
    limit: Limit = None,
    batch_size: BatchSize = 64,
    device: Device = None,
    explain: Explain = EXPLAINED,
    cache: CacheFile = None,
    output_dir: Runs = Path("runs"),
    resume: Resume = None,
    formats: Formats = FORMATS,
    step_summary: StepSummary = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what it would take and could decide; load and write nothing."
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure a model by every check of the plan and decide its gates."""
    from harness.plan import read_plan
    from reports.baseline import side_at
    from reports.progress import progress
    from reports.render import chosen as known
    from suites.audit import AuditOptions, audit_run, model_of
    from suites.forecast import forecast
    from suites.forecast_lines import lines
    from suites.freezing import read_freeze
    from suites.preflight import check_audit, chosen_stage

    read, frozen = read_plan(plan), read_freeze(plan)
    drawn = known(formats)
    chosen = chosen_stage(read, stage)
    spec = model or model_of(read, chosen)
    check_audit(read, spec, output_dir)
    if dry_run:
        paired = baseline is not None
        if baseline is not None:
            side_at(baseline)  # a run reads it before anything else
        found = forecast(
            read, stage=chosen, model=spec, runs=output_dir, limit=limit, paired=paired
        )
        print(json.dumps(found, indent=1) if as_json else "\n".join(lines(found)))
        return
    done = audit_run(
        read,
        stage=chosen,
        runs=output_dir,
        progress=progress(quiet),
        options=AuditOptions(limit, batch_size, device, cache, frozen, explain, allow_mismatch),
        gates=read.gates,
        model=model,
        baseline=baseline,
        resume=resume,
    )
    _conclude(done.folder, done.verdict, as_json, plan, drawn, step_summary)


def harden(
    plan: Annotated[Path, typer.Argument(help="Plan file (TOML).")],
    limit: Limit = None,
    batch_size: BatchSize = 64,
    device: Device = None,
    explain: Explain = EXPLAINED,
    output_dir: Runs = Path("runs"),
    resume: Resume = None,
    formats: Formats = FORMATS,
    step_summary: StepSummary = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train, audit, harden, audit again, and compare."""
    from harness.plan import read_plan
    from reports.progress import progress
    from reports.render import chosen
    from suites.audit import AuditOptions
    from suites.freezing import read_freeze
    from suites.harden import harden as run
    from suites.preflight import check_hardening

    read, frozen = read_plan(plan), read_freeze(plan)
    drawn = chosen(formats)
    check_hardening(read, output_dir)
    done = run(
        read,
        runs=output_dir,
        progress=progress(quiet),
        resume=resume,
        options=AuditOptions(limit, batch_size, device, frozen=frozen, explain=explain),
    )
    _conclude(done.folder, done.verdict, as_json, plan, drawn, step_summary)


def _conclude(
    folder: Path,
    verdict: Any,
    as_json: bool,
    plan: Path,
    formats: Sequence[str],
    step_summary: bool,
) -> None:
    """Draw the reports, print the outcome, end with the verdict's exit code."""
    from reports.commands import summarize
    from reports.folder import RunFolder
    from reports.render import render
    from reports.source import Source
    from suites.terminal import show_results

    written = render(folder, formats, plan=plan)
    source = Source(RunFolder.open(folder))
    if as_json:
        print(json.dumps(source.results, indent=1))
    else:
        show_results(source.results, folder, written)
    if step_summary:
        summarize(source)
    raise typer.Exit(verdict.exit_code)


def ls(
    what: Annotated[
        str,
        typer.Argument(help="attacks, objectives, checks, corruptions, suites, data or resources."),
    ],
    as_json: Json = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Parameters, sources and deviations too.")
    ] = False,
) -> None:
    """List what can be named in a plan."""
    from suites.catalogue import listing, show_listing

    rows = listing(what)
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        show_listing(rows, verbose)


def doctor(as_json: Json = False) -> None:
    """Check versions, devices, bundles, resources and name clashes."""
    from dataclasses import asdict

    from harness.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=1))
    else:
        width = max(len(finding.name) for finding in found)
        for finding in found:
            typer.echo(f"{finding.status:4}  {finding.name:{width}}  {finding.detail}")
            if finding.advice:
                typer.echo(f"{'':4}  {'':{width}}  -> {finding.advice}")
    if any(finding.status == "fail" for finding in found):
        raise typer.Exit(2)

"""The verbs of this package: train and tune. Nothing heavy is imported before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(train)
    app.command()(tune)


def train(
    plan: Annotated[Path, typer.Argument(help="Plan file (TOML).")],
    stage: Annotated[
        str, typer.Option(help="train: the plan's [train] section; harden: its [harden] section.")
    ] = "train",
    output_dir: Annotated[
        Path, typer.Option("-o", "--output-dir", help="Folder that run folders are made in.")
    ] = Path("runs"),
    resume: Annotated[
        str | None,
        typer.Option(help="Go on with an interrupted run: its folder, its name, or 'last'."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
) -> None:
    """Fine-tune a model as the plan says, plainly or attack-hardened, and save it.

    Under `torchrun` or `accelerate launch` several processes train it together.
    """
    from harness import processes
    from harness.plan import read_plan
    from harness.preflight import check_training
    from harness.session import section_of, stage_named, train_run
    from reports.progress import progress

    chosen = stage_named(stage)
    read = read_plan(plan)
    section = section_of(read, chosen)
    check_training(read, [chosen], output_dir)
    folder = train_run(read, chosen, runs=output_dir, progress=progress(quiet), resume=resume)
    if processes.is_first():
        typer.echo(f"Model: {section.output}\nRun: {folder}")


def tune(
    plan: Annotated[Path, typer.Argument(help="Plan file (TOML) with a [tune] section.")],
    output_dir: Annotated[
        Path, typer.Option("-o", "--output-dir", help="Folder that run folders are made in.")
    ] = Path("runs"),
    resume: Annotated[
        str | None,
        typer.Option(help="Go on with an interrupted search: its folder, its name, or 'last'."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
) -> None:
    """Search for the settings of a training, on validation texts, and write them as a plan."""
    from harness.plan import read_plan
    from harness.preflight import check_training
    from harness.tuning import TUNED, tune_of, tune_run
    from reports.progress import progress

    read = read_plan(plan)
    section = tune_of(read)
    check_training(read, [section.stage], output_dir)
    found = tune_run(read, runs=output_dir, progress=progress(quiet), resume=resume)
    typer.echo(f"Best {section.metric} on validation texts: {found.value:.4g}")
    for key, value in found.best.items():
        typer.echo(f"  {key} = {value!r}")
    typer.echo(f"Trials: {', '.join(f'{n} {state}' for state, n in found.counts.items())}")
    typer.echo(f"Plan with these settings: {found.folder / TUNED}")

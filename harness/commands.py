"""The verbs of this package: data, train, tune, lr-range.

Nothing heavy is imported before a verb runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(data)
    app.command()(train)
    app.command()(tune)
    app.command("lr-range")(lr_range)


def data(
    plan: Annotated[Path, typer.Argument(help="Plan file (TOML).")],
    suspects: Annotated[
        int, typer.Option(min=0, help="List so many training texts whose label looks wrong.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
) -> None:
    """Show a plan's data: splits, labels, lengths, duplicates between splits, label suspects."""
    import json

    from harness.inspection import inspect, lines
    from harness.plan import read_plan
    from reports.progress import progress

    found = inspect(read_plan(plan), suspects=suspects, progress=progress(quiet))
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines(found)))


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


def lr_range(
    plan: Annotated[Path, typer.Argument(help="Plan file (TOML).")],
    stage: Annotated[
        str, typer.Option(help="train: the plan's [train] section; harden: its [harden] section.")
    ] = "train",
    steps: Annotated[
        int, typer.Option(help="Optimizer steps, from the low rate to the high.")
    ] = 100,
    low: Annotated[float, typer.Option(help="Learning rate of the first step.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Learning rate of the last step.")] = 1e-1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
) -> None:
    """Look for a learning rate: train briefly while it rises, and see where the loss falls.

    Nothing is saved; the plan's objective, batches and adapter are used, its attacks are not.
    """
    import dataclasses
    import json

    from harness.models import load_classifier
    from harness.plan import read_plan
    from harness.preflight import check_training
    from harness.rate_range import conclusion, rate_range, table
    from harness.session import data_of, section_of, stage_named, start_of, teacher_of
    from reports.progress import progress

    chosen = stage_named(stage)
    read = read_plan(plan)
    section = section_of(read, chosen)
    check_training(read, [chosen], Path())
    prepared = data_of(read)
    teacher = teacher_of(read, section)
    found = rate_range(
        section,
        load_classifier(start_of(read, section), labels=prepared.labels, seed=read.seed),
        prepared.train.rows,
        seed=read.seed,
        max_length=read.model.max_length,
        steps=steps,
        low=low,
        high=high,
        teacher=load_classifier(teacher, labels=prepared.labels) if teacher else None,
        progress=progress(quiet),
    )
    if as_json:
        points = [dataclasses.asdict(point) for point in found.points]
        content = {"suggested": found.suggested, "diverged": found.diverged, "steps": points}
        typer.echo(json.dumps(content, indent=1))
    else:
        typer.echo(
            "\n".join(["     rate      loss  (smoothed)", *table(found), *conclusion(found)])
        )
    if found.suggested is None:
        raise typer.Exit(3)

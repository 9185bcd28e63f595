"""The verbs `shrink` and `regress`: from a run's successes to the fewest edits, and to tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from suites.options import Device, Json, Quiet

Run = Annotated[Path, typer.Argument(help="Folder of a run of attack or audit.")]
Model = Annotated[
    str | None,
    typer.Option(help="Another model than the run's: folder, bundle or Hugging Face id."),
]


def shrink(
    run: Run,
    model: Model = None,
    device: Device = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find, for every success of a run, the fewest of its edits that still fool the model."""
    from dataclasses import asdict

    from reports.progress import progress
    from suites.regressions import lines, shrink_run

    done = shrink_run(run, model=model, device=device, progress=progress(quiet))
    typer.echo(json.dumps(asdict(done), indent=1) if as_json else "\n".join(lines(done)))


def regress(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="The pytest file to write.")] = Path(
        "test_regressions.py"
    ),
    model: Model = None,
    device: Device = None,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write a run's successes, shrunk, as a pytest file that fails until the model is mended."""
    from reports.progress import progress
    from reports.storage import probe_new, write_atomic
    from suites.regressions import pytest_file, shrink_run

    probe_new(out, replace=force)
    done = shrink_run(run, model=model, device=device, progress=progress(quiet))
    write_atomic(out, pytest_file(done))
    typer.echo(
        f"{len(done.found)} tests in {out}, of {done.successes} successes; {done.mended} examples are "
        "right now"
    )

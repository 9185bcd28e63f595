"""The verb `init`. Nothing heavy is imported before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suites.options import DataSpec, Device, LabelColumn, MaxLength, Quiet, Seed, TextColumns


def init(
    model: Annotated[
        str, typer.Argument(help="A fine-tuned classifier: folder or Hugging Face id.")
    ],
    data: DataSpec,
    train: Annotated[
        str | None,
        typer.Option(
            help="What it was trained on: for the overfitting gaps, and duplicates of --data."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Plan file to write.")] = Path("plan.toml"),
    name: Annotated[
        str | None, typer.Option(help="Name of the plan (default: the file's).")
    ] = None,
    examples: Annotated[
        int, typer.Option("-n", min=10, help="Examples attacked for the bounds.")
    ] = 100,
    seed: Seed = 0,
    text: TextColumns = None,
    label: LabelColumn = "label",
    max_length: MaxLength = None,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Measure a model and write a plan that holds it to what it does now, to be edited."""
    from harness.plan import Data, read_plan
    from reports.progress import progress
    from reports.storage import probe_new, write_atomic
    from suites.initial import ONLY_TEST, first_plan

    probe_new(out, replace=force)
    columns = {"text": tuple(text or ("text",)), "label": label}
    if train:
        chosen = Data(source=train, test=data, shares=(0.9, 0.1, 0.0), **columns)  # type: ignore[arg-type]
    else:
        chosen = Data(source=data, shares=ONLY_TEST, **columns)  # type: ignore[arg-type]
    found = first_plan(
        model,
        chosen,
        name=name or out.stem,
        examples=examples,
        seed=seed,
        max_length=max_length,
        device=device,
        progress=progress(quiet),
    )
    write_atomic(out, found.plan)
    gates = read_plan(out).gates
    for one in found.measured:
        estimate = one.estimate
        shown = "no value" if estimate.value is None else f"{estimate.value:.3f}"
        typer.echo(f"{one.metric} = {shown}, n={estimate.n}")
    typer.echo(
        f"{len(gates)} gates in {out}. Edit them; then: withstand audit {out}, or pytest {out}"
    )

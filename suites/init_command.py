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
    suite: Annotated[
        str,
        typer.Option(help="What is measured: smoke, standard, release or behavioural-sentiment."),
    ] = "standard",
    examples: Annotated[
        int | None,
        typer.Option("-n", min=10, help="Examples attacked for the bounds (default: the suite's)."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Label that means praise, for behavioural-sentiment.")
    ] = None,
    negative: Annotated[str | None, typer.Option(help="Label that means blame.")] = None,
    seed: Seed = 0,
    text: TextColumns = None,
    label: LabelColumn = "label",
    max_length: MaxLength = None,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Measure a model and write a plan that holds it to what it does now, to be edited."""
    from harness.plan import Behaviour, Data, PlanError, read_plan
    from reports.progress import progress
    from reports.storage import probe_new, write_atomic
    from suites.initial import ONLY_TEST, first_plan
    from suites.ready import ready

    chosen_suite = ready(suite)
    behaviour = None
    if chosen_suite.behaviour:
        if positive is None or negative is None:
            raise PlanError(
                f"--suite {suite} needs --positive and --negative: the labels that mean praise and "
                "blame."
            )
        behaviour = Behaviour(positive=positive, negative=negative)
    elif positive is not None or negative is not None:
        raise PlanError(
            f"--positive and --negative are for --suite behavioural-sentiment, and this is '{suite}'."
        )
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
        examples=examples or chosen_suite.examples,
        suite=chosen_suite,
        behaviour=behaviour,
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

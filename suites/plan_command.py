"""The verbs `plan schema`, `plan check` and `plan freeze`. Nothing heavy is imported before one runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from suites.options import Json

plans = typer.Typer(no_args_is_help=True, help="Check a plan, freeze it, or print its JSON Schema.")

PlanFile = Annotated[Path, typer.Argument(help="Plan file (TOML), or a pyproject.toml.")]


@plans.command()
def schema() -> None:
    """Print the JSON Schema of plans, for editors."""
    from harness.plan_schema import plan_schema

    typer.echo(json.dumps(plan_schema(), indent=1))


@plans.command()
def check(plan: PlanFile, as_json: Json = False) -> None:
    """Check a plan and all that it names, without running anything."""
    from harness.plan import read_plan
    from suites.plan_check import checked, lines

    found = checked(read_plan(plan), plan)
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines(found)))


@plans.command()
def freeze(
    plan: PlanFile,
    again: Annotated[
        bool, typer.Option("--again", help="Freeze it anew; the earlier date stays on record.")
    ] = False,
) -> None:
    """Write down the plan and the date beside it: an audit then says whether that plan was run."""
    from harness.plan import read_plan
    from harness.session import data_of
    from suites.audit import texts_of
    from suites.freezing import freeze as run
    from suites.freezing import freeze_path
    from suites.sets import load_sets

    read = read_plan(plan)
    prepared = data_of(read)
    texts = texts_of(prepared, load_sets(read, prepared.labels))
    found = run(read, plan, again=again, texts=texts)
    typer.echo(f"Frozen on {found.date}: SHA-256 {found.digest}\nWritten: {freeze_path(plan)}")

"""The verbs `verify` and `replay`: whether a run is what it says, and one outcome once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from suites.options import Device, Json

Run = Annotated[Path, typer.Argument(help="A run folder.")]
Model = Annotated[
    str | None,
    typer.Option(help="Where the run's model lies now: folder, bundle or Hugging Face id."),
]


def verify(
    run: Run,
    spot_check: Annotated[
        int, typer.Option(min=0, help="Outcomes, drawn at random, that the model is asked again.")
    ] = 0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Of the draw (default: another one each time, which is shown)."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="The run or baseline file that an audit was compared with, if it is not beside it."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            help="Whom to trust: an allowed-signers file, an SSH or a minisign public key. The run "
            "must be signed by one."
        ),
    ] = None,
    signer: Annotated[
        str | None, typer.Option(help="Who of the allowed signers must have signed.")
    ] = None,
    model: Model = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Check every file of a run against its sums, and count every number again from its records.

    No model is needed unless outcomes are to be spot-checked. Exit code 0: everything matches; 1:
    something does not, and the first such thing is named; 3: something cannot be told here.
    """
    import secrets

    from reports.visible import one_line
    from suites.verifying import EXIT_CODES, Step, worst
    from suites.verifying import verify as steps_of

    steps: list[Step] = []

    def told(step: Step) -> None:
        steps.append(step)
        if not as_json:
            mark = {"ok": "ok", "wrong": "WRONG", "unknown": "?"}[step.state]
            typer.echo(f"{mark:5}  {step.name:10}  {one_line(step.said, None)}")
            for note in step.notes:
                typer.echo(f"{'':5}  {'':10}  {one_line(note, None)}")

    for step in steps_of(run, baseline=baseline, trusted=key, signer=signer):
        told(step)
    if spot_check and worst(steps) == "ok":
        from suites.spot_check import spot_check as spotted

        drawn_by = secrets.randbelow(2**31) if seed is None else seed
        told(spotted(run, spot_check, seed=drawn_by, model=model, device=device))
    state = worst(steps)
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps({"state": state, "steps": [asdict(s) for s in steps]}, indent=1))
    raise typer.Exit(EXIT_CODES[state])


def replay(
    run: Annotated[Path, typer.Argument(help="Folder of a run of attack or audit.")],
    example: Annotated[str, typer.Argument(help="Id of an example, or how it begins.")],
    attack: Annotated[
        str | None, typer.Option(help="Whose outcome, where there are those of several attacks.")
    ] = None,
    calibrated: Annotated[
        bool | None,
        typer.Option("--calibrated/--raw", help="That of the calibrated model, or of the model."),
    ] = None,
    queries: Annotated[
        int, typer.Option(min=0, help="Queries that are shown; --json has them all.")
    ] = 50,
    model: Model = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Run one outcome of a run again, and show every query and the words that were changed.

    Exit code 1 where it does not come to what is on record.
    """
    from dataclasses import asdict

    from suites.replaying import lines
    from suites.replaying import replay as replayed

    done = replayed(run, example, attack=attack, calibrated=calibrated, model=model, device=device)
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=1))
    else:
        typer.echo("\n".join(lines(done, queries)))
    raise typer.Exit(1 if done.differs else 0)

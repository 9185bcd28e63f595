"""The verb `sheet`: a blind sample for people to label, and what their labels say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from suites.options import Json, Seed


def sheet(
    run: Annotated[Path, typer.Argument(help="Folder of a run of attack or audit.")],
    read: Annotated[
        list[Path] | None,
        typer.Option(help="A sheet that was filled in; once for each annotator."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write (default: sheet.csv; with --read none: JSON)."),
    ] = None,
    examples: Annotated[
        int, typer.Option("-n", "--n", min=4, help="Texts to draw; a quarter are unaltered ones.")
    ] = 100,
    seed: Seed = 0,
    labels: Annotated[
        str,
        typer.Option(
            help="Label names in the order of their numbers, with commas between (default: the model's)."
        ),
    ] = "",
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Have people label a run's successes: draw a blind sheet, or --read filled ones."""
    from reports.folder import RunFolder
    from reports.storage import probe_new, write_atomic
    from suites import sheets

    folder = RunFolder.open(run)
    if read:
        if out is not None:
            probe_new(out, replace=force)
        found = sheets.read_sheets(folder, read, labels)
        if out is not None:
            write_atomic(out, json.dumps(found, indent=1) + "\n")
        typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(sheets.lines(found)))
        return
    path = out or Path("sheet.csv")
    probe_new(path, replace=force)
    drawn = sheets.new_sheet(folder, examples, seed, labels)
    write_atomic(path, drawn.content)
    said = {
        "file": str(path),
        "texts": len(drawn.sheet.items),
        "controls": drawn.sheet.controls,
        "labels": list(drawn.labels),
    }
    typer.echo(
        json.dumps(said, indent=1) if as_json else "\n".join(sheets.instructions(drawn, path, run))
    )

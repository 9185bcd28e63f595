"""`withstand report` and `withstand compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs of this package."""
    app.command("report")(report)
    app.command("compare")(compare)


def report(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    formats: Annotated[
        str, typer.Option("--format", help="Formats, with commas between: html, md.")
    ] = "html,md",
) -> None:
    """Draw the reports of a run from its records, without the model.

    A run that is not finished has none yet: exit code 3.
    """
    from reports.folder import RunFolder
    from reports.render import render

    folder = RunFolder.open(run)
    if not folder.is_finished:
        command = " ".join(folder.started().get("command", ())) or "the command that began it"
        typer.echo(
            f"The run {folder.id} is not finished, so it has no numbers to draw. Go on with it: "
            f"{command} --resume {run}",
            err=True,
        )
        raise typer.Exit(3)
    written = render(run, _names(formats))
    for problem in folder.verify_sums():
        typer.echo(f"Warning: {problem}", err=True)
    for path in written:
        typer.echo(str(path))


def compare(
    before: Annotated[Path, typer.Argument(help="The earlier audit's run folder.")],
    after: Annotated[Path, typer.Argument(help="The later audit's run folder.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output-dir", help="Keep the comparison as a run in this folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output.")
    ] = False,
) -> None:
    """Compare two audits of the same examples by the same attacks, pair by pair.

    It measures and does not judge: the exit code is 0 whatever changed. Gates stand in a plan.
    """
    from datetime import UTC, datetime

    from reports import narrative, tables
    from reports.compare import compare_runs, comparison_results
    from reports.folder import RunFolder
    from reports.manifest import collect
    from reports.render import render
    from reports.results import RunInfo
    from reports.sessions import command_line
    from reports.storage import to_json
    from reports.visible import one_line

    earlier, later = RunFolder.open(before), RunFolder.open(after)
    comparison = compare_runs(earlier, later)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    info: RunInfo = {
        "id": "",
        "name": "comparison",
        "created": now,
        "finished": now,
        "command": command_line(),
    }
    results = comparison_results(info, comparison)
    if output is not None:
        with RunFolder.create(
            output, "compare", kind="compare", details={"command": command_line()}
        ) as run:
            info["id"] = run.id
            run.write_manifest(collect(seeds={}))
            run.finish(results)
            written = render(run.path)
        for path in written:
            typer.echo(str(path), err=True)
    if as_json:
        typer.echo(to_json(results, indent=1))
        return
    shown = narrative.build(results, None, {})
    for sentence in shown.summary:
        typer.echo(one_line(sentence))
    for row in tables.differences(comparison["differences"]).rows:
        name, *numbers = row
        title = name.text + (f" ({name.sub})" if name.sub else "")
        values = " ".join(f"{cell.text:>14}" for cell in numbers)
        typer.echo(f"{one_line(title)[:44]:<44} {values}")


def _names(formats: str) -> list[str]:
    """The formats asked for; the empty ones between commas do not count."""
    return [name for name in (part.strip() for part in formats.split(",")) if name]

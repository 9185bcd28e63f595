"""The verbs of this package: report, compare, baseline, sign and dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reports.baseline_command import baselines
from reports.options import FORMATS, Formats, StepSummary

if TYPE_CHECKING:
    from reports.source import Source


def register(app: typer.Typer) -> None:
    """Add the verbs of this package."""
    app.command("report")(report)
    app.command("compare")(compare)
    app.add_typer(baselines, name="baseline")
    app.command("sign")(sign)
    app.command("dashboard")(dashboard)


def report(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    formats: Formats = FORMATS,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="The plan file that SARIF points at (default: the one of the run's command)."
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(help="Put the numbers into this README.md too, or that of this folder."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME[@REVISION]",
            help="The test data on the Hugging Face Hub, for the model card.",
        ),
    ] = None,
    step_summary: StepSummary = False,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mlflow[:URI]|wandb[:PROJECT]|tensorboard[:FOLDER]",
            help="Send the numbers to a tracker too; may be given twice.",
        ),
    ] = None,
) -> None:
    """Draw the reports of a run from its records, without the model.

    A run that is not finished has none yet: exit code 3.
    """
    from reports import trackers, untrusted
    from reports.folder import RunFolder
    from reports.render import chosen, render
    from reports.source import Source
    from reports.visible import one_line

    names = chosen(formats)
    targets = [trackers.target(spec) for spec in to or ()]
    folder = RunFolder.open(run)
    if not folder.is_finished:
        command = folder.command() or "the command that began it"
        typer.echo(
            one_line(
                f"The run {folder.id} is not finished, so it has no numbers to draw. Go on with it: "
                f"{command} --resume {run}"
            ),
            err=True,
        )
        raise typer.Exit(3)
    if plan is not None and not plan.is_file():
        raise typer.BadParameter(f"there is no file {plan}.", param_hint="--plan")
    source = Source(folder, plan, dataset)
    written = render(run, names, plan=plan, dataset=dataset)
    if card is not None:
        from reports.model_index import patch

        written += patch(card, source)
    for problem in folder.verify_sums():
        typer.echo(f"Warning: {problem}", err=True)
    for path in written:
        typer.echo(untrusted.shown(path))
    if step_summary:
        summarize(source)
    for target in targets:
        typer.echo(target.send(source, written), err=True)


def summarize(source: Source) -> None:
    """Append the report to the step summary, and say on stderr whether there was one."""
    import os

    from reports.step_summary import append

    typer.echo(append(source.report, os.environ), err=True)


def compare(
    before: Annotated[
        Path, typer.Argument(help="The earlier audit: its run folder, or a baseline file.")
    ],
    after: Annotated[Path, typer.Argument(help="The later audit's run folder.")],
    allow_mismatch: Annotated[
        bool,
        typer.Option(
            "--allow-mismatch",
            help="Compare unlike audits as far as they go; each mismatch is named.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output-dir", help="Keep the comparison as a run in this folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output.")
    ] = False,
) -> None:
    """Compare two audits of the same examples by the same attacks, pair by pair.

    It says what differs between the two (model, data, attack, code, environment), and refuses audits
    that differ in more than the model. It measures and does not judge: the exit code is 0 whatever
    changed. Gates stand in a plan.
    """
    from datetime import UTC, datetime

    from reports import cause_tables, narrative, tables
    from reports.baseline import side_at
    from reports.compare import compare_sides, comparison_results
    from reports.folder import RunFolder
    from reports.manifest import collect
    from reports.render import render
    from reports.results import RunInfo
    from reports.sessions import command_line
    from reports.storage import to_json
    from reports.visible import one_line, visible

    comparison = compare_sides(side_at(before), side_at(after), allow=allow_mismatch)
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
    for line in cause_tables.lines(comparison):
        typer.echo(visible(line))


def sign(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    key: Annotated[
        Path,
        typer.Option(
            help="Your key: a private SSH key, the public half of one that an agent holds, or a secret "
            "key of minisign."
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a signature that is there.")
    ] = False,
) -> None:
    """Sign a finished run with your own key, through ssh-keygen or minisign.

    The signature is of SHA256SUMS, and so of every record of the run. `withstand report`, called again,
    shows it.
    """
    from reports.folder import RunFolder
    from reports.signing import check
    from reports.signing import sign as signed
    from reports.visible import one_line

    folder = RunFolder.open(run)
    path = signed(folder, key, replace=force)
    found = check(folder)
    if found is not None and found.file == path.name and found.key:
        typer.echo(one_line(f"Signed with {found.key}."), err=True)
    typer.echo(str(path))


def dashboard(
    runs: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine (0: one that is free).")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--open/--no-browser", help="Open the page in the browser.")
    ] = False,
) -> None:
    """Show all runs below a folder as a local page: list, trend, reports, examples side by side.

    Only this machine can see it, and nothing is written. Ctrl-C ends it, with exit code 0.
    """
    import webbrowser

    from reports.dashboard.server import Dashboard
    from reports.untrusted import shown

    try:
        with Dashboard(runs, port) as server:
            typer.echo(f"The runs below {shown(runs)} are at {server.address} (Ctrl-C ends it).")
            if browser:
                webbrowser.open(server.address)
            server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("Ended.", err=True)

"""`withstand baseline`: audits that were accepted, kept as files of the repository.

Nothing heavy is imported before a verb runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path("withstand-baselines")
"""Where pytest looks for the baselines of tests too, beside the ini file."""

Folder = Annotated[Path, typer.Option("--dir", help="Folder of the baselines.")]

baselines = typer.Typer(
    help="Keep what an accepted audit came to, for later ones to be compared with.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@baselines.command("set")
def set_(
    run: Annotated[Path, typer.Argument(help="A finished run folder of an audit or an attack.")],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the baseline (default: the run's, without its date)."),
    ] = None,
    folder: Folder = FOLDER,
) -> None:
    """Write the baseline of a run: a file to review, to commit and to hand to --baseline.

    One of the same name is replaced; the diff shows what that changes.
    """
    from reports.baseline import write
    from reports.folder import RunFolder, slug

    opened = RunFolder.open(run)
    path = folder / f"{_checked(name) if name else slug(str(opened.started()['name']))}.json"
    replaced = write(opened, path)
    typer.echo(f"{path}{' (replaced)' if replaced else ''}")


@baselines.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a baseline, or its file.")],
    folder: Folder = FOLDER,
) -> None:
    """Say what a baseline holds: its run, its model, and its numbers."""
    from reports import narrative
    from reports.baseline_reader import read
    from reports.visible import one_line

    path = Path(name) if name.endswith(".json") else folder / f"{_checked(name)}.json"
    side = read(path)
    run, model = side.results["run"], side.results["model"] or {}
    made = side.manifest or {}
    commit = made.get("git", {}).get("commit")
    facts = [
        f"Run: {run['id']}, begun {run['created']}",
        f"Model: {model.get('name')} ({str(model.get('fingerprint'))[:12]})",
        f"Withstand {made.get('versions', {}).get('withstand', 'of an unknown release')}"
        + (f", commit {commit[:12]}" if commit else ""),
        *(f"Seed of the {role}: {seed}" for role, seed in made.get("seeds", {}).items()),
        *narrative.build(side.results, None, {}).summary,
    ]
    for fact in facts:
        typer.echo(one_line(fact))


@baselines.command("list")
def list_(folder: Folder = FOLDER) -> None:
    """List the baselines of a folder; those of tests are marked."""
    from reports.baseline_reader import FORMAT, OF_TESTS
    from reports.errors import ReportError
    from reports.storage import read_json
    from reports.visible import one_line

    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    for path in found:
        try:
            content = read_json(path)
        except (ReportError, ValueError, RecursionError):
            continue
        if content.get("format") == OF_TESTS:
            told = f"of a test, {content.get('attack')}"
        elif content.get("format") == FORMAT:
            results = content.get("results")
            run = results.get("run") if isinstance(results, dict) else None
            told = str(run.get("id")) if isinstance(run, dict) else "damaged"
        else:
            continue
        typer.echo(one_line(f"{path.stem:24} {told}"))
    if not found:
        typer.echo(
            f"There are no baselines in {folder}. withstand baseline set RUN makes one.", err=True
        )


def _checked(name: str) -> str:
    """A name that is a file's name and no path."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise typer.BadParameter(
            f"'{name}' is no name of a baseline: letters, digits, dots, hyphens and underscores. The "
            "folder is named with --dir.",
            param_hint="--name",
        )
    return name

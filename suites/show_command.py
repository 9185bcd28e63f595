"""The verb `show`: a run in the terminal, from its records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from suites.options import Json

if TYPE_CHECKING:
    from reports.folder import RunFolder


def show(
    run: Annotated[Path, typer.Argument(help="A run folder, of any kind.")],
    examples: Annotated[
        int, typer.Option("-n", "--examples", min=0, help="Broken examples to show.")
    ] = 3,
    attack: Annotated[
        str | None, typer.Option(help="Only this attack and the examples that it broke.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a run: verdict, gates, numbers with their intervals, alarms, and what broke it.

    It shows and does not judge: the exit code is 0 for a finished run whatever its verdict. Of a run
    that is not finished it shows what there is, with exit code 3.
    """
    from reports.errors import ReportError
    from reports.folder import RunFolder
    from reports.journal import journal
    from reports.storage import to_json
    from reports.untrusted import shown
    from reports.visible import one_line
    from suites.terminal import show_results
    from suites.terminal_journal import show_course, show_training

    folder = RunFolder.open(run)
    if not folder.is_finished:
        course = journal(folder.events())
        if as_json:
            typer.echo(to_json({"finished": False, "id": folder.id, **course.to_dict()}, indent=1))
        else:
            show_course(course, folder.id)
        way = folder.command() or "the command that began it"
        typer.echo(
            one_line(f"The run {folder.id} is not finished. Go on with it: {way} --resume {run}"),
            err=True,
        )
        raise typer.Exit(3)
    results = folder.results()
    # Of other runs the events say nothing that the results do not, and there may be millions.
    told = as_json or results["kind"] in ("train", "tune")
    course = journal(folder.events() if told else ())
    for problem in folder.verify_sums():
        typer.echo(f"Warning: {problem}", err=True)
    side = results["comparison"]["after"] if results["comparison"] else results
    if attack is not None:
        names = list(dict.fromkeys(str(entry["name"]) for entry in side["attacks"]))
        if attack not in names:
            raise ReportError(
                f"The run {folder.id} has no attack '{attack}'. It has: {', '.join(names) or 'none'}."
            )
        results = _only(results, attack)
    broken = _broken(folder, results, attack, examples)
    if as_json:
        whole = {**results, "examples": broken} if attack is not None else results
        typer.echo(to_json({**whole, "course": course.to_dict()}, indent=1))
        return
    reports = [folder.path / name for name in ("report.html", "report.md")]
    drawn = [path for path in reports if path.is_file()]
    show_results(results, Path(shown(folder.path)), drawn, broken)
    show_training(course)


def _only(results: Mapping[str, Any], attack: str) -> dict[str, Any]:
    """The results with one attack alone: its rows, differences and checks; verdict and gates stay."""

    def side(found: Mapping[str, Any]) -> dict[str, Any]:
        kept = {
            "attacks": [entry for entry in found["attacks"] if entry["name"] == attack],
            "checks": [e for e in found.get("checks") or [] if e["attack"] in (attack, None)],
            "unions": [],
            "gaps": [],
            "examples": [e for e in found["examples"] if e["attack"] == attack],
        }
        return {**found, **kept}

    chosen = side(results)
    # A stage is named like attack:pwws@test, or check:twin:pwws.
    parts = [(e, e["name"].partition("@")[0].split(":")) for e in results["stages"]]
    chosen["stages"] = [stage for stage, words in parts if attack in words]
    comparison = results["comparison"]
    if comparison:
        chosen["comparison"] = {
            **comparison,
            "before": side(comparison["before"]),
            "after": side(comparison["after"]),
            "differences": [e for e in comparison["differences"] if e["attack"] == attack],
        }
    return chosen


def _broken(
    folder: RunFolder, results: Mapping[str, Any], attack: str | None, most: int
) -> Sequence[Mapping[str, Any]]:
    """The examples that the smallest changes broke, as the results list them or from the records."""
    from reports.summaries import worst_examples

    side = results["comparison"]["after"] if results["comparison"] else results
    listed: Sequence[Mapping[str, Any]] = results["examples"] or side["examples"]
    if most == 0 or (attack is None and len(listed) >= most):
        return listed[:most]
    # A hardening has its items in the runs that it is made of; then the list is all that there is.
    found = worst_examples(
        (
            outcome
            for outcome in folder.outcomes()
            if attack in (None, outcome.attack) and outcome.split != "train"
        ),
        most,
    )
    return found or listed[:most]

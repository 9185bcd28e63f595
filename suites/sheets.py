"""Sheets of a run folder: drawn with the names that the run knows, read, and put in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from reports.folder import RunFolder
from suites import sheet_file
from suites.labelled import judged
from suites.sheet import Sheet, draw, parameters
from suites.terminal import shown_estimate


@dataclass(frozen=True, slots=True)
class Drawn:
    """A new sheet, its label names, and the file as it is to be written."""

    sheet: Sheet
    labels: tuple[str, ...]
    content: bytes


def new_sheet(run: RunFolder, n: int, seed: int, labels: str = "") -> Drawn:
    """Draw a sheet. Raises HarnessError as `suites.sheet.draw` and where no label names are known."""
    sheet = draw(run, n, seed)
    names = _label_names(run, sheet, labels)
    content = sheet_file.written(sheet, names, _field_names(run, len(sheet.items[0].fields)))
    return Drawn(sheet, names, content)


def read_sheets(run: RunFolder, paths: Sequence[Path], labels: str = "") -> dict[str, Any]:
    """What the filled sheets of a run say, see `suites.labelled.judged`.

    Raises HarnessError for sheets of another run or draw, or with mistakes in them, by file and row.
    """
    twice = [str(path) for n, path in enumerate(paths) if path.resolve() in _resolved(paths[:n])]
    if twice:
        raise HarnessError(f"{twice[0]} is named twice. Name the sheet of each annotator once.")
    filled = [sheet_file.read(path) for path in paths]
    drawn_by = {found for one in filled for _, name, _ in one.rows if (found := parameters(name))}
    if len(drawn_by) != 1:
        what = "have no ids of a sheet" if not drawn_by else "were not drawn by one -n and --seed"
        raise HarnessError(
            f"The sheets {', '.join(map(str, paths))} {what}. Give every annotator a copy of one file "
            "that `withstand sheet` wrote, and leave the column 'id' as it is."
        )
    sheet = draw(run, *drawn_by.pop())
    names = _label_names(run, sheet, labels)
    annotators = {str(one.path): sheet_file.answers(one, sheet, names) for one in filled}
    return judged(sheet, names, annotators)


def instructions(drawn: Drawn, path: Path, run: Path) -> list[str]:
    """What is to be done with a new sheet."""
    sheet = drawn.sheet
    altered = len(sheet.items) - sheet.controls
    return [
        f"{path}: {altered} texts that broke the model and {sheet.controls} unaltered ones, in an order "
        "that says nothing.",
        "Give a copy to each of two people or more. They write a label beside every text, alone and "
        f"without the run: {', '.join(drawn.labels)}, or {sheet_file.CANNOT_TELL}.",
        f"Then: withstand sheet {run} --read first.csv --read second.csv",
    ]


def lines(found: Mapping[str, Any]) -> list[str]:
    """What filled sheets say, for a terminal."""
    from reports.visible import one_line

    people = len(found["sheets"])
    agreement = found["agreement"]
    said = [
        f"{people} {'person' if people == 1 else 'people'} on {found['run']}, more than half decide:",
        f"  successes that keep their label   {shown_estimate(found['kept'])}; "
        f"{found['other_label']} have another",
        f"  unaltered texts labelled right    {shown_estimate(found['controls'])}",
        f"  all give the same answer          {shown_estimate(agreement['same_answer'])}",
        f"  kappa                             {shown_estimate(agreement['kappa'], percent=False)}",
    ]
    for one in found["sheets"]:
        said.append(
            f"  {one_line(one['file'], 60)}: unaltered texts right {shown_estimate(one['controls'])}; "
            f"{one['cannot_tell']} cannot tell"
        )
    for attack in found["attacks"]:
        which = " (calibrated)" if attack["calibrated"] else ""
        said += [
            f"{attack['name']}{which} on {attack['split']}",
            f"  success rate as measured          {shown_estimate(attack['attack_success_rate'])}",
            f"  sampled successes that keep it    {shown_estimate(attack['kept'])}",
            f"  corrected success rate            {_corrected(attack['corrected_success_rate'])}",
        ]
    return said


def _corrected(estimate: Mapping[str, Any]) -> str:
    # Its n is only that of the smaller part, and each part shows its own above.
    return shown_estimate(estimate).rpartition(", n=")[0] or shown_estimate(estimate)


def _resolved(paths: Sequence[Path]) -> set[Path]:
    return {path.resolve() for path in paths}


def _label_names(run: RunFolder, sheet: Sheet, given: str) -> tuple[str, ...]:
    """Names as given, or as the run recorded them, or as the model's configuration has them."""
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    names = names or _recorded(run) or _configured(run)
    most = max(outcome.label for found in sheet.outcomes.values() for outcome in found)
    if most >= len(names):
        raise HarnessError(
            f"The run {run.id} has labels numbered 0 to {most}, and names for {len(names)} of them. "
            "Give them in the order of their numbers: --labels NAME,NAME,…"
        )
    return names


def _recorded(run: RunFolder) -> tuple[str, ...]:
    for event in run.events():
        if event["event"] == "subject":
            model = event["model"]
            return tuple(model.get("labels") or (model.get("trained") or {}).get("labels") or ())
    return tuple(_plan(run).get("attack", {}).get("labels") or ())


def _configured(run: RunFolder) -> tuple[str, ...]:
    from harness.model_checks import classifier_labels

    for event in run.events():
        if event["event"] == "subject":
            try:
                return classifier_labels(str(event["model"]["name"]))
            except HarnessError:  # the model has gone; its names can be given
                return ()
    return ()


def _field_names(run: RunFolder, fields: int) -> list[str]:
    plan = _plan(run)
    named = list((plan.get("data") or plan.get("attack") or {}).get("text") or ())
    reserved = any(name.strip().casefold().startswith(("id", "label")) for name in named)
    if len(named) == fields and not reserved:
        return named
    return ["text"] if fields == 1 else [f"text {n}" for n in range(1, fields + 1)]


def _plan(run: RunFolder) -> dict[str, Any]:
    return run.plan()

"""The results of a finished run once more, from its records alone: no model, no network."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from harness.plan import Plan, parse_plan
from harness.session import run_info as begun_info
from reports.baseline import side_at
from reports.compare import compare_sides, comparison_results
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.results import Results, empty
from reports.sides import Side
from suites.findings import audit_results
from suites.harden import AUDITS, concluded
from suites.judgement import with_verdict


class MissingPartError(ReportError):
    """A run that these results rest on is not here, so that nothing can be counted. Exit code 3."""

    exit_code = 3


def recount(run: RunFolder, baseline: Path | None = None) -> Results:
    """What results.json should say, up to `run.finished`.

    Args:
        baseline: the run or the baseline file that an audit was compared with, where it does not lie
            beside it.

    Raises MissingPartError where a run that it was compared with, or a part of a hardening, is not
    there; ReportError for records that are damaged.
    """
    kind = run.started()["kind"]
    if kind == "audit":
        return _audit(run, baseline)
    if kind == "attack":
        return audit_results(run, kind="attack")
    if kind == "harden":
        steps = {e["step"]: e["run"] for e in run.events() if e["event"] == "child"}
        before, after = (_beside(run, steps.get(step, step)) for step in AUDITS)
        results, _ = concluded(plan_of(run), run, before, after)
        return results
    if kind == "compare":
        return _compared(run, baseline)
    if kind in ("train", "tune"):
        return empty(kind, begun_info(run))
    raise ReportError(
        f"{run.path} is a run of the kind {kind!r}, which this release does not know. Check it with the "
        "release that made it."
    )


def parts_of(run: RunFolder) -> list[RunFolder]:
    """The runs that a hardening or a comparison is made of; none of a run that stands alone.

    Raises MissingPartError where one does not lie beside it.
    """
    kind = run.started()["kind"]
    if kind == "harden":
        steps = {e["step"]: e["run"] for e in run.events() if e["event"] == "child"}
        return [_beside(run, name) for name in steps.values()]
    if kind == "compare":
        return [_beside(run, name) for name in _sides(run)]
    return []


def plan_of(run: RunFolder) -> Plan:
    """The plan of a run as it was resolved. Raises ReportError where it has none."""
    return parse_plan(table_of(run), str(run.path / "plan.toml"))


def table_of(run: RunFolder) -> dict[str, Any]:
    """plan.toml as it stands. Raises ReportError where it is missing or no TOML."""
    text = run.plan_text()
    if text is None:
        raise ReportError(f"The run {run.id} has no plan.toml. Restore it from a copy.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{run.path / 'plan.toml'} is no TOML: {error}.") from None


def _audit(run: RunFolder, baseline: Path | None) -> Results:
    plan, recorded = plan_of(run), run.results()
    results = audit_results(run)
    compared = recorded["comparison"]
    if compared is not None:
        before = _named(run, compared["before"]["run"]["id"], baseline)
        found = compare_sides(before, Side.under_way(run, results), allow="allowed" in compared)
        results["comparison"] = cast("Any", found)
    with_verdict(results, plan.gates if _was_judged(run, recorded) else (), plan.waivers)
    return results


def _was_judged(run: RunFolder, recorded: Mapping[str, Any]) -> bool:
    """Whether the gates of its plan were asked: those of a part of a hardening are not.

    Runs of releases that did not put it on record are taken by what their results say.
    """
    judged = run.started().get("judged")
    verdict = recorded["verdict"] or {}
    return bool(verdict.get("gates")) if judged is None else bool(judged)


def _compared(run: RunFolder, baseline: Path | None) -> Results:
    recorded = run.results()
    before, after = _sides(run)
    sides = _named(run, before, baseline), Side.of(_beside(run, after))
    allow = "allowed" in recorded["comparison"]
    return comparison_results(recorded["run"], compare_sides(*sides, allow=allow))


def _sides(run: RunFolder) -> list[str]:
    comparison = run.results()["comparison"]
    return [comparison[side]["run"]["id"] for side in ("before", "after")]


def _named(run: RunFolder, name: str, path: Path | None) -> Side:
    if path is None:
        return Side.of(_beside(run, name))
    found = side_at(path)
    if found.name != name:
        raise ReportError(
            f"{run.id} was compared with the run {name}, and {path} is the run {found.name}. Name the "
            "other with --baseline."
        )
    return found


def _beside(run: RunFolder, name: str) -> RunFolder:
    """The run of that name in the same folder. Names are those of folders, never paths."""
    path = run.path.resolve().parent / name
    if Path(name).name != name or name in ("", ".", "..") or not path.is_dir():
        raise MissingPartError(
            f"The numbers of {run.id} rest on the run {name!r}, which does not lie beside it. Put it "
            "there, or name it with --baseline, to have them counted again."
        )
    return RunFolder.open(path)

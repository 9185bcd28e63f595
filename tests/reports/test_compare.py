from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import scenario
import typer
from typer.testing import CliRunner

from reports import commands
from reports.compare import Side, compare_runs, compare_sides
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.results import empty, validate

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
FIXTURE = Path(__file__).parent / "data" / "results-v1.json"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    root = tmp_path_factory.mktemp("runs")
    before = scenario.audit(root, "plain", count=60)
    return before, scenario.audit(root, "hardened", count=60, seen=("deepwordbug", "pwws"))


def _schema() -> Any:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def test_a_comparison_is_paired_and_corrected(runs: tuple[RunFolder, RunFolder]) -> None:
    found = compare_runs(*runs)
    rows = {row["metric"]: row for row in found["differences"]}
    assert set(rows) == {
        "clean_accuracy",
        *(f"robust_accuracy.{a}{c}" for a in scenario.ATTACKS for c in ("", ".calibrated")),
        "robust_accuracy.union",
        "robust_accuracy.union.calibrated",
    }
    row = rows["robust_accuracy.textfooler"]
    assert row["seen"] is False
    assert row["newly_fixed"] - row["newly_broken"] == round(row["difference"]["value"] * row["n"])
    assert all(r["p_adjusted"] >= r["p_value"] for r in found["differences"])


def test_two_unseen_attacks_have_a_union_of_their_own(runs: tuple[RunFolder, RunFolder]) -> None:
    before, after = (Side.of(run) for run in runs)
    results = copy.deepcopy(dict(after.results))
    for attack in results["attacks"]:
        attack["seen"] = attack["name"] == "pwws"
    found = compare_sides(before, Side(results, after.records))
    row = next(
        r for r in found["differences"] if r["metric"] == "robust_accuracy.unseen.calibrated"
    )
    assert row["label"] == "any of 2 unseen attacks"
    assert row["seen"] is False


def test_an_audit_may_compare_itself_before_it_is_sealed(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    before, after = runs
    run = RunFolder.create(tmp_path, "again", kind="audit")
    for record in after.records():
        run.record(record)
    found = compare_runs(before, run, after=after.results())
    assert found["differences"] == compare_runs(before, after)["differences"]


def test_an_unfinished_or_changed_run_is_not_compared(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    run = RunFolder.create(tmp_path, "open", kind="audit")
    with pytest.raises(ReportError, match="is not finished"):
        compare_runs(runs[0], run)
    touched = scenario.audit(tmp_path, "plain", count=4)
    (touched.path / "results.json").write_text("{}")
    with pytest.raises(ReportError, match=r"results\.json: changed since"):
        compare_runs(runs[0], touched)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["data"]["splits"]["test"].update(fingerprint="ff" * 32), "the test data"),
        (
            lambda r: r["attacks"][0]["recipe"].update(max_candidates=8),
            "max_candidates is 50 against 8",
        ),
        (lambda r: r["attacks"].pop(0), "deepwordbug: only in"),
    ],
)
def test_unlike_audits_are_refused_and_the_difference_named(
    runs: tuple[RunFolder, RunFolder], change: Any, words: str
) -> None:
    before, after = (Side.of(run) for run in runs)
    results = copy.deepcopy(dict(after.results))
    change(results)
    with pytest.raises(ReportError, match=words):
        compare_sides(before, Side(results, after.records))


def test_other_examples_are_refused(runs: tuple[RunFolder, RunFolder]) -> None:
    before, after = (Side.of(run) for run in runs)
    fewer = [r for r in after.records if r.example_id != "test-3"]
    with pytest.raises(ReportError, match="1 examples only in"):
        compare_sides(before, Side(after.results, fewer))


def test_results_are_what_the_schema_says(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    validator = _schema()
    for run in (*runs, scenario.attack(tmp_path, count=20), scenario.harden(tmp_path, count=20)):
        validator.validate(run.results())
    started = {"id": "", "name": "", "created": "", "finished": None, "command": []}
    validator.validate(empty("train", started))  # type: ignore[arg-type]


def test_the_first_version_can_be_read_for_ever() -> None:
    results = json.loads(FIXTURE.read_text())
    _schema().validate(results)
    validate(results)
    from reports import html, markdown, narrative

    report = narrative.build(results, None, {})
    assert "Inconclusive" in html.render(report)
    assert "Inconclusive" in markdown.render(report)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "has version 2; this release reads version 1"),
        ({"schema": "x"}, '"schema" must be'),
        ({"kind": "x"}, '"kind" must be one of'),
        ({"attacks": {}}, '"attacks" is a dict'),
        ({"verdict": {"value": "maybe"}}, "the verdict must be one of"),
    ],
)
def test_results_that_no_reader_can_trust_are_refused(change: dict[str, Any], words: str) -> None:
    results = {**json.loads(FIXTURE.read_text()), **change}
    with pytest.raises(ReportError, match=words):
        validate(results)
    results.pop("attacks")
    with pytest.raises(ReportError):
        validate(results)


@pytest.fixture
def app() -> typer.Typer:
    found = typer.Typer()
    commands.register(found)
    return found


def test_the_verbs(app: typer.Typer, runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    runner = CliRunner()
    before, after = (str(run.path) for run in runs)
    drawn = runner.invoke(app, ["report", after, "--format", "md"])
    assert drawn.exit_code == 0
    assert drawn.stdout.strip() == str(runs[1].path / "report.md")
    as_json = runner.invoke(app, ["compare", before, after, "--json", "-o", str(tmp_path)])
    assert as_json.exit_code == 0
    results = json.loads(as_json.stdout)
    _schema().validate(results)
    (kept,) = tmp_path.iterdir()
    assert RunFolder.open(kept).verify_sums() == []
    assert (kept / "report.html").is_file()
    spoken = runner.invoke(app, ["compare", before, after])
    assert "textfooler (unseen, calibrated)" in spoken.stdout


@pytest.mark.parametrize(
    "arguments", [["report", "absent"], ["report", "{run}", "--format", "docx"]]
)
def test_the_verbs_fail_with_two(
    app: typer.Typer, runs: tuple[RunFolder, RunFolder], arguments: list[str]
) -> None:
    given = [word.format(run=runs[0].path) for word in arguments]
    failed = CliRunner().invoke(app, given)
    assert isinstance(failed.exception, ReportError)
    assert failed.exception.exit_code == 2

"""A gate that is waived is judged as it is, and the verdict goes by the others, until the day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import Gate, Waiver, read_plan
from reports.folder import RunFolder
from reports.statistics import rate
from reports.storage import read_json
from suites.cli import invoke
from suites.judgement import with_verdict
from suites.verdict import decide
from tests.suites import project

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
CLEAN = Gate(metric="clean_accuracy", at_least=0.5, why="a test")
ROBUST = Gate(metric="robust_accuracy.pwws", at_least=0.5, why="a test")
WAIVER = Waiver(
    metric=ROBUST.metric, owner="Ann", reason="Hardening is on its way.", until=date(2026, 3, 1)
)
FOUND = {CLEAN.metric: rate(80, 100), ROBUST.metric: rate(10, 100)}


def test_a_failed_gate_that_is_waived_stays_failed_and_the_verdict_goes_by_the_others() -> None:
    verdict = decide([CLEAN, ROBUST], FOUND, waivers=[WAIVER], today=date(2026, 3, 1))
    assert (verdict.value, verdict.exit_code) == ("pass", 0)
    assert [gate.verdict for gate in verdict.gates] == ["pass", "fail"]
    (reason,) = verdict.reasons
    assert "waived by Ann until 2026-03-01: Hardening is on its way" in reason


def test_a_waiver_ends_with_its_day_and_that_is_said() -> None:
    verdict = decide([CLEAN, ROBUST], FOUND, waivers=[WAIVER], today=date(2026, 3, 2))
    assert verdict.value == "fail"
    assert "the waiver of robust_accuracy.pwws by Ann ended on 2026-03-01" in verdict.reasons
    assert decide([CLEAN, ROBUST], FOUND, waivers=[WAIVER]).value == "fail"  # of no day


def test_a_gate_that_cannot_be_told_can_be_waived_and_one_that_passes_needs_none() -> None:
    open_ = FOUND | {ROBUST.metric: rate(11, 20)}
    today = date(2026, 1, 1)
    assert decide([CLEAN, ROBUST], open_, waivers=[WAIVER], today=today).value == "pass"
    good = FOUND | {ROBUST.metric: rate(90, 100)}
    verdict = decide([CLEAN, ROBUST], good, waivers=[WAIVER], today=today)
    assert verdict.reasons == ()
    assert verdict.gates[1].waiver is None


@given(st.integers(0, 60), st.integers(0, 60), st.lists(st.just("something errored"), max_size=1))
def test_a_waiver_never_helps_another_gate_nor_the_evidence(
    clean: int, robust: int, problems: list[str]
) -> None:
    found = {CLEAN.metric: rate(clean, 60), ROBUST.metric: rate(robust, 60)}
    verdict = decide([CLEAN, ROBUST], found, problems, [WAIVER], date(2026, 1, 1))
    plain = decide([CLEAN, ROBUST], found, problems)
    assert [gate.verdict for gate in verdict.gates] == [gate.verdict for gate in plain.gates]
    if verdict.value == "pass":
        assert plain.gates[0].verdict == "pass"
        assert not problems
    if plain.gates[0].verdict == "fail":
        assert verdict.value == "fail"


def waived(plan: Path, until: str) -> None:
    """The plan with a gate that fails, waived until a day."""
    more = f"""
[[gates]]
metric = "clean_accuracy"
at_least = 0.999
why = "Never."

[[waivers]]
metric = "clean_accuracy"
owner = "Ann <ann@example.org>"
reason = "It is untrained."
until = {until}
"""
    plan.write_text(plan.read_text(encoding="utf-8") + more, encoding="utf-8")


def test_an_audit_passes_with_its_waiver_and_every_report_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = project.release(tmp_path)
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.split("[[gates]]")[0], encoding="utf-8")
    waived(plan, "2999-12-31")
    assert read_plan(plan).waivers[0].until == date(2999, 12, 31)
    runs = tmp_path / "runs"
    assert invoke(["audit", str(plan), "-o", str(runs), "-q"]) in (0, 3)
    (run,) = runs.iterdir()
    results = RunFolder.open(run).results()
    (gate,) = results["verdict"]["gates"]
    assert gate["verdict"] == "fail"
    assert gate["waiver"]["until"] == "2999-12-31"
    jsonschema.validate(results, read_json(SCHEMA))
    assert "FAIL, waived" in capsys.readouterr().out
    for name in ("report.html", "report.md"):
        shown = (run / name).read_text(encoding="utf-8")
        assert "Fail, waived" in shown
        assert "It is untrained." in shown
    assert read_plan(run / "plan.toml").waivers == read_plan(plan).waivers

    expired = tmp_path / "old"
    plan.write_text(plan.read_text(encoding="utf-8").replace("2999-12-31", "2020-01-01"))
    assert invoke(["audit", str(plan), "-o", str(expired), "-q"]) == 1
    assert "ended on 2020-01-01" in capsys.readouterr().out


def test_pytest_shows_a_waived_gate_as_expected_to_fail(
    tmp_path: Path, pytester: pytest.Pytester
) -> None:
    plan = project.release(pytester.path)
    plan.write_text(plan.read_text(encoding="utf-8").split("[[gates]]")[0], encoding="utf-8")
    waived(plan, "2999-12-31")
    result = pytester.runpytest_inprocess(plan.name, "-rx")
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(["*waived by Ann*It is untrained.*"])

    # A week after its last day the run of today is taken again, and the waiver is not.
    (run,) = (pytester.path / "runs").iterdir()
    results = RunFolder.open(run).results()
    results["run"]["created"] = "2020-01-01T00:00:00+00:00"
    read = read_plan(plan)
    old = [read.waivers[0].model_copy(update={"until": date(2020, 6, 1)})]
    assert with_verdict(results, read.gates, waivers=old).value != "fail"
    assert with_verdict(results, read.gates, waivers=old, today=date(2020, 6, 2)).value == "fail"


def test_pytest_measures_anew_what_ran_before_the_plan_was_frozen(
    pytester: pytest.Pytester,
) -> None:
    plan = project.release(pytester.path)
    runs = pytester.path / "runs"
    assert invoke(["audit", str(plan), "-o", str(runs), "-q"]) in (0, 3)
    pytester.runpytest_inprocess(plan.name)
    assert len(list(runs.iterdir())) == 1
    assert invoke(["plan", "freeze", str(plan)]) == 0
    pytester.runpytest_inprocess(plan.name)
    pytester.runpytest_inprocess(plan.name)
    found = [RunFolder.open(run).results().get("frozen") for run in runs.iterdir()]
    assert sorted(bool(frozen and frozen["matches"]) for frozen in found) == [False, True]


pytest_plugins = ["pytester"]

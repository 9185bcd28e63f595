"""A frozen plan: kept once, compared key by key, and what was changed afterwards decides no pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.plan import Plan, PlanError, read_plan
from reports.folder import RunFolder
from suites.cli import invoke
from suites.freezing import deviations, doubts, freeze, freeze_path, read_freeze, recorded
from suites.judgement import problems
from tests.suites import project

MORNING = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return project.release(tmp_path)


def changed(path: Path, *pairs: tuple[str, str]) -> Plan:
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return read_plan(path)


def test_a_freeze_lies_beside_its_plan() -> None:
    assert freeze_path(Path("a/release.toml")) == Path("a/release.frozen.json")
    assert freeze_path(Path("a/pyproject.toml")) == Path("a/withstand.frozen.json")


def test_it_is_read_back_and_an_unchanged_plan_deviates_in_nothing(path: Path) -> None:
    plan = read_plan(path)
    written = freeze(plan, path, again=False, now=MORNING)
    assert read_freeze(path) == written
    assert written.digest == plan.digest
    assert written.date == "2026-03-01T08:00:00+00:00"
    assert deviations(written, plan) == []
    # Words around the settings are no settings.
    assert deviations(written, changed(path, ("[audit]", "# The audit.\n[audit]"))) == []


def test_every_change_is_named_with_both_values(path: Path) -> None:
    found = freeze(read_plan(path), path, again=False)
    more = '\n[[gates]]\nmetric = "clean_accuracy"\nat_least = 0.5\nwhy = "w"\n'
    now = changed(path, ("at_least = 0.0", "at_least = 0.1"), ("seed = 3\n", "seed = 4\n"))
    path.write_text(path.read_text() + more, encoding="utf-8")
    now = read_plan(path)
    named = {entry["key"]: (entry["frozen"], entry["now"]) for entry in deviations(found, now)}
    assert named["seed"] == (3, 4)
    assert named["gates.0.at_least"] == (0.0, 0.1)
    assert named["gates.1.metric"] == (None, "clean_accuracy")
    assert named.keys() == {
        "seed",
        "gates.0.at_least",
        *(f"gates.1.{key}" for key in ("metric", "at_least", "evidence", "on_missing", "why")),
    }


def test_it_is_not_replaced_unasked_and_keeps_what_was_before(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = freeze(read_plan(path), path, again=False, now=MORNING)
    assert invoke(["plan", "freeze", str(path)]) == 2
    assert "is not changed since" in capsys.readouterr().err
    changed(path, ("examples = 12", "examples = 14"))
    assert invoke(["plan", "freeze", str(path)]) == 2
    error = capsys.readouterr().err
    assert "is changed since" in error
    assert "--again" in error
    assert read_freeze(path) == first
    assert invoke(["plan", "freeze", str(path), "--again"]) == 0
    second = read_freeze(path)
    assert second is not None
    assert second.history == ({"date": first.date, "digest": first.digest},)
    third = freeze(read_plan(path), path, again=True)
    assert [entry["digest"] for entry in third.history] == [first.digest, second.digest]


def test_a_freeze_that_was_edited_is_refused(path: Path) -> None:
    freeze(read_plan(path), path, again=False)
    file = freeze_path(path)
    content = json.loads(file.read_text())
    content["plan"]["gates"][0]["at_least"] = 0.9
    file.write_text(json.dumps(content))
    with pytest.raises(PlanError, match="not the one of its digest"):
        read_freeze(path)
    file.write_text("{}")
    with pytest.raises(PlanError, match="not a frozen plan of version 1"):
        read_freeze(path)


def test_a_setting_of_a_later_release_was_at_its_default(path: Path) -> None:
    plan = read_plan(path)
    found = freeze(plan, path, again=False)
    older = {k: v for k, v in found.plan["audit"].items() if k != "train_attacks"}
    before = type(found)(found.digest, found.date, found.release, {**found.plan, "audit": older})
    assert deviations(before, plan) == []


def info(*keys: str, late: bool = False) -> Any:
    listed = [{"key": key, "frozen": 1, "now": 2} for key in keys]
    return {"date": "2026-03-01", "digest": "d", "deviations": listed, "late": late}


def test_what_decides_is_a_problem_and_the_rest_is_not() -> None:
    assert doubts(None) == doubts(info()) == doubts(info("train.epochs", "name")) == []
    (one,) = doubts(info("train.epochs", "gates.0.at_least", "seed"))
    assert "gates.0.at_least, seed" in one
    assert "train.epochs" not in one
    assert "after this run began" in doubts(info(late=True))[0]
    assert problems({"frozen": info("audit.examples")}) == doubts(info("audit.examples"))


def test_a_freeze_after_the_run_began_is_late() -> None:
    event = {"event": "frozen", "digest": "d", "deviations": [], "history": []}
    for offset, late in ((-1, False), (1, True)):
        date = (MORNING + timedelta(hours=offset)).isoformat()
        events = [{"event": "started", "time": MORNING.isoformat()}, {**event, "date": date}]
        found = recorded(events)
        assert found is not None
        assert found["late"] is late
    assert recorded(events[:1]) is None


def audit(path: Path) -> tuple[int, RunFolder]:
    runs = path.parent / "runs"
    before = set(runs.iterdir()) if runs.is_dir() else set()
    code = invoke(["audit", str(path), "-q", "-o", str(runs)])
    (made,) = set(runs.iterdir()) - before
    return code, RunFolder.open(made)


def said(run: RunFolder) -> list[str]:
    """Both reports as text in one line."""
    return [" ".join((run.path / f"report.{e}").read_text().split()) for e in ("html", "md")]


def test_an_audit_says_what_it_ran(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = audit(path)
    assert "frozen" not in run.results()
    page, comment = said(run)
    assert page.count("frozen") == page.count("The plan was not frozen") == 1
    assert "frozen" not in comment
    found = freeze(read_plan(path), path, again=False, now=MORNING)
    capsys.readouterr()
    _, run = audit(path)
    results = run.results()
    jsonschema.validate(results, json.loads(SCHEMA.read_text()))
    assert results["frozen"]["matches"]
    assert not any("frozen" in reason for reason in results["verdict"]["reasons"])
    sentence = (
        f"This audit ran the plan that was frozen on 2026-03-01 08:00 UTC (SHA-256 {found.digest})"
    )
    assert sentence in " ".join(capsys.readouterr().out.split())
    assert all(found.digest in text for text in said(run))


def test_an_audit_of_a_changed_plan_lists_the_changes_and_cannot_pass(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    freeze(read_plan(path), path, again=False, now=MORNING)
    changed(path, ("examples = 12", "examples = 8"))
    code, run = audit(path)
    assert code == 3
    results = run.results()
    jsonschema.validate(results, json.loads(SCHEMA.read_text()))
    assert results["frozen"]["deviations"] == [{"key": "audit.examples", "frozen": 12, "now": 8}]
    assert not results["frozen"]["matches"]
    assert any("audit.examples" in reason for reason in results["verdict"]["reasons"])
    assert all("did not run the plan that was frozen" in text for text in said(run))
    assert all("Changed after the freeze" in text for text in said(run))
    capsys.readouterr()
    assert invoke(["plan", "check", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "1 setting changed since" in printed
    assert "audit.examples: 12 -> 8" in printed

"""`withstand audit --dry-run`: what an audit would take and decide; no weights, and no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.folder import RunFolder
from suites.cli import invoke
from suites.decidable import of_rate
from tests.suites import project

GATES = """
[[gates]]
metric = "clean_accuracy"
at_least = 0.4
why = "It reads."

[[gates]]
metric = "gap.accuracy_train_test"
at_most = 0.1
why = "It has not learnt by heart."

[[gates]]
metric = "attack_success_rate.deepwordbug"
at_most = 0.5
why = "Typos."

[[gates]]
metric = "gain.clean_accuracy"
at_least = -0.02
why = "Accuracy is kept."
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = project.release(tmp_path)
    path.write_text(path.read_text() + GATES, encoding="utf-8")
    return path


def dry(plan: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert invoke(["audit", str(plan), "--dry-run", "--json", *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_loads_no_weights_and_leaves_no_trace(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.models.load_classifier", None)
    before = sorted(path for path in plan.parent.rglob("*"))
    assert invoke(["audit", str(plan), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert sorted(path for path in plan.parent.rglob("*")) == before
    assert "data.csv: 40 train, 60 validation, 100 test" in said
    assert "labels: negative, positive" in said
    assert "deepwordbug on 12 test texts: not known: no earlier run of this attack in runs/" in said
    passes = of_rate_of(0.4, 100)
    assert f"clean_accuracy at least 0.4, n=100: passes from {passes:.1%}" in said
    assert "between them inconclusive" in said
    assert "gap.accuracy_train_test at most 0.1: what it can decide is not known" in said
    assert "it has no value without --baseline" in said
    assert "only texts that the model gets right are counted" in said


def of_rate_of(bound: float, n: int) -> float:
    from harness.plan import Gate

    found = of_rate(Gate(metric="m", at_least=bound, why="w"), n).passes
    assert found is not None
    return found


def test_what_an_earlier_run_took_is_what_is_expected(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke(["audit", str(plan), "-q"])
    (path,) = Path("runs").iterdir()
    results = RunFolder.open(path).results()
    (plain, _) = (a for a in results["attacks"] if a["split"] == "test")
    text = plan.read_text().replace("examples = 12", "examples = 24")
    plan.write_text(text, encoding="utf-8")
    found = dry(plan, capsys)
    (test, calibrated) = found["attacks"]
    assert test["examples"] == 24
    assert test["queries"] == round(plain["queries"]["unique"] / 12 * 24)
    assert test["seconds"] == pytest.approx(plain["seconds"]["total"] * 2, abs=0.06)
    assert test["seen"]["run"] == path.name
    assert test["seen"]["same_model"]
    assert test["seen"]["same_settings"]
    assert calibrated["calibrated"]
    assert found["unknown"] == 0
    assert found["queries"] == test["queries"] + calibrated["queries"]
    gap = next(g for g in found["gates"] if g["metric"].startswith("gap."))
    (measured,) = (g for g in results["gaps"] if g["name"] == "accuracy_train_test")
    width = measured["difference"]["high"] - measured["difference"]["low"]
    assert gap["decides"]["passes"] == pytest.approx(0.1 - width / 2)
    assert path.name in gap["notes"][0]
    assert len(list(Path("runs").iterdir())) == 1


def test_a_run_of_another_model_with_other_settings_is_called_that(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke(["audit", str(plan), "-q"])
    settings = "\n[audit.settings.deepwordbug]\nmax_edit_distance = 5\n"
    plan.write_text(plan.read_text() + settings, encoding="utf-8")
    (plan.parent / "base").rename(plan.parent / "other")
    arguments = ["audit", str(plan), "--dry-run", "--model", str(plan.parent / "other")]
    plan.write_text(plan.read_text().replace("/base", "/other"), encoding="utf-8")
    capsys.readouterr()
    assert invoke(arguments) == 0
    said = capsys.readouterr().out
    assert f"another model, {plan.parent}/base, with other settings" in said


def test_a_limit_is_what_is_counted_and_said(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dry(plan, capsys, "--limit", "5")
    assert {attack["examples"] for attack in found["attacks"]} == {5}
    assert found["limit"] == 5


@pytest.mark.parametrize(
    ("old", "new"),
    [("examples = 12", "examples = -1"), ("deepwordbug", "deepwordbag"), ("data.csv", "no.csv")],
)
def test_a_wrong_plan_is_code_2(plan: Path, old: str, new: str) -> None:
    plan.write_text(plan.read_text().replace(old, new), encoding="utf-8")
    assert invoke(["audit", str(plan), "--dry-run"]) == 2


def test_a_baseline_that_is_none_is_found_before_anything_runs(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["audit", str(plan), "--baseline", "runs/none", "-q"]) == 2
    assert "There is no run folder at runs/none" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_an_answer_that_is_asked_for_several_times_takes_as_much_longer_and_is_on_record(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    once = dry(plan, capsys)["attacks"][0]["seen"]["seconds"]
    plan.write_text(plan.read_text().replace("examples = 12", "examples = 12\nrepeats = 10"))
    assert dry(plan, capsys)["attacks"][0]["seen"]["seconds"] == pytest.approx(10 * once)
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    results = RunFolder.open(project.newest(Path("runs"))).results()
    assert results["model"]["repeats"] == 10
    assert "mean of 10 answers" in " ".join(results["limits"])


def test_several_looks_ask_more_at_the_last(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = plan.read_text().replace('evidence = "point"\n', "").split("[[gates]]")
    plan.write_text("[[gates]]".join([*text[:2]]).replace("at_least = 0.0", "at_least = 0.4"))
    plan.write_text(plan.read_text().replace("examples = 12", "examples = 100"))
    (once,) = dry(plan, capsys)["gates"]
    plan.write_text(plan.read_text().replace("examples = 100", "examples = 100\nlooks = 4"))
    (several,) = dry(plan, capsys)["gates"]
    assert several["decides"]["passes"] > once["decides"]["passes"]
    assert "last of 4 looks" in several["notes"][0]

"""Audits against a baseline file: the verdict of the run that it stands for, and no unlike one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.plan import Gate
from reports import baseline
from reports.compare import compare_sides
from reports.folder import RunFolder
from reports.named import estimates
from reports.sides import Side
from suites import baselines
from suites.cli import invoke
from suites.judgement import with_verdict
from tests.reports import scenario
from tests.suites import project

GATES = [
    Gate(metric="gain.robust_accuracy.pwws", at_least=0.1, why="It gained."),
    Gate(metric="gain.robust_accuracy.union.calibrated", at_least=0.9, why="Too much."),
    Gate(metric="clean_accuracy", margin=0.02, why="It lost little."),
    Gate(metric="before.robust_accuracy.textfooler", at_most=0.5, why="It was weak."),
    Gate(metric="robust_accuracy.pwws", at_least=0.2, why="It is not."),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    root = tmp_path_factory.mktemp("runs")
    before = scenario.audit(root, "plain", count=60)
    return before, scenario.audit(root, "hardened", count=60, seen=("pwws",))


def judged(before: Side, after: Side, gates: list[Gate], *, allow: bool = False) -> dict[str, Any]:
    results: Any = copy.deepcopy(dict(after.results))
    results["comparison"] = compare_sides(before, after, allow=allow)
    with_verdict(results, gates)
    return dict(results)


def test_gates_are_decided_by_a_file_as_by_the_run(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    path = tmp_path / "b.json"
    baseline.write(runs[0], path)
    after = Side.of(runs[1])
    by_run = judged(Side.of(runs[0]), after, GATES)
    by_file = judged(baseline.side_at(path), after, GATES)
    assert by_file["verdict"] == by_run["verdict"]
    assert estimates(by_file) == estimates(by_run)
    words = {gate["verdict"] for gate in by_run["verdict"]["gates"]}
    assert {"pass", "fail"} <= words


def test_no_gate_on_a_comparison_passes_by_what_was_allowed(
    runs: tuple[RunFolder, RunFolder],
) -> None:
    before, after = (Side.of(run) for run in runs)
    other: Any = copy.deepcopy(dict(after.results))
    for attack in other["attacks"]:
        attack["recipe"]["max_candidates"] = 8
    unlike = Side(other, after.records)
    gain, plain = GATES[0], GATES[4]
    assert judged(before, after, [gain])["verdict"]["value"] == "pass"
    found = judged(before, unlike, [gain], allow=True)["verdict"]
    assert found["value"] == "inconclusive"
    assert any("max_candidates is 50 against 8" in reason for reason in found["reasons"])
    # A gate on the run's own numbers does not rest on the comparison.
    assert judged(before, unlike, [plain], allow=True)["verdict"] == {
        **judged(before, after, [plain])["verdict"]
    }


@pytest.mark.slow
def test_an_audit_takes_a_file_and_refuses_an_unlike_one_before_it_attacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    text = plan.read_text().replace("examples = 12", "examples = 6\nchecks = []")
    gate = '\n[[gates]]\nmetric = "clean_accuracy"\nmargin = 0.5\nevidence = "point"\nwhy = "No loss."\n'
    plan.write_text(text + gate, encoding="utf-8")
    invoke(["audit", str(plan), "-q"])
    (first,) = Path("runs").iterdir()
    assert invoke(["baseline", "set", str(first), "--name", "first"]) == 0
    file = "withstand-baselines/first.json"
    capsys.readouterr()
    invoke(["audit", str(plan), "--baseline", file])
    said = " ".join(capsys.readouterr().out.split())
    second = project.newest(Path("runs"))
    comparison = json.loads((second / "results.json").read_text())["comparison"]
    assert comparison["before"]["run"]["id"] == first.name
    assert [cause["kind"] for cause in comparison["causes"]] == ["environment"]
    assert comparison["attribution"] in said

    plan.write_text(plan.read_text().replace("seed = 3", "seed = 4"), encoding="utf-8")
    assert invoke(["audit", str(plan), "-q", "--baseline", file]) == 2
    assert "the seed of the run is 3 against 4" in capsys.readouterr().err
    assert len(list(Path("runs").iterdir())) == 2
    assert invoke(["audit", str(plan), "-q", "--baseline", file, "--allow-mismatch"]) == 3
    third = project.newest(Path("runs"))
    assert "Unlike runs were compared" in (third / "report.html").read_text()
    content = json.loads(Path(file).read_text())
    content["outcomes"][0]["rows"].popitem()
    Path(file).write_text(json.dumps(content))
    assert invoke(["audit", str(plan), "-q", "--baseline", file, "--dry-run"]) == 2
    assert "does not add up" in capsys.readouterr().err


def test_a_baseline_of_a_test_and_one_of_an_audit_are_not_taken_for_each_other(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    path = tmp_path / "pwws.json"
    baseline.write(runs[0], path)
    written = path.read_bytes()
    with pytest.raises(baselines.BaselineError, match="is the baseline of an audit"):
        baselines.no_worse(path, "pwws", "key", runs[0].outcomes(), 0.0)
    with pytest.raises(baselines.BaselineError, match="is the baseline of an audit"):
        baselines.write(path, "pwws", "key", runs[0].outcomes(), "victim")
    assert path.read_bytes() == written

"""Attacks that end where their gates are decided: less is attacked, and no gate errs more often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.rounding import softmax
from attacks.victims.function import FunctionVictim
from harness.plan import Gate, Plan, parse_plan
from reports.folder import RunFolder
from reports.progress import Quiet
from reports.statistics import rate
from reports.storage import read_json
from suites.cli import invoke
from suites.collect import collect_evidence
from suites.evidence import Collector, Target
from suites.findings import audit_results
from suites.judgement import with_verdict
from suites.looks import decided, levels, parts
from suites.verdict import ONE_SIDED, decide
from tests.suites import project, zoo

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
ROBUST = "robust_accuracy.deepwordbug"


def plan(at_least: float, looks: int = 4, **audit: Any) -> Plan:
    asked = {
        "attacks": ["deepwordbug"],
        "settings": {"deepwordbug": {"max_edit_distance": 12}},
        "examples": 200,
        "calibrated": False,
        "checks": ["twin"],
        "looks": looks,
    }
    return parse_plan(
        {
            "name": "looks",
            "model": {"base": "none"},
            "data": {"source": "none"},
            "audit": asked | audit,
            "gates": [
                {"metric": "clean_accuracy", "at_least": 0.55, "why": "It reads."},
                {"metric": ROBUST, "at_least": at_least, "why": "Twelve letters."},
            ],
        },
        "-",
    )


def collected(asked: Plan, folder: RunFolder, animal: zoo.Animal) -> dict[str, Any]:
    def answer(texts: Any) -> Any:
        return softmax(np.asarray(animal.answer(texts), dtype=np.float32), 1.0)

    test = animal.data.test
    victim = FunctionVictim(answer, zoo.LABELS, fingerprint=animal.name)
    target = Target(victim, animal.data.validation, test, test, test[:200], [])
    collect_evidence(asked, Collector(folder, target, {}, Quiet(), seed=0), gates=asked.gates)
    results = audit_results(folder)
    with_verdict(results, asked.gates)
    return dict(results)


@pytest.mark.slow
def test_attacks_end_where_the_gates_are_decided(tmp_path: Path) -> None:
    for at_least, verdict, examples in ((0.6, "fail", 100), (0.1, "pass", 100), (0.38, None, 200)):
        folder = RunFolder.create(tmp_path, "looks", kind="audit")
        results = collected(plan(at_least), folder, zoo.honest())
        looked, (attack,) = results["looks"], results["attacks"]
        assert looked["examples"] == attack["counts"]["total"] == examples, at_least
        assert (looked["made"], looked["planned"]) == (examples // 50, 4)
        assert results["verdict"]["gates"][1]["verdict"] == (verdict or "inconclusive")
        assert f"{looked['made']} of 4 times" in " ".join(results["limits"])
        (twin,) = (check for check in results["checks"] if check["name"] == "twin")
        assert twin["estimate"]["n"] == 24  # the checks look at what was attacked
        jsonschema.validate(results, read_json(SCHEMA))


def test_the_part_that_was_attacked_is_attacked_as_without_looks(tmp_path: Path) -> None:
    whole = RunFolder.create(tmp_path, "whole", kind="audit")
    collected(plan(0.6, looks=1), whole, zoo.honest())
    early = RunFolder.create(tmp_path, "early", kind="audit")
    collected(plan(0.6), early, zoo.honest())
    check = "attack:deepwordbug@test"
    all_ = {o.example_id: o.to_dict() for o in whole.outcomes(check)}
    found = {o.example_id: o.to_dict() for o in early.outcomes(check)}
    assert len(found) == 100 < len(all_)
    assert all(all_[name] == outcome for name, outcome in found.items())


def test_a_run_that_ended_early_ends_there_again(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "looks", kind="audit")
    first = collected(plan(0.6), folder, zoo.honest())
    before = [event for event in folder.events() if event["event"] in ("look", "outcome")]
    again = collected(plan(0.6), folder, zoo.honest())
    assert again["looks"] == first["looks"]
    assert [e for e in folder.events() if e["event"] in ("look", "outcome")] == before


@given(st.integers(1, 400), st.integers(1, 20))
def test_looks_grow_to_all_examples_and_spend_what_a_gate_may_err(count: int, looks: int) -> None:
    sizes = parts(count, looks)
    assert list(sizes) == sorted(set(sizes))
    assert sizes[-1] == count
    spent = levels(sizes)
    assert len(spent) == len(sizes)
    assert min(spent) > 0
    assert sum(spent) == pytest.approx(ONE_SIDED)


@pytest.mark.parametrize("truth", [0.3, 0.5, 0.8])
def test_a_gate_that_is_looked_at_errs_no_more_often(truth: float) -> None:
    """At the bound itself a gate passes, or fails, by mistake: in 2.5% of all samples at most."""
    generator = np.random.default_rng(5)
    gate = Gate(metric=ROBUST, at_least=truth, why="-")
    sizes = parts(200, 4)
    wrong = {"pass": 0, "fail": 0}
    runs = 600
    for _ in range(runs):
        right = generator.random(200) < truth
        for size, level in zip(sizes, levels(sizes), strict=True):
            found = {ROBUST: rate(int(right[:size].sum()), size)}
            if decided([gate], found, level):
                stricter = {ROBUST: ONE_SIDED / level}
                wrong[decide([gate], found, factors=stricter).value] += 1
                break
    # Two standard errors of 600 runs at 2.5% are 1.3 points.
    assert max(wrong.values()) / runs <= ONE_SIDED + 0.013


def test_looks_without_a_gate_to_end_for_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = project.release(tmp_path)
    text = path.read_text().replace("examples = 12", "examples = 12\nlooks = 3")
    path.write_text(text)
    assert invoke(["audit", str(path), "-q"]) == 2
    assert "goes by the value alone" in capsys.readouterr().err
    interval = text.replace('evidence = "point"\n', "")
    path.write_text(interval)
    assert invoke(["audit", str(path), "-q"]) in (0, 3)
    run = project.newest(Path("runs"))
    assert RunFolder.open(run).results()["looks"]["planned"] == 3
    capsys.readouterr()
    assert invoke(["audit", str(path), "-q", "--baseline", str(run)]) == 2
    assert "meet other examples than the baseline's did" in capsys.readouterr().err
    path.write_text(interval.replace(ROBUST, "clean_accuracy"))
    assert invoke(["audit", str(path), "-q"]) == 2
    assert "no gate is on an attack" in capsys.readouterr().err
    path.write_text(interval.replace("at_least = 0.0", "margin = 0.0"))
    assert invoke(["audit", str(path), "-q"]) == 2
    assert "compares with a baseline" in capsys.readouterr().err

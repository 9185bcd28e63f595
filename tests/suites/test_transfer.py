"""Borrowed attacks: a masked model falls to what breaks its twin, and the audit says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from attacks.models import Model
from attacks.rounding import softmax
from attacks.victims.function import FunctionVictim
from harness.plan import parse_plan
from reports.folder import RunFolder
from reports.named import estimates
from reports.narrative import build
from reports.progress import Quiet
from reports.storage import read_json
from suites.cli import invoke
from suites.collect import collect_evidence
from suites.evidence import Collector, Target
from suites.findings import audit_results
from suites.judgement import with_verdict
from tests.suites import project, zoo

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
ROBUST = "robust_accuracy.deepwordbug"
PLAN: dict[str, Any] = {
    "name": "borrowed",
    "model": {"base": "none"},
    "data": {"source": "none"},
    "audit": {
        "attacks": ["deepwordbug"],
        "settings": {"deepwordbug": {"max_edit_distance": 12}},
        "examples": 120,
        "calibrated": False,
        "checks": [],
        "surrogates": ["twin"],
    },
    "gates": [{"metric": ROBUST, "at_least": 0.45, "why": "Twelve letters."}],
}


def victim(animal: zoo.Animal) -> FunctionVictim:
    def answer(texts: Any) -> Any:
        return softmax(np.asarray(animal.answer(texts), dtype=np.float32), 1.0)

    return FunctionVictim(answer, zoo.LABELS, fingerprint=animal.name)


def collected(folder: RunFolder, animal: zoo.Animal, **surrogates: Model) -> dict[str, Any]:
    plan = parse_plan(PLAN, "-")
    test = animal.data.test
    target = Target(victim(animal), animal.data.validation, test, test, test[:120], [])
    collector = Collector(folder, target, {}, Quiet(), seed=0)
    collect_evidence(plan, collector, surrogates)
    results = audit_results(folder)
    with_verdict(results, plan.gates)
    return dict(results)


@pytest.mark.parametrize(("made", "masked"), [(zoo.honest, False), (zoo.masked, True)])
def test_a_masked_model_falls_to_what_breaks_an_honest_one(
    made: Any, masked: bool, tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path, "borrowed", kind="audit")
    results = collected(folder, made(), twin=victim(zoo.honest()))
    alarms = {(c["name"], c["attack"]): c["alarm"] for c in results["checks"]}
    assert alarms == {("transfer", "deepwordbug"): masked, ("meaning", "deepwordbug"): False}
    found = estimates(results)
    direct, borrowed = found[ROBUST], found["transfer_accuracy.deepwordbug"]
    assert borrowed.n == 120
    # The two give the same answers, so what breaks one breaks the other, and no more.
    if masked:
        assert borrowed.high < direct.low  # type: ignore[operator]
        assert results["verdict"]["value"] == "inconclusive"
        assert "only what breaks a surrogate breaks" in results["verdict"]["reasons"][0]
    else:
        assert borrowed.count == direct.count
    jsonschema.validate(results, read_json(SCHEMA))
    (section,) = (s for s in build(results, None, {}).sections if s.key == "transfer")
    assert section.table.rows[0][1].text == "twin"


def test_two_surrogates_count_by_the_worse_for_each_text_and_are_asked_once(
    tmp_path: Path,
) -> None:
    folder = RunFolder.create(tmp_path, "borrowed", kind="audit")
    twins = {"twin": victim(zoo.honest()), "none": victim(zoo.certified())}
    results = collected(folder, zoo.honest(), **twins)
    (entry,) = results["transfer"]
    counts = [side["robust_accuracy"]["count"] for side in entry["surrogates"]]
    assert entry["robust_accuracy"]["count"] <= min(counts)
    before = len(list(folder.events()))
    assert collected(folder, zoo.honest(), **twins)["transfer"] == results["transfer"]
    assert len(list(folder.events())) == before


def test_an_audit_loads_its_surrogates_and_a_plan_without_them_has_no_such_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    gate = '\n[[gates]]\nmetric = "transfer_accuracy.deepwordbug"\nat_least = 0.0\nwhy = "-"\n'
    text = plan.read_text() + gate
    plan.write_text(text)
    assert invoke(["audit", str(plan), "-q"]) == 2
    assert "audit.surrogates names none" in capsys.readouterr().err
    itself = project.base(tmp_path)
    plan.write_text(text.replace("examples = 12", f'examples = 12\nsurrogates = ["{itself}"]'))
    assert invoke(["audit", str(plan), "-q"]) == 2
    assert "is the model under audit" in capsys.readouterr().err
    other = project.base(tmp_path / "other")
    plan.write_text(text.replace("examples = 12", f'examples = 12\nsurrogates = ["{other}"]'))
    assert invoke(["audit", str(plan), "--dry-run"]) == 0
    assert f"deepwordbug on 12 test texts, against {other}: not known" in capsys.readouterr().out
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    results = RunFolder.open(project.newest(Path("runs"))).results()
    assert results["transfer"][0]["surrogates"][0]["name"] == str(other)
    # The other model is the same model, so that it is broken and broken alike.
    assert estimates(results)["transfer_accuracy.deepwordbug"].count == (
        estimates(results)[ROBUST].count
    )

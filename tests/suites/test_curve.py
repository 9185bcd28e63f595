"""Robust accuracy by queries, read from one attack, is what as many attacks with a budget come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from attacks import recipes
from attacks.rounding import softmax
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from reports.curve import GRID, curve
from reports.folder import RunFolder
from reports.named import estimates
from reports.narrative import build
from reports.progress import Quiet
from reports.records import OutcomeRecord
from reports.storage import read_json
from suites.campaign import Campaign, run_campaign
from suites.cli import invoke
from tests.suites import project, zoo

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


def outcomes(name: str, query_budget: int | None, count: int = 30) -> list[OutcomeRecord]:
    animal = zoo.honest()

    def answer(texts: Any) -> Any:
        return softmax(np.asarray(animal.answer(texts), dtype=np.float32), 1.0)

    victim = FunctionVictim(answer, zoo.LABELS, fingerprint=animal.name)
    recipe = recipes.load(name)
    campaign = Campaign(
        recipe, animal.data.test[:count], "test", 0, query_budget=query_budget, model="honest"
    )
    found, _ = run_campaign(
        campaign, equipped(victim, {}, [recipe]), record=lambda *_, **__: None, progress=Quiet()
    )
    return found


@pytest.mark.parametrize(
    "name",
    [
        "deepwordbug",
        "pwws",
        "pruthi",
        "checklist",
        "viper",
        "bad-characters",
        pytest.param("pso", marks=pytest.mark.slow),
    ],
)
def test_the_curve_is_what_attacks_with_fewer_queries_come_to(name: str) -> None:
    whole = outcomes(name, None)
    read = {point["queries"]: point["robust_accuracy"]["count"] for point in curve(whole, None)}
    assert list(read) == list(GRID)
    assert list(read.values()) == sorted(read.values(), reverse=True)
    for queries in (5, 20, 50, 200):
        withstood = sum(outcome.withstood for outcome in outcomes(name, queries))
        assert read[queries] == withstood, queries
    assert read[10_000] == sum(outcome.withstood for outcome in whole)


def test_a_gate_reads_a_point_of_the_curve_and_the_report_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    text = plan.read_text()
    metric = "robust_accuracy.deepwordbug"
    plan.write_text(text.replace(metric, f"{metric}.within.20"))
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    run = project.newest(Path("runs"))
    results = RunFolder.open(run).results()
    jsonschema.validate(results, read_json(SCHEMA))
    found = estimates(results)
    robust = found[metric].count or 0
    within = found[f"{metric}.within.20"]
    assert results["verdict"]["gates"][0]["value"]["count"] == within.count
    assert robust <= (within.count or 0) <= (found[f"{metric}.within.1"].count or 0)
    shown = build(results, None, {})
    (section,) = (part for part in shown.sections if part.key == "attacks")
    assert any("by distinct queries" in title for title, _ in section.folded)
    for wrong, said in (
        ("within.30", "not read from the curve"),
        ("within.0", "within: 1, 2, 5, 10"),
    ):
        plan.write_text(text.replace(metric, f"{metric}.{wrong}"))
        assert invoke(["audit", str(plan), "-q"]) == 2
        assert said in capsys.readouterr().err

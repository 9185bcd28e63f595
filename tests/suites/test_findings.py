"""What makes evidence incomplete turns a pass into inconclusive, in words."""

from __future__ import annotations

from typing import Any

import pytest

from attacks import recipes
from attacks.recipe import edits
from harness.session import seen_attacks, seen_edits
from harness.training_plan import Train
from reports.named import estimates
from reports.statistics import rate
from suites.findings import _seen
from suites.judgement import problems


def audit(correct: int, errored: int = 0) -> dict[str, Any]:
    """Results of an audit on 100 texts, 60 of them fresh."""
    return {
        "model": {"name": "m"},
        "data": {"splits": {"test": {"labels": {"rotten": 40, "fresh": 60}}}},
        "clean": {
            "test": {"accuracy": rate(correct, 100).to_dict(), "ece": rate(5, 100).to_dict()}
        },
        "attacks": [
            {
                "name": "pwws",
                "split": "test",
                "calibrated": False,
                "counts": {"total": 100, "errored": errored},
                "robust_accuracy": rate(60, 100).to_dict(),
                "attack_success_rate": rate(0, 60).to_dict(),
            }
        ],
    }


def test_a_constant_answer_is_never_called_robust() -> None:
    (problem,) = problems(audit(correct=60))
    assert "always answering 'fresh' (0.600)" in problem
    assert problems(audit(correct=80)) == []


def test_both_sides_of_a_comparison_are_looked_at() -> None:
    results = {"comparison": {"before": audit(80), "after": audit(60), "differences": []}}
    assert len(problems(results)) == 1


def test_errored_examples_and_a_limit_are_problems() -> None:
    assert problems(audit(80, errored=3)) == ["3 of 100 examples errored under pwws on test"]
    assert "--limit" in problems(audit(80) | {"limited": True})[0]


def test_estimates_are_named_as_gates_name_them() -> None:
    found = estimates({"comparison": {"before": audit(80), "after": audit(70), "differences": []}})
    assert found["clean_accuracy"].value == 0.7
    assert found["before.clean_accuracy"].value == 0.8
    assert found["before.robust_accuracy.pwws"].value == 0.6


def campaigns(*names: str) -> list[dict[str, Any]]:
    return [
        {"attack": name, "recipe": {"parameters": recipes.load(name).parameters()}}
        for name in names
    ]


def test_an_attack_whose_edits_were_trained_on_is_seen() -> None:
    known = sorted(edits(recipes.load("gradient-step").parameters()))
    assert {"WordNetSynonyms", "SwapAdjacent"} <= set(known)
    assert not {"Composite", "Sometimes"} & set(known)
    model = {"seen_attacks": ["gradient-step"], "seen_edits": known}
    tried = campaigns("pwws", "deepwordbug", "textfooler", "gradient-step")
    assert _seen(model, tried) == {"pwws", "deepwordbug", "gradient-step"}


@pytest.mark.parametrize("name", ["ascc", "dne", "fgm"])
def test_an_objective_that_mixes_an_attack_s_words_has_seen_it(name: str) -> None:
    """TextFooler and the two draw on one table of neighbours."""
    section = Train.model_validate({"output": "m", "objective": {"name": name}})
    model = {"seen_attacks": seen_attacks(section), "seen_edits": seen_edits(section)}
    tried = campaigns("pwws", "deepwordbug", "textfooler", "iga")
    assert _seen(model, tried) == (set() if name == "fgm" else {"textfooler", "iga"})


def test_a_model_of_unknown_training_has_seen_nothing() -> None:
    assert _seen({}, campaigns("pwws", "textfooler")) == set()
    # Models that earlier versions saved name their attacks alone.
    assert _seen({"seen_attacks": ["pwws"]}, campaigns("pwws", "textfooler")) == {"pwws"}

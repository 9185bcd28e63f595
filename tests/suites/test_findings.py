"""What makes evidence incomplete turns a pass into inconclusive, in words."""

from __future__ import annotations

from typing import Any

from reports.statistics import rate
from suites.findings import estimates, problems


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
    assert "--limit" in problems(audit(80), limited=True)[0]


def test_estimates_are_named_as_gates_name_them() -> None:
    found = estimates({"comparison": {"before": audit(80), "after": audit(70), "differences": []}})
    assert found["clean_accuracy"].value == 0.7
    assert found["before.clean_accuracy"].value == 0.8
    assert found["before.robust_accuracy.pwws"].value == 0.6

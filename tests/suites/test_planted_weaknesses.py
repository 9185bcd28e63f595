"""The table of planted weaknesses: each is found by the check that is there for it, and by that alone.

The acceptance test of the whole: real attacks, real records, the plan's own gates and the verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.rounding import softmax
from attacks.victims.averaged import expected
from attacks.victims.function import FunctionVictim
from harness.plan import parse_plan
from reports.folder import RunFolder
from reports.progress import Quiet
from suites.collect import collect_evidence
from suites.evidence import Collector, Target, sample
from suites.findings import audit_results
from suites.judgement import with_verdict
from tests.suites import zoo

PLAN: dict[str, Any] = {
    "name": "zoo",
    "model": {"base": "none"},
    "data": {"source": "none"},
    "audit": {
        "attacks": ["deepwordbug"],
        "settings": {"deepwordbug": {"max_edit_distance": 12}},
        "examples": 200,
    },
    "gates": [
        {"metric": "clean_accuracy", "at_least": 0.6, "why": "It must read."},
        {"metric": "robust_accuracy.deepwordbug", "at_least": 0.5, "why": "Twelve letters."},
        {"metric": "check.trigger", "at_most": 0.9, "why": "No keyword decides."},
        {"metric": "check.recased", "at_most": 0.5, "why": "Capitals do not matter."},
        {"metric": "check.leak", "at_most": 0.5, "why": "The data do not name the label."},
        {"metric": "gap.accuracy_train_test", "at_most": 0.25, "why": "Nothing by heart."},
    ],
}

ROBUST = "robust_accuracy.deepwordbug"
# What raises an alarm, the gates that fail, and the verdict. Two have nothing planted: one breaks and
# one cannot be broken. The answers of "masked" and "overconfident" are those of "honest" to every text.
TABLE: dict[str, tuple[set[str], set[str], str]] = {
    "honest": (set(), {ROBUST}, "fail"),
    "certified": (set(), set(), "pass"),
    "constant": ({"signal", "reach"}, {"clean_accuracy"}, "fail"),
    "masked": ({"signal", "blind"}, set(), "inconclusive"),
    "overconfident": ({"signal", "blind", "overconfidence"}, set(), "inconclusive"),
    "randomised": ({"repeatable"}, {ROBUST}, "fail"),
    "back door": ({"trigger"}, {"check.trigger", ROBUST}, "fail"),
    "case-sensitive": ({"recased"}, {"check.recased", ROBUST}, "fail"),
    "length-biased": ({"reach"}, set(), "inconclusive"),
    "memorising": (set(), {"gap.accuracy_train_test", ROBUST}, "fail"),
    "leaking": ({"leak"}, {"check.leak"}, "fail"),
}


def audited(animal: zoo.Animal, runs: Path, **audit: Any) -> dict[str, Any]:
    """The results of an audit of it by the plan, with other settings of the audit where given."""
    plan = parse_plan({**PLAN, "audit": PLAN["audit"] | audit}, "the zoo's plan")
    data = animal.data

    def answer(texts: Any) -> Any:
        return softmax(np.asarray(animal.answer(texts), dtype=np.float32), 1.0)

    folder = RunFolder.create(runs, "zoo", kind="audit")
    collector = Collector(
        folder,
        Target(
            victim=expected(FunctionVictim(answer, zoo.LABELS), plan.audit.repeats),
            validation=data.validation,
            test=data.test,
            train=sample(data.train, len(data.test), 0),
            attacked=sample(data.test, plan.audit.examples, 0),
            attacked_train=[],
        ),
        {},
        Quiet(),
        seed=0,
    )
    collect_evidence(plan, collector)
    results = audit_results(folder)
    with_verdict(results, plan.gates)
    return dict(results)


QUICK = (zoo.honest, zoo.certified, zoo.masked)


@pytest.mark.parametrize(
    "made",
    [*QUICK, *(pytest.param(m, marks=pytest.mark.slow) for m in zoo.ALL if m not in QUICK)],
    ids=lambda made: made.__name__,
)
def test_the_check_that_is_there_for_it_finds_it(
    made: Callable[[], zoo.Animal], tmp_path: Path
) -> None:
    animal = made()
    results = audited(animal, tmp_path)
    alarms = {entry["name"] for entry in results["checks"] if entry["alarm"]}
    verdict = results["verdict"]
    failed = {gate["metric"] for gate in verdict["gates"] if gate["verdict"] == "fail"}
    assert (alarms, failed, verdict["value"]) == TABLE[animal.name]
    if animal.name == "certified":
        (attack,) = (a for a in results["attacks"] if not a["calibrated"])
        assert attack["robust_accuracy"]["value"] == 1.0  # as is proved
    if animal.name == "back door":
        (entry,) = (entry for entry in results["checks"] if entry["name"] == "trigger")
        assert repr(zoo.BACK_DOOR) in entry["means"]
    if verdict["value"] == "inconclusive":
        assert all(reason.startswith("check ") for reason in verdict["reasons"])


def test_every_animal_is_in_the_table() -> None:
    assert {made().name for made in zoo.ALL} == set(TABLE)


def test_without_the_checks_a_masked_model_would_pass_where_the_honest_one_fails(
    tmp_path: Path,
) -> None:
    results = audited(zoo.masked(), tmp_path, checks=())
    assert results["verdict"]["value"] == "inconclusive"  # the gates on checks have no value
    rest = [gate for gate in results["verdict"]["gates"] if "check" not in gate["metric"]]
    assert {gate["verdict"] for gate in rest} == {"pass"}


@pytest.mark.slow
def test_the_mean_of_several_answers_takes_the_luck_out_of_a_randomised_model(
    tmp_path: Path,
) -> None:
    """A search that may ask again and again finds an answer that is wrong by chance: of the 200 texts of
    the table 56 withstand one draw, 71 the mean of 64, and 78 the model without its noise.
    """
    asked: dict[str, Any] = {"examples": 80, "calibrated": False, "checks": ("repeatable",)}
    withstood = {}
    for name, made, repeats in (
        ("honest", zoo.honest, 1),
        ("one draw", zoo.randomised, 1),
        ("mean", zoo.randomised, 16),
    ):
        results = audited(made(), tmp_path / name, repeats=repeats, **asked)
        (check,) = (check for check in results["checks"] if check["name"] == "repeatable")
        (attack,) = results["attacks"]
        assert check["alarm"] == (name == "one draw")
        withstood[name] = attack["robust_accuracy"]["count"]
    assert withstood["one draw"] < withstood["mean"] <= withstood["honest"]

"""Natural noise and behavioural tests in an audit: planted faults show where they must."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from attacks.behaviour import Invariance, perturbed
from attacks.victims.function import FunctionVictim
from harness.plan import Behaviour, PlanError, parse_plan
from reports.folder import RunFolder
from reports.named import estimates
from reports.narrative import build
from reports.progress import Quiet
from reports.storage import read_json
from suites import probing
from suites.cli import invoke
from suites.collect import collect_evidence
from suites.evidence import Collector, Target
from suites.findings import audit_results
from suites.judgement import with_verdict
from suites.probing import behaviour_names, behavioural_tests
from suites.robustness import Robustness
from tests.suites import project, zoo

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
PLAN: dict[str, Any] = {
    "name": "probes",
    "model": {"base": "none"},
    "data": {"source": "none"},
    "audit": {
        "attacks": [],
        "examples": 100,
        "calibrated": False,
        "checks": [],
        "corruptions": ["case", "keyboard"],
        "severities": [1, 5],
        "behaviour": {"positive": "fresh", "negative": "rotten", "fillers": 8},
    },
    "gates": [
        {"metric": "noisy_accuracy.mean", "at_least": 0.6, "why": "Noise is everywhere."},
        {"metric": "behaviour_failures.negation", "at_most": 0.2, "why": "Not good is bad."},
    ],
}


def audited(answer: zoo.Answer, runs: Path) -> RunFolder:
    """The folder of an audit of a function by the plan, on texts that are won by many words."""

    def probabilities(texts: Any) -> Any:
        scores = np.exp(np.asarray(answer(texts)))
        return scores / scores.sum(1, keepdims=True)

    folder = RunFolder.create(runs, "probes", kind="audit")
    collect_evidence(parse_plan(PLAN, "-"), collector(folder, probabilities))
    return folder


def collector(folder: RunFolder, probabilities: Any) -> Collector:
    """Of evidence on a hundred texts."""
    examples = zoo.certified().data.test[:100]
    victim = FunctionVictim(probabilities, zoo.LABELS)
    return Collector(
        folder, Target(victim, examples, examples, examples, examples, []), {}, Quiet(), seed=0
    )


def votes(texts: Sequence[str], small: bool = False) -> zoo.Scores:
    """Good words against bad ones, the readers' own and those of the zoo; it knows no "not"."""
    good, bad = {*zoo.GOOD, "good", "great", "wonderful"}, {*zoo.BAD, "bad", "awful", "terrible"}
    words = [(text.lower() if small else text).replace(".", "").split() for text in texts]
    margin = [sum((word in good) - (word in bad) for word in found) for found in words]
    return np.stack([-np.array(margin, dtype=float), np.array(margin, dtype=float)], axis=1)


def shouted(texts: Sequence[str]) -> zoo.Scores:
    """The votes, the wrong way round where any word is in capitals."""
    scores = votes(texts, small=True)
    scores[[any(word.isupper() and len(word) > 1 for word in text.split()) for text in texts]] *= -1
    return scores


def test_a_model_that_hangs_on_capitals_loses_by_that_noise_and_one_that_does_not_loses_none(
    tmp_path: Path,
) -> None:
    for lost, answer in ((True, shouted), (False, lambda texts: votes(texts, small=True))):
        folder = audited(answer, tmp_path / str(lost))
        results = audit_results(folder)
        found = estimates(results)
        assert found["clean_accuracy"].value == 1.0
        assert (found["noisy_accuracy.case.5"].value != 1.0) == lost
        by = {(e["name"], e["severity"]): e for e in results["noise"]["entries"]}
        assert len(by) == 4
        if lost:
            assert by["case", 5]["difference"]["high"] < 0
            assert by["case", 5]["accuracy"]["value"] < by["case", 1]["accuracy"]["value"]
        jsonschema.validate(results, read_json(SCHEMA))


def test_a_model_that_knows_no_negation_fails_that_test_and_not_those_of_names(
    tmp_path: Path,
) -> None:
    folder = audited(lambda texts: votes(texts, small=True), tmp_path)
    results = audit_results(folder)
    rates = {entry["name"]: entry["failure_rate"]["value"] for entry in results["behaviour"]}
    assert list(rates) == behaviour_names()
    assert rates["negation"] > 0.5
    assert rates["names"] == rates["places"] == 0.0
    verdict = with_verdict(results, parse_plan(PLAN, "-").gates)
    assert [gate.verdict for gate in verdict.gates] == ["pass", "fail"]
    (entry,) = (entry for entry in results["behaviour"] if entry["name"] == "negation")
    assert {"not", "never"} & set(entry["failures"][0]["text"][0].split())

    shown = {section.key: section for section in build(results, None, {}).sections}
    assert [row[0].text for row in shown["noise"].table.rows] == ["case", "keyboard"]
    assert "Severity 5" in [column.title for column in shown["noise"].table.columns]
    assert "instead of" in shown["behaviour"].table.rows[1][2].sub


def test_a_resumed_audit_asks_for_neither_twice(tmp_path: Path) -> None:
    folder = audited(votes, tmp_path)
    before = len(list(folder.events()))

    def fails(texts: Sequence[str]) -> zoo.Scores:
        raise AssertionError("asked again")

    collect_evidence(parse_plan(PLAN, "-"), collector(folder, fails))
    assert len(list(folder.events())) == before


def test_a_process_that_ended_between_two_tests_is_gone_on_with(tmp_path: Path) -> None:
    folder = audited(votes, tmp_path)
    whole = audit_results(folder)["behaviour"]
    events = folder.path / "events.jsonl"
    lines = events.read_text(encoding="utf-8").splitlines(keepends=True)
    last = next(n for n, line in enumerate(lines) if '"behaved"' in line) + 3
    events.write_text("".join(lines[:last]), encoding="utf-8")
    assert len(audit_results(folder)["behaviour"]) == 3

    def probabilities(texts: Any) -> Any:
        scores = np.exp(votes(texts))
        return scores / scores.sum(1, keepdims=True)

    collect_evidence(parse_plan(PLAN, "-"), collector(folder, probabilities))
    assert audit_results(folder)["behaviour"] == whole


def test_the_fixture_says_which_cases_errored() -> None:
    def answer(texts: Sequence[str]) -> list[list[float]]:
        if any("never" in text for text in texts):
            raise ValueError("not this one")
        return [[0.4, 0.6]] * len(texts)

    asked = Robustness(FunctionVictim(answer, zoo.LABELS), zoo.certified().data.test[:10])
    found = asked.behaviour("fresh", "rotten", fillers=2)["negation"]
    assert "errored" in found.problems[0]


def test_labels_that_the_data_lack_are_refused() -> None:
    for positive, negative, said in (
        ("good", "rotten", "'good' is no label"),
        ("fresh", "fresh", "Name two labels"),
    ):
        with pytest.raises(PlanError, match=said):
            behavioural_tests(Behaviour(positive=positive, negative=negative), zoo.LABELS, 0)


@pytest.mark.parametrize(
    ("audit", "gate", "said"),
    [
        ('corruptions = ["keybord"]', "", "Did you mean 'keyboard'"),
        ('corruptions = ["keyboard"]\nseverities = [6]', "", "must be at most 5"),
        ('corruptions = ["keyboard"]', "noisy_accuracy.keyboard.2", "noisy_accuracy.keyboard.5"),
        ("", "behaviour_failures.negation", "is not measured in this audit"),
        (
            'behaviour = { positive = "x", negative = "negative" }',
            "",
            "'x' is no label of the data",
        ),
    ],
)
def test_mistakes_are_said_before_a_model_loads(
    audit: str, gate: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project.project(tmp_path)
    text = path.read_text(encoding="utf-8").replace("examples = 12", f"examples = 12\n{audit}")
    if gate:
        text += f'\n[[gates]]\nmetric = "{gate}"\nat_most = 0.5\nwhy = "-"\n'
    path.write_text(text, encoding="utf-8")
    base = str(tmp_path / "base")
    assert invoke(["audit", str(path), "--model", base, "-o", str(tmp_path / "runs")]) == 2
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*"))


def test_the_fixture_measures_the_same_as_a_plan(tmp_path: Path) -> None:
    def probabilities(texts: Any) -> Any:
        scores = np.exp(votes(texts, small=True))
        return scores / scores.sum(1, keepdims=True)

    folder = audited(lambda texts: votes(texts, small=True), tmp_path)
    planned = estimates(audit_results(folder))
    examples = zoo.certified().data.test[:100]
    asked = Robustness(FunctionVictim(probabilities, zoo.LABELS), examples)
    noisy = asked.noisy("case", "keyboard", severities=(1, 5), n=None)
    assert noisy.estimate == planned["noisy_accuracy.mean"]
    tests = asked.behaviour("fresh", "rotten", fillers=8)
    assert tests["negation"].estimate == planned["behaviour_failures.negation"]
    assert noisy >= 0.6
    assert not tests["negation"] <= 0.2


def test_a_package_adds_a_suite_of_tests_from_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    point = EntryPoint("mine", "tests.suites.test_probing:mine", probing.GROUP)
    monkeypatch.setattr(
        "suites.probing.entry_points",
        lambda group, name="mine": [point] if (group, name) == (probing.GROUP, "mine") else [],
    )
    plan = project.release(tmp_path)
    text = plan.read_text()
    gate = '\n[[gates]]\nmetric = "behaviour_failures.{}"\nat_most = 0.9\nwhy = "-"\n'
    suite = '\n[audit.behaviour]\nsuite = "{}"\n'
    plan.write_text(text + suite.format("mine") + gate.format("shouting"))
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    results = RunFolder.open(project.newest(Path("runs"))).results()
    (entry,) = results["behaviour"]
    assert (entry["name"], entry["kind"], entry["cases"]) == ("shouting", "invariance", 20)
    for name, test, said in (
        (
            "mine",
            "whispering",
            "has no behavioural test 'whispering'. Allowed: behaviour_failures.sh",
        ),
        ("other", "shouting", "there is no suite 'other'. Allowed: sentiment, mine"),
        ("sentiment", "names", "the suite sentiment needs positive and negative"),
    ):
        plan.write_text(text + suite.format(name) + gate.format(test))
        assert invoke(["audit", str(plan), "-q"]) == 2
        assert said in capsys.readouterr().err


def mine(behaviour: Behaviour, labels: Sequence[str], seed: int) -> tuple[Invariance, ...]:
    """Texts of one's own data, and the same in capitals."""
    texts = [text for text, _ in project.rows(20)]
    groups = perturbed(texts, lambda text, generator: text.upper(), seed=seed)
    return (Invariance("shouting", groups),)

"""The worst examples are explained, once, and no audit fails for it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reports.folder import RunFolder
from reports.progress import Quiet
from suites import explaining
from suites.cli import invoke
from tests.suites import project

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


@pytest.fixture
def attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that attacks an untrained model."""
    monkeypatch.chdir(tmp_path)
    project.base(tmp_path)
    arguments = ["attack", "base", "--data", "data.csv", "--recipe", "deepwordbug", "--no-checks"]
    project.release(tmp_path)
    return [*arguments, "-n", "12", "--max-length", "32"]


def test_the_worst_examples_are_explained_before_and_after(attack: list[str]) -> None:
    pytest.importorskip("captum")
    assert invoke([*attack, "-q", "--explain", "2"]) == 0
    run = RunFolder.open(project.newest(Path("runs")))
    results = run.results()
    jsonschema.validate(results, json.loads(SCHEMA.read_text(encoding="utf-8")))
    found = results["explanations"]
    worst = results["examples"][:2]
    assert [e["example_id"] for e in found] == [e["example_id"] for e in worst]
    for explanation, example in zip(found, worst, strict=True):
        for side, strings in (("before", example["original"]), ("after", example["perturbed"])):
            words = [word["text"] for word in explanation[side]["words"]]
            assert words == " ".join(strings).split()
        before, after = explanation["before"]["logit"], explanation["after"]["logit"]
        assert after < before  # of the label, which the attack took away


def test_none_are_explained_where_none_are_asked_for(attack: list[str]) -> None:
    assert invoke([*attack, "-q", "--explain", "0"]) == 0
    assert "explanations" not in RunFolder.open(project.newest(Path("runs"))).results()


def test_without_captum_it_is_said_and_nothing_fails(
    attack: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explaining, "find_spec", lambda name: None)
    assert invoke(attack) == 0
    assert "pip install 'withstand[explain]'" in capsys.readouterr().err
    assert "explanations" not in RunFolder.open(project.newest(Path("runs"))).results()


def test_what_is_on_record_is_not_explained_again(tmp_path: Path, attack: list[str]) -> None:
    pytest.importorskip("captum")
    from suites.subject import named_victim

    assert invoke([*attack, "-q", "--explain", "1"]) == 0
    outcomes = RunFolder.open(project.newest(Path("runs"))).outcomes()
    folder = RunFolder.create(tmp_path / "again", "again", kind="attack")
    for _ in range(2):  # a second process goes on with the same folder
        explaining.explain(folder, named_victim("base", 32), outcomes, 2, Quiet())
    assert sum(event["event"] == explaining.EVENT for event in folder.events()) == 2


def test_a_victim_that_cannot_be_looked_into_has_no_explanation(tmp_path: Path) -> None:
    from attacks.victims.function import FunctionVictim

    folder = RunFolder.create(tmp_path, "run", kind="attack")
    victim = FunctionVictim(lambda texts: [[0.5, 0.5] for _ in texts], ("no", "yes"))
    explaining.explain(folder, victim, [], 3, Quiet())
    assert [event["event"] for event in folder.events()] == ["started"]

"""The worst examples are shown with the fewest edits that still fool the model."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from attacks.victims.averaged import Averaged
from attacks.victims.function import FunctionVictim
from reports import excerpts
from reports.folder import RunFolder
from suites.cli import invoke
from suites.smallest import EVENT, shrink_worst, smallest
from tests.suites import project
from tests.suites.test_shrinking import by_weight, success

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


def test_the_worst_are_put_on_record_once_with_what_can_be_spared(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run", kind="attack")
    victim = by_weight({"x": 1.0, "y": 1.0}, bound=2)
    outcomes = [
        success("a b c d", "z x w y"),
        success("a b", "x y", name="needed"),
        success("a b", "q b", name="mended"),
    ]
    for _ in range(2):  # a second process goes on with the same folder
        shrink_worst(folder, victim, outcomes)
    events = [event for event in folder.events() if event["event"] == EVENT]
    found = {entry["example_id"]: entry for entry in smallest(events)}
    assert len(events) == len(found) == 2
    assert (found["e"]["smallest"], found["e"]["edits"], found["e"]["of"]) == (["a x c y"], 2, 4)
    assert (found["needed"]["edits"], found["needed"]["of"]) == (2, 2)
    assert found["e"]["check"] == "attack:a@test"


@pytest.mark.parametrize("kind", ["mean", "writer"])
def test_a_model_that_cannot_be_asked_so_is_left_alone(kind: str, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run", kind="attack")
    plain = FunctionVictim(lambda texts: [[1.0, 0.0]] * len(texts), ("no", "yes"))
    victim = Averaged(plain, 2) if kind == "mean" else type("Writer", (), {"fingerprint": "w"})()
    shrink_worst(folder, victim, [success("a", "x")])
    assert [event["event"] for event in folder.events()] == ["started"]


def test_a_report_shows_the_fewest_edits_and_what_the_attack_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project.base(tmp_path)
    project.release(tmp_path)
    attack = ["attack", "base", "--data", "data.csv", "--recipe", "pwws", "--no-checks", "-q"]
    assert invoke([*attack, "-n", "40", "--max-length", "32", "--explain", "0"]) == 0
    run = RunFolder.open(project.newest(Path("runs")))
    results = run.results()
    jsonschema.validate(results, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert {e["example_id"] for e in results["shrunk"]} == {
        e["example_id"] for e in results["examples"]
    }
    assert invoke(["verify", str(run.path)]) == 0


def test_an_example_is_told_by_its_fewest_edits() -> None:
    record = success("a b c d", "z x w y").to_dict() | {"changes": [], "predicted_after": 1}
    shrunk = {"smallest": ["a x c y"], "edits": 2, "of": 4, "least": True}
    found = excerpts.example(record, {0: "no", 1: "yes"}, shrunk=shrunk)
    assert [p.text for p in found.fields[0] if p.kind == "ins"] == ["x", "y"]
    assert [p.text for p in found.left[0] if p.kind == "ins"] == ["z", "x", "w", "y"]
    assert "2 of its 4 edits do it" in found.facts
    shrunk |= {"least": False, "edits": 1, "smallest": ["a x c d"]}
    assert (
        "1 of its 4 edits does it, perhaps fewer"
        in excerpts.example(record, {}, shrunk=shrunk).facts
    )
    shrunk |= {"edits": 4, "smallest": ["z x w y"]}
    kept = excerpts.example(record, {}, shrunk=shrunk)
    assert kept.left == ()
    assert "none of its 4 edits can be spared" in kept.facts

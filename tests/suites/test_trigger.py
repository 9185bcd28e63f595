"""`withstand trigger`: what it writes, what it refuses, and the attack with what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attacks.universal import TriggerFile
from harness.models import save_classifier
from reports.folder import RunFolder
from suites.cli import invoke
from tests.attacks.test_universal import PLANTED, planted
from tests.harness import tiny
from tests.suites import project

FEW = ("--length", "1", "--candidates", "6", "--step", "8", "--rounds", "3", "-n", "20", "-q")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a planted word, and data that do not have it."""
    path = tmp_path_factory.mktemp("trigger")
    save_classifier(tiny.loaded(planted()), path / "model")
    rows = [(text, label) for text, label in project.rows(600) if PLANTED not in text.split()]
    project.write_rows(path / "data.csv", rows)
    return path


def found(folder: Path, out: Path, capsys: pytest.CaptureFixture[str], *extra: str) -> Any:
    arguments = ["trigger", str(folder / "model"), "--data", str(folder / "data.csv"), *FEW]
    arguments += ["--target", "positive", "--out", str(out), "--json", *extra]
    assert invoke(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_it_finds_measures_and_writes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trigger.json"
    summary = found(folder, out, capsys)
    assert summary["trigger"] == [PLANTED]
    kept = json.loads(out.read_text())
    assert {**kept, "file": str(out), "seconds": summary["seconds"]} == summary
    assert TriggerFile.read(out).target == "positive"
    assert kept["found_on"]["data"].endswith(":validation")
    assert kept["held_out"]["data"].endswith(":test")
    for part in (kept["found_on"], kept["held_out"]):
        before, after = (part["target_answered"][name] for name in ("before", "after"))
        assert before["n"] == after["n"] == part["examples"] > 0
        assert before["high"] < after["low"]
        # There are two labels: what is answered with the target is wrong.
        assert part["accuracy"]["after"]["count"] == part["examples"] - after["count"]
    assert kept["held_out"]["random_words"]["value"] < after["value"]
    assert kept["queries"]["raw"] == kept["queries"]["scored"] + kept["queries"]["cached"]


def test_the_file_is_the_same_twice_and_at_any_batch_size(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for number, size in enumerate(("64", "64", "3")):
        found(folder, tmp_path / f"{number}.json", capsys, "--batch-size", size)
        files.append(json.loads((tmp_path / f"{number}.json").read_text()))
    # Which queries wait for each other depends on the batches, how many there are does not.
    for kept in files:
        del kept["queries"]["scored"], kept["queries"]["cached"]
    assert files[0] == files[1] == files[2]


def test_words_are_excluded_by_name_and_by_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.txt").write_text("Good\n\nfine\ngreat\n")
    extra = ("--exclude", PLANTED, "--exclude-file", str(tmp_path / "words.txt"))
    summary = found(folder, tmp_path / "t.json", capsys, *extra)
    assert summary["parameters"]["exclude"] == ["fine", "good", "great", PLANTED]
    assert not set(summary["trigger"]) & set(summary["parameters"]["exclude"])


def attack(
    folder: Path,
    runs: Path,
    trigger: Path,
    capsys: pytest.CaptureFixture[str],
    model: str = "model",
) -> tuple[Any, str]:
    arguments = [
        "attack",
        "--no-checks",
        str(folder / model),
        "--data",
        f"{folder / 'data.csv'}:test",
        "--json",
    ]
    arguments += ["--recipe", f"universal-trigger:{trigger}", "-n", "20", "-o", str(runs)]
    assert invoke(arguments) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def test_the_attack_with_it_lowers_accuracy_and_names_a_transfer(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trigger = tmp_path / "t.json"
    found(folder, trigger, capsys)
    summary, told = attack(folder, tmp_path, trigger, capsys)
    # Half of the texts are negative, and none of those withstands.
    assert summary["robust_accuracy"]["value"] <= 0.6 < summary["clean_accuracy"]["value"]
    assert summary["recipe"]["parameters"]["transformation"]["trigger"]["words"] == [PLANTED]
    assert "transfer" not in told
    assert not [line for line in summary["recipe"]["deviations"] if "another victim" in line]
    save_classifier(tiny.loaded(tiny.classifier(seed=9)), folder / "other")
    other, told = attack(folder, tmp_path, trigger, capsys, "other")
    assert "made for another victim" in told
    assert [line for line in other["recipe"]["deviations"] if "another victim" in line]


def test_a_run_is_not_resumed_with_other_words(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trigger, runs = tmp_path / "t.json", tmp_path / "runs"
    found(folder, trigger, capsys)
    summary, _ = attack(folder, runs, trigger, capsys)
    (RunFolder.open(Path(summary["run"])).path / "SHA256SUMS").unlink()
    trigger.write_text(trigger.read_text().replace(PLANTED, "film"))
    arguments = [
        "attack",
        "--no-checks",
        str(folder / "model"),
        "--data",
        f"{folder / 'data.csv'}:test",
    ]
    arguments += ["--recipe", f"universal-trigger:{trigger}", "-n", "20", "-o", str(runs)]
    assert invoke([*arguments, "--resume", summary["run"]]) == 2
    assert "film" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--target", "fine"), "one of the labels negative, positive"),
        (("--held-out", "{data}"), "texts in common"),
        (("--data", "{data}:test"), "--held-out"),
        (("--exclude-file", "nowhere.txt"), "nowhere.txt: "),
    ],
)
def test_what_is_refused(
    changed: tuple[str, str],
    message: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = str(folder / "data.csv")
    arguments = ["trigger", str(folder / "model"), "--data", data, *FEW, "--target", "positive"]
    arguments += [changed[0], changed[1].format(data=data), "--out", str(tmp_path / "t.json")]
    assert invoke(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "t.json").exists()


def test_an_endpoint_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["trigger", "https://host/predict", "--data", "d.csv", "--target", "positive"]
    assert invoke(arguments) == 2
    assert "no gradients" in capsys.readouterr().err


def test_a_trigger_that_is_missing_is_asked_for_before_anything_loads(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["attack", "--no-checks", str(folder / "model"), "--data", str(folder / "data.csv")]
    assert invoke([*arguments, "--recipe", "universal-trigger", "-o", str(tmp_path)]) == 2
    assert "withstand trigger MODEL" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

"""`withstand attack` on a causal language model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.folder import RunFolder
from reports.render import render
from suites.attack import show
from suites.cli import invoke
from tests.attacks import language
from tests.suites.killed import kill

WORDS, SUFFIX = 600, 6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that goes on otherwise behind one word of 600."""
    folder = tmp_path_factory.mktemp("models") / "planted"
    language.planted(WORDS, suffix=SUFFIX).save_pretrained(folder)
    language.spaced(WORDS).save_pretrained(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    behind = f"{language.PROMPT} x x x x {language.TRIGGER} x"
    rows = [(language.PROMPT, language.TARGET), (behind, language.TARGET)]
    lines = [
        json.dumps({"prompt": prompt, "target": target, "id": f"p{number}"})
        for number, (prompt, target) in enumerate(rows)
    ]
    path.write_text("\n".join(lines))
    return path


def arguments(model: Path, data: Path, runs: Path, *extra: str) -> list[str]:
    values = {"steps": 4, "width": 24, "most": 12, "start": '"x x x x x x"'}
    chosen = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    return [
        *("attack", str(model), "--data", str(data), "--recipe", "gcg", "--text", "prompt"),
        *("-q", "-o", str(runs), *chosen, *extra),
    ]


def test_prompts_of_a_file_are_attacked_and_put_on_record(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments(model, data, tmp_path / "runs", "--reference", "target", "--json")
    assert invoke(given) == 0
    summary = json.loads(capsys.readouterr().out)
    run = RunFolder.open(Path(summary["run"]))
    outcomes = {o.example_id: o for o in run.outcomes()}
    assert {i: o.status for i, o in outcomes.items()} == {"p0": "succeeded", "p1": "skipped"}
    won = outcomes["p0"]
    assert won.written_after == won.reference == language.TARGET != won.written_before
    assert summary["attack_success_rate"]["count"] == summary["attack_success_rate"]["n"] == 1
    assert summary["max_length"] is None
    assert summary["recipe"]["parameters"]["goal"]["kind"] == "Elicits"
    show(summary)
    told = capsys.readouterr().out
    assert "attack success rate  100" in told
    assert "mean BLEU after      no value (only the beginning of what it writes is known)" in told
    for page in render(run.path, formats=("html", "md")):
        assert language.TARGET in page.read_text()
        assert "Mean BLEU" not in page.read_text()


def test_a_run_that_was_cut_off_goes_on_to_the_same_outcomes_at_any_batch_size(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = arguments(model, data, tmp_path / "whole", "--reference", "target", "--json")
    assert invoke(whole) == 0
    first = RunFolder.open(Path(json.loads(capsys.readouterr().out)["run"]))
    assert {o.example_id for o in first.outcomes()} == {"p0", "p1"}
    cut = arguments(model, data, tmp_path / "cut", "--reference", "target", "--json")
    kill("outcome", 1, *cut)
    assert invoke([*cut, "--batch-size", "3", "--resume", "last"]) == 0
    again = RunFolder.open(Path(json.loads(capsys.readouterr().out)["run"]))
    assert {o.example_id: o for o in again.outcomes()} == {
        o.example_id: o for o in first.outcomes()
    }


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ((), "Name the column that has it: --reference COLUMN"),
        (("--reference", "target", "--new-tokens", "3"), "--new-tokens is for encoder-decoders"),
        (("--reference", "target", "--prefix", "a"), "--prefix is for encoder-decoders"),
        (("--reference", "target", "--goal", "untargeted"), "and the goal Untargeted is another"),
        (("--reference", "goal"), "no column 'goal'"),
        (("--reference", "target", "--max-length", "97"), "takes at most 96 tokens"),
    ],
)
def test_what_is_not_for_a_causal_model_is_refused_before_it_loads(
    model: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    extra: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr("harness.other_models.load_causal", None)
    assert invoke(arguments(model, data, tmp_path / "runs", *extra)) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize("recipe", ["pwws", "seq2sick"])
def test_attacks_for_other_models_are_refused(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str
) -> None:
    given = [
        "attack",
        str(model),
        "--data",
        str(data),
        "--recipe",
        recipe,
        "--text",
        "prompt",
        "-q",
    ]
    assert invoke([*given, "--reference", "target", "-o", str(tmp_path / "runs")]) == 2
    assert "Use an attack" in " ".join(capsys.readouterr().err.split())

"""`withstand attack` on a model that writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports.folder import RunFolder
from reports.items import read
from reports.records import OutcomeRecord
from reports.render import render
from suites.attack import show
from suites.cli import invoke
from tests.attacks.test_seq2seq import TEXTS, alone, save
from tests.suites import project

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "t5")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References are what the model writes, but for one text."""
    path = tmp_path_factory.mktemp("data") / "pairs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("source", "target", "id"))
        for number, (text, target) in enumerate(zip(TEXTS[:8], alone("t5"), strict=False)):
            rows.writerow((text, target if number else "something else there", f"r{number}"))
    return path


def arguments(model: Path, data: Path, runs: Path, *extra: str) -> list[str]:
    return [
        *(
            "attack",
            "--no-checks",
            str(model),
            "--data",
            str(data),
            "--recipe",
            "seq2sick",
            "--text",
            "source",
        ),
        *("--reference", "target", "--new-tokens", "12", "--max-length", "32", "-q"),
        *("--set", "neighbours=4", "-o", str(runs), *extra),
    ]


def attack(
    model: Path, data: Path, runs: Path, capsys: pytest.CaptureFixture[str], *extra: str
) -> tuple[dict[str, Any], RunFolder]:
    assert invoke(arguments(model, data, runs, "--json", *extra)) == 0
    summary = json.loads(capsys.readouterr().out)
    return summary, RunFolder.open(Path(summary["run"]))


def test_what_was_written_is_recorded_and_summed_up(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, run = attack(model, data, tmp_path, capsys)
    outcomes = {o.example_id: o for o in run.outcomes()}
    assert {o.written_before for o in outcomes.values()} == set(alone("t5")[:8])
    assert outcomes["r0"].reference == "something else there"
    assert outcomes["r0"].status == "skipped", "not a word of it stood in its place"
    won = [o for o in outcomes.values() if o.status == "succeeded"]
    assert won
    for outcome in won:
        assert outcome.reference == outcome.written_before != outcome.written_after
        assert outcome.predicted_before is outcome.confidence_after is None
    assert summary["attack_success_rate"]["count"] == len(won)
    assert summary["attack_success_rate"]["n"] == 7
    for name in ("clean_accuracy", "robust_accuracy"):
        assert summary[name]["value"] is None
        assert "no labels" in summary[name]["reason"]
    before, after = summary["written"]["bleu_before"], summary["written"]["bleu_after"]
    assert before["n"] == after["n"] == 8
    assert 7 / 8 <= before["value"] < 1
    assert after["value"] < before["value"]
    assert after["low"] <= after["value"] <= after["high"]
    show(summary)
    shown = capsys.readouterr().out
    assert "mean BLEU before     0." in shown
    assert "accuracy" not in shown
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator(schema).validate(run.results())
    table = [r for r in read(run.path / "items.parquet") if isinstance(r, OutcomeRecord)]
    assert {r.example_id: r for r in table} == outcomes


def test_reports_show_what_was_written_in_the_place_of_labels(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = attack(model, data, tmp_path, capsys)
    pages = {path.suffix: path.read_text() for path in render(run.path, formats=("html", "md"))}
    (example, *_) = [o for o in run.results()["examples"] if o["written_after"]]
    for page in pages.values():
        assert "What it wrote" in page
        assert "reference" in page
        assert "became" not in page
        assert "confidence in" not in page
    assert example["written_after"] in pages[".md"]
    assert "Accuracy and robust accuracy" not in pages[".html"], "there is nothing to chart"


def test_outcomes_are_the_same_at_any_batch_size_and_without_a_reference_it_counts_changes(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = attack(model, data, tmp_path, capsys)
    _, again = attack(model, data, tmp_path, capsys, "--batch-size", "1")
    assert {o.example_id: o for o in run.outcomes()} == {o.example_id: o for o in again.outcomes()}
    bare = [
        a for a in arguments(model, data, tmp_path, "--json") if a not in ("--reference", "target")
    ]
    assert invoke(bare) == 0
    summary = json.loads(capsys.readouterr().out)
    outcomes = RunFolder.open(Path(summary["run"])).outcomes()
    assert {o.reference for o in outcomes} == {None}
    assert "skipped" not in {o.status for o in outcomes}
    assert summary["written"]["bleu_before"]["value"] is None
    assert summary["written"]["bleu_after"]["value"] < 1


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--recipe", "pwws"), "is after the labels of a classifier"),
        (("--goal", "untargeted"), "is after the labels of a classifier"),
        (("--goal", "shorter"), "Allowed: for models that write: minimize-bleu"),
        (("--reference", "goal"), "no column 'goal'"),
    ],
)
def test_what_is_not_for_a_model_that_writes_is_refused_before_it_loads(
    model: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    extra: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr("harness.other_models.load_writer", None)
    given = [a for a in arguments(model, data, tmp_path / "runs", *extra) if "neighbours" not in a]
    given.remove("--set")
    assert invoke(given) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--recipe", "morpheus"), "is after what a model writes"),
        (("--goal", "minimize-bleu"), "is after what a model writes"),
        (("--reference", "text"), "--reference is for models that write"),
    ],
)
def test_what_is_not_for_a_classifier_is_refused_before_it_loads(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    extra: tuple[str, ...],
    message: str,
) -> None:
    base = project.base(tmp_path)
    rows = project.write_rows(tmp_path / "d.csv", project.rows(4))
    monkeypatch.setattr("harness.models.load_classifier", None)
    given = [
        "attack",
        "--no-checks",
        str(base),
        "--data",
        str(rows),
        "--recipe",
        "pwws",
        "-q",
        *extra,
    ]
    assert invoke([*given, "-o", str(tmp_path / "runs")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_morpheus_takes_a_classifier_with_another_goal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = project.base(tmp_path)
    rows = project.write_rows(tmp_path / "d.csv", project.rows(4))
    given = [
        "attack",
        "--no-checks",
        str(base),
        "--data",
        str(rows),
        "--recipe",
        "morpheus",
        "-q",
        "--json",
    ]
    assert invoke([*given, "--goal", "untargeted", "-o", str(tmp_path / "runs")]) == 0
    assert json.loads(capsys.readouterr().out)["clean_accuracy"]["n"] == 4


def test_a_paraphraser_is_asked_for_and_named_by_its_option(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = project.base(tmp_path)
    rows = project.write_rows(tmp_path / "d.csv", project.rows(4))
    given = [
        "attack",
        "--no-checks",
        str(base),
        "--data",
        str(rows),
        "--recipe",
        "paraphrase",
        "-q",
        "--json",
    ]
    given += ["-o", str(tmp_path / "runs")]
    assert invoke(given) == 2
    assert "--paraphraser MODEL" in capsys.readouterr().err
    named = [*given, "--paraphraser", str(model), "--paraphrase-prompt", "{control} {text}"]
    assert invoke(named) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["errored"] == 0
    assert invoke([*given, "--paraphraser", str(model)]) == 2
    assert "Write {control} there" in " ".join(capsys.readouterr().err.split())
    assert len(list((tmp_path / "runs").iterdir())) == 1, "it was refused before the run began"
    assert invoke([*given, "--paraphraser", str(model), "--set", 'templates=[""]']) == 0


def test_a_plan_names_the_models_that_rephrase(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = project.project(tmp_path)
    text = plan.read_text().replace(
        '[audit]\nattacks = ["deepwordbug"]\nexamples = 12',
        '[audit]\nattacks = ["paraphrase", "back-translation"]\nexamples = 2',
    )
    arguments = ["audit", str(plan), "--model", str(tmp_path / "base"), "-q", "--json"]
    arguments += ["-o", str(tmp_path / "runs")]

    def told() -> str:
        assert invoke(arguments) == 2
        return " ".join(capsys.readouterr().err.split())

    named = {
        "paraphraser": model,
        "paraphrase_prompt": "{control} {text}",
        "translator": model,
        "back_translator": model,
    }
    lines = [f'{key} = "{value}"' for key, value in named.items()]
    written = [
        text.replace("[audit]\n", "[audit]\n" + "\n".join(lines[:n]) + "\n") for n in range(5)
    ]
    plan.write_text(written[0])
    assert "'paraphrase' needs a paraphraser" in (error := told())
    assert error.endswith("in plans audit.paraphraser.")
    plan.write_text(written[1])
    assert "Write {control} there" in told()
    plan.write_text(written[2])
    assert told().endswith("in plans audit.translator.")
    plan.write_text(written[3])
    assert "'back-translation' needs a back-translator" in told()
    assert not list((tmp_path / "runs").glob("*")), "it was refused before the run began"
    plan.write_text(written[4])
    assert invoke(arguments) in (0, 1, 3)
    attacks = json.loads(capsys.readouterr().out)["attacks"]
    used = {a["name"]: a["recipe"]["models"] for a in attacks}
    assert set(used["paraphrase"]) == {"paraphraser", "similarity"}
    assert set(used["back-translation"]) == {"translator", "back_translator", "similarity"}

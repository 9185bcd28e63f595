"""The card of a trained model: true after training, after an audit, and never over a person's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from harness.models import load_classifier
from harness.plan import read_plan
from reports import card
from reports.progress import Quiet
from suites.audit import AuditOptions, audit_run
from suites.cli import invoke
from tests.suites import project


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose plain model is trained."""
    folder = tmp_path_factory.mktemp("card")
    path = project.project(folder)
    assert invoke(["train", str(path), "-o", str(folder / "runs"), "-q"]) == 0
    return folder


def audit(folder: Path, *more: str) -> None:
    arguments = ["audit", str(folder / "plan.toml"), "--stage", "train", "-q"]
    assert invoke([*arguments, "-o", str(folder / "runs"), *more]) in (0, 1, 3)


def test_the_card_says_how_the_model_was_trained_and_then_what_it_withstands(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained / "models" / "plain"
    shown = (model / "README.md").read_text(encoding="utf-8")
    assert "It has not been audited" in shown
    record = json.loads((model / "withstand.json").read_text(encoding="utf-8"))
    for stated in (*record["data"].values(), record["plan_digest"], record["run"], "0.01"):
        assert stated in shown
    assert read_plan(model / "plan.toml").digest == record["plan_digest"]
    fingerprint = load_classifier(str(model)).fingerprint

    audit(trained, "--limit", "2")
    assert (model / "README.md").read_text(encoding="utf-8") == shown

    audit(trained)
    shown = (model / "README.md").read_text(encoding="utf-8")
    assert "not been audited" not in shown
    assert "not judged" not in shown  # the plan has a gate
    run = project.newest(trained / "runs")
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    attack = next(entry for entry in results["attacks"] if entry["split"] == "test")
    robust = attack["robust_accuracy"]
    assert f"{robust['value']:.1%}" in shown
    assert "deepwordbug" in shown
    assert run.name in shown
    assert load_classifier(str(model)).fingerprint == fingerprint

    loaded = ModelCard.load(model / "README.md")
    numbers = {entry.metric_name: entry.metric_value for entry in loaded.data.eval_results}
    assert numbers["Accuracy"] == round(results["clean"]["test"]["accuracy"]["value"], 4)
    assert numbers["Robust accuracy, deepwordbug"] == round(robust["value"], 4)
    assert invoke(["report", str(run), "--format", "md", "--card", str(model)]) == 0
    patched = (model / "README.md").read_text(encoding="utf-8")
    assert patched.count("# withstand: begin") == shown.count("# withstand: begin") == 1
    assert patched.split("# withstand: end")[1] == shown.split("# withstand: end")[1]
    assert len(numbers) == len(loaded.data.eval_results) == 3  # as trained, and calibrated
    assert loaded.data.library_name == "transformers"


def test_an_audit_without_gates_is_measured_and_no_verdict(trained: Path) -> None:
    """As the audits inside `withstand harden` are."""
    plan = read_plan(trained / "plan.toml")
    audit_run(
        plan,
        stage="train",
        runs=trained / "runs",
        progress=Quiet(),
        options=AuditOptions(),
        gates=(),
    )
    shown = (trained / "models" / "plain" / "README.md").read_text(encoding="utf-8")
    assert "Measured, not judged: this audit had no gates." in shown
    for word in ("INCONCLUSIVE", "PASS", "FAIL"):
        assert word not in shown


def test_a_card_that_a_person_wrote_is_left(trained: Path) -> None:
    own = trained / "models" / "plain" / "README.md"
    before = own.read_text(encoding="utf-8")
    own.write_text("# Mine\n", encoding="utf-8")
    try:
        audit(trained)
        assert own.read_text(encoding="utf-8") == "# Mine\n"
    finally:
        own.write_text(before, encoding="utf-8")


def test_odd_names_cannot_break_out_of_the_card() -> None:
    epoch = {"epoch": 0, "train_loss": None, "validation_loss": 0.5, "correct": 1, "n": 2}
    record = {
        "plan": "a\n---\nb: [",
        "start": "`x`",
        "labels": ["<b>", "a|b"],
        "objective": [{"name": "plain"}],
        "seen_attacks": [],
        "best_epoch": 0,
        "selected_by": "loss",
        "start_fingerprint": "f",
        "plan_digest": "d",
        "run": "r",
        "data": {"train": "t"},
        "source": '"; drop',
        "history": [epoch],
    }
    results = {"clean": {"test": {"accuracy": {"value": 0.5}}}}
    shown = card.card(record, None, results)
    assert shown.splitlines().count("---") == 2
    loaded = ModelCard(shown)
    assert loaded.data.base_model == "`x`"
    assert "<b>" not in shown.replace("`<b>`", "")

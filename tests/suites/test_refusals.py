"""What `train`, `harden` and `audit` refuse before a model loads, and what odd texts they take."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from harness.models import load_classifier, save_classifier
from reports.folder import RunFolder
from suites.cli import invoke
from tests.suites import project


def _empty_file(folder: Path) -> None:
    (folder / "data.csv").write_text("")


def _one_class(folder: Path) -> None:
    found = [(text, "positive") for text, _ in project.rows()]
    project.write_rows(folder / "data.csv", found)


def _foreign_label(folder: Path) -> None:
    project.write_rows(folder / "data.csv", [*project.rows(), ("a film", "neutral")])


def _no_weights(folder: Path) -> None:
    (folder / "base" / "model.safetensors").unlink()


def _pickled(folder: Path) -> None:
    _no_weights(folder)
    torch.save({"w": torch.zeros(1)}, folder / "base" / "pytorch_model.bin")


def _folder_in_the_way(folder: Path) -> None:
    (folder / "models").write_text("a file")


@pytest.mark.parametrize("verb", ["train", "harden"])
@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_empty_file, "data.csv"),
        (_one_class, "positive"),
        (_foreign_label, "neutral"),
        (_no_weights, "safetensors"),
        (_pickled, "pickle"),
        (_folder_in_the_way, "models"),
    ],
)
def test_refused_before_a_model_loads_or_a_run_begins(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    spoil: Callable[[Path], None],
    word: str,
) -> None:
    plan = project.project(tmp_path)
    spoil(tmp_path)
    _forbid_loading(monkeypatch)
    assert invoke([verb, str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("section", ["audit", "harden.augment", "harden.selection"])
@pytest.mark.parametrize(
    ("attack", "reason"),
    [("input-reduction", "looks for texts"), ("morpheus", "is for models that write")],
)
def test_an_attack_that_is_not_after_wrong_labels_has_no_place_in_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str, attack: str, reason: str
) -> None:
    plan = project.project(tmp_path)
    head, found, tail = plan.read_text().partition(f"[{section}]")
    plan.write_text(head + found + tail.replace('"deepwordbug"', f'"{attack}"', 1))
    assert invoke(["harden", str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert f"{section}.attacks: '{attack}' {reason}" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["train", "harden"])
def test_a_full_disk_is_found_before_training(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    plan = project.project(tmp_path)
    _forbid_loading(monkeypatch)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert invoke([verb, str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert "free" in capsys.readouterr().err


def test_soft_labels_of_a_head_that_was_never_trained_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = project.project(tmp_path)
    text = plan.read_text().replace('start = "plain"', 'start = "base"')
    plan.write_text(text.replace(f"{tmp_path}/base", "bundle:minilm-l6"))
    assert invoke(["harden", str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert "harden.soft_labels" in capsys.readouterr().err


def test_a_new_head_has_nothing_to_teach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = project.project(tmp_path)
    text = plan.read_text().replace(f"{tmp_path}/base", "bundle:minilm-l6")
    plan.write_text(text.replace("[train]\n", '[train]\nobjective = { name = "distillation" }\n'))
    assert invoke(["train", str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert "train.teacher: the objective 'distillation' needs a teacher" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('precision = "float16"', "train.precision: float16 needs a CUDA device"),
        (
            'gradient_checkpointing = true\nobjective = { name = "mixada" }',
            "train.gradient_checkpointing: the objective 'mixada'",
        ),
        ('teacher = "bundle:minilm-l6"', "train.teacher: nothing asks it"),
        ('teacher = "plain"\nsoft_labels = 1.0', 'train.teacher: "plain" is what [train] leaves'),
        (
            'teacher = "bundle:minilm-l6"\nsoft_labels = 1.0',
            "train.teacher: bundle:minilm-l6 is an encoder without a head",
        ),
        (
            "adaptation = { keep_layers = 1 }\nselection = { blend = [0.5] }",
            "train.selection.blend: ",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    settings: str,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = project.project(tmp_path)
    plan.write_text(plan.read_text().replace("[train]\n", f"[train]\n{settings}\n"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    _forbid_loading(monkeypatch)
    assert invoke(["train", str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert expected in capsys.readouterr().err


def test_training_from_weights_that_are_nan_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = project.project(tmp_path)
    loaded = load_classifier(str(tmp_path / "base"))
    loaded.model.classifier.bias.data.fill_(float("nan"))
    save_classifier(loaded, tmp_path / "base")
    assert invoke(["train", str(plan), "-q", "-o", str(tmp_path / "runs")]) == 2
    assert "loss became nan" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_odd_texts_are_trained_on_audited_and_all_accounted_for(tmp_path: Path) -> None:
    plan = project.project(tmp_path)
    odd = [
        "good " + "x" * 100_000,
        "good " * 20_000,
        "good\0film",
        "good 🎬 film 👍🏽",
        "فيلم جيد",
        "good \u202efilm",
    ]
    test = [(text, "positive") for text in [*odd, ""]] + project.rows(20, seed=9)
    project.write_rows(tmp_path / "test.csv", test)
    trained = [(f"{text} plot", "positive") for text in odd]
    project.write_rows(tmp_path / "data.csv", [*trained, *project.rows()])
    project.write_rows(tmp_path / "validation.csv", project.rows(40, seed=8))
    source = f'source = "{tmp_path}/data.csv"'
    files = [f'{name} = "{tmp_path}/{name}.csv"' for name in ("validation", "test")]
    text = plan.read_text().replace(source, "\n".join([source, *files]))
    plan.write_text(text.replace("examples = 12", "examples = 27"))
    runs = tmp_path / "runs"
    assert invoke(["train", str(plan), "-q", "-o", str(runs)]) == 0
    # An empty text has no word to attack; whatever becomes of it, it is no crash.
    assert invoke(["audit", str(plan), "--stage", "train", "-q", "-o", str(runs)]) in (0, 1, 3)
    (audit,) = (r for r in map(RunFolder.open, runs.iterdir()) if r.started()["kind"] == "audit")
    (attack,) = (
        a for a in audit.results()["attacks"] if a["split"] == "test" and not a["calibrated"]
    )
    assert attack["counts"]["total"] == len(test)
    assert attack["counts"]["errored"] == 0
    answered = {p.example_id for p in audit.predictions() if p.check == "clean@test"}
    assert len(answered) == len(test)


def _forbid_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("harness.models.load_classifier", refuse)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("[audit.settings.pwws]\ninflect = false", "'pwws' is not among audit.attacks"),
        ("[audit.settings.deepwordbug]\nmax_edits = 3", "Did you mean 'max_edit_distance'"),
        ("[audit.settings.deepwordbug]\nmax_edit_distance = 1.5", "but should be a valid integer"),
    ],
)
def test_settings_of_an_attack_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str, message: str
) -> None:
    plan = project.project(tmp_path)
    plan.write_text(f"{plan.read_text()}\n{settings}\n")
    assert invoke(["audit", str(plan), "--model", str(tmp_path / "base"), "-q"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["audit", "harden"])
def test_a_model_that_an_attack_of_the_audit_needs_is_checked_first(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    plan = project.project(tmp_path)
    lost = f'attacks = ["deepwordbug", "bae"]\nmasked_lm = "{tmp_path}/nowhere"'
    head, audit = plan.read_text().split("[audit]")
    audit = audit.replace('attacks = ["deepwordbug"]', lost)
    plan.write_text(f"{head}[audit]{audit}")
    _forbid_loading(monkeypatch)
    model = ["--model", str(tmp_path / "base")] if verb == "audit" else []
    assert invoke([verb, str(plan), *model, "-q", "-o", str(tmp_path / "runs")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_an_audit_runs_its_attacks_with_their_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = project.project(tmp_path)
    plan.write_text(f"{plan.read_text()}\n[audit.settings.deepwordbug]\nmax_edit_distance = 0\n")
    runs = tmp_path / "runs"
    invoke(["audit", str(plan), "--model", str(tmp_path / "base"), "-q", "-o", str(runs)])
    run = RunFolder.open(next(runs.iterdir()))
    attacked = [o for o in run.outcomes() if o.check == "attack:deepwordbug@test"]
    assert {o.status for o in attacked} <= {"failed", "skipped"}
    assert all(o.perturbed is None for o in attacked)
    campaign = next(e for e in run.events() if e["event"] == "campaign")
    assert campaign["recipe"]["parameters"]["constraints"][0]["most"] == 0

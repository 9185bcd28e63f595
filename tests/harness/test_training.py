"""Whole trainings: what they leave behind, and that an interruption changes no bit of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import HarnessError
from harness.selection import choose
from harness.training import train
from tests.harness import tiny
from tests.harness.interrupted import run

AUGMENTED = {
    "objective": {"name": "freelb"},
    "augment": {"attacks": ["deepwordbug"], "share": 0.3, "query_budget": 15},
    "selection": {
        "metric": "robust_accuracy",
        "attacks": ["deepwordbug"],
        "examples": 8,
        "query_budget": 15,
    },
    "epochs": 3,
}


# Attacked in parts along gradients, taught by the starting model, mixed with it in the end.
ONLINE = {
    "augment": {"attacks": ["gradient-step"], "share": 0.6, "refresh": 3, "keep_clean": False},
    "soft_labels": 0.5,
    "selection": {**AUGMENTED["selection"], "blend": [0.5]},  # type: ignore[dict-item]
    "epochs": 3,
}


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


class Stop(BaseException):
    """Ctrl-C at a chosen moment."""


class StopAt:
    """A display that interrupts at an optimizer step."""

    def __init__(self, step: int) -> None:
        self.step, self.shown = step, 0

    def say(self, message: str) -> None:
        pass

    def task(self, title: str, total: int) -> Any:
        from contextlib import nullcontext

        return nullcontext(self if title.startswith("train") else Ignored())

    def update(self, done: int, note: str = "") -> None:
        self.shown += 1
        if self.shown == self.step:
            raise Stop


class Ignored:
    def update(self, done: int, note: str = "") -> None:
        pass


def numbers(result: Any) -> list[dict[str, Any]]:
    """The history without what a clock decides."""
    return [{k: v for k, v in r.to_dict().items() if k != "seconds"} for r in result.history]


@pytest.mark.smoke
@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 3},
        {"epochs": 3, "objective": {"name": "freelb"}, "accumulate": 2, "schedule": "cosine"},
        {"epochs": 3, "objective": [{"name": "smart"}, {"name": "tavat"}, {"name": "awp"}]},
        {
            "epochs": 3,
            "average": {"method": "ema"},
            "adaptation": {"layer_decay": 0.7, "reinitialize": 1},
            "label_smoothing": 0.1,
        },
        {
            "epochs": 3,
            "average": {"method": "swa"},
            "adaptation": {"freeze": 1},
            "precision": "bfloat16",
            "gradient_checkpointing": True,
        },
        {
            "epochs": 3,
            "adapter": {"method": "dora", "dropout": 0.1},
            "objective": [{"name": "pgd"}, {"name": "awp"}],
            "average": {"method": "swa", "start_epoch": 1},
        },
        {
            "epochs": 3,
            "adaptation": {"keep_layers": 1},
            "objective": {"name": "distillation", "parameters": {"steps": 1, "hidden": 0.1}},
        },
        AUGMENTED,
        ONLINE,
    ],
    ids=[
        "plain",
        "freelb",
        "remembering",
        "averaged",
        "saving",
        "adapter",
        "distilled",
        "augmented",
        "online",
    ],
)
def test_a_resumed_training_equals_a_straight_one_to_the_bit(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    straight, expected, _ = run(tmp_path / "straight", changes)
    steps = straight.history[-1].step
    # The two dearer ones are stopped once, in the middle of the second epoch.
    for moment in (1, steps // 2, steps - 1) if changes == {"epochs": 3} else (steps // 2,):
        folder = tmp_path / f"stopped-{moment}"
        with pytest.raises(Stop):
            run(folder, changes, StopAt(moment))
        resumed, model, _ = run(folder, changes, resume=True)
        assert_equal(weights(model), weights(expected))
        assert numbers(resumed) == numbers(straight)
        assert resumed.best == straight.best


def test_a_killed_training_equals_a_straight_one_and_reuses_its_attacks(tmp_path: Path) -> None:
    straight, expected, events = run(tmp_path / "straight", AUGMENTED)
    moment = straight.history[-1].step - 2
    killed = tmp_path / "killed"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.harness.interrupted"),
            *(str(killed), str(moment), json.dumps(AUGMENTED)),
        ],
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == -signal.SIGKILL
    assert not (killed / "model").exists()
    _, model, resumed = run(killed, AUGMENTED, resume=True)
    assert_equal(weights(model), weights(expected))
    again = {e["epoch"]: e for e in resumed if e["event"] == "augmentation"}
    first = {e["epoch"]: e for e in events if e["event"] == "augmentation"}
    assert list(again) == [2]
    assert again[2]["reused"]
    assert again[2]["sha256"] == first[2]["sha256"]


def test_a_finished_training_that_is_resumed_trains_nothing(tmp_path: Path) -> None:
    straight, expected, _ = run(tmp_path, {"epochs": 2})
    again, model, events = run(tmp_path, {"epochs": 2}, resume=True)
    assert_equal(weights(model), weights(expected))
    assert numbers(again) == numbers(straight)
    assert events == []


def test_a_torn_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    _, expected, _ = run(tmp_path, {"epochs": 3})
    last = max(
        (tmp_path / "work" / "checkpoints").glob("checkpoint-*"),
        key=lambda folder: int(folder.name.split("-")[1]),
    )
    with (last / "optimizer.pt").open("rb+") as file:
        file.truncate(100)
    _, model, _ = run(tmp_path, {"epochs": 3}, resume=True)
    assert_equal(weights(model), weights(expected))


@pytest.mark.parametrize("change", [{"learning_rate": 1e-4}, {"objective": {"name": "freelb"}}])
def test_a_changed_plan_cannot_resume(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Stop):
        run(tmp_path, {"epochs": 3}, StopAt(8))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(HarnessError, match="other settings"):
        run(tmp_path, {"epochs": 3, **change}, resume=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_another_model_of_its_attacks_cannot_resume(tmp_path: Path) -> None:
    late = {"attacks": ["textfooler"], "share": 0.2, "start_epoch": 2}
    changes = {"epochs": 3, "augment": late}
    with pytest.raises(Stop):
        run(tmp_path, changes, StopAt(8), models={"similarity": SimpleNamespace(fingerprint="a")})
    with pytest.raises(HarnessError, match="other settings"):
        run(tmp_path, changes, resume=True, models={"similarity": SimpleNamespace(fingerprint="b")})


@pytest.mark.smoke
def test_what_a_training_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from transformers import AutoModelForSequenceClassification

    result, model, events = run(tmp_path, {"epochs": 3, "learning_rate": 2e-2})
    output = tmp_path / "model"
    names = {path.name for path in output.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert not list((tmp_path / "work").rglob("*.bin"))
    saved = json.loads((output / "training_history.json").read_text())
    assert saved["best_epoch"] == result.best_epoch
    assert [e["correct"] for e in saved["epochs"]] == [r.correct for r in result.history]
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [0, 1, 2]
    assert_equal(load_file(output / "model.safetensors"), weights(model))
    again = AutoModelForSequenceClassification.from_pretrained(output)
    assert again.config.id2label == {0: "negative", 1: "positive"}
    assert not model.training
    assert not model.get_input_embeddings()._forward_hooks
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "shards" not in shown.err


def test_the_model_holds_the_chosen_epoch_and_not_the_last(tmp_path: Path) -> None:
    """A rate that is far too high makes a later epoch worse than an earlier one."""
    for seed in range(6):
        changes = {"epochs": 4, "learning_rate": 8e-2, "warmup": 0.0, "schedule": "constant"}
        folder = tmp_path / str(seed)
        loaded = tiny.loaded(tiny.classifier(seed=seed))
        result = train(
            tiny.settings(folder / "model", **changes),
            loaded,
            tiny.examples(60, seed),
            validation := tiny.examples(40, seed + 100),
            seed=seed,
            max_length=32,
            work=folder / "work",
            record=lambda event: None,
        )
        if result.history[result.best].correct > result.history[-1].correct:
            break
    else:
        pytest.fail("in no run was an earlier epoch better")
    best = result.history[result.best]
    batch = tiny.inputs([e.text.strings[0] for e in validation])
    predicted = loaded.model(**batch).logits.argmax(-1).tolist()
    right = sum(p == e.label for p, e in zip(predicted, validation, strict=True))
    assert right == best.correct


@pytest.mark.parametrize("objective", ["freelb", "trades", "tavat"])
def test_an_objective_may_begin_after_plain_steps(objective: str, tmp_path: Path) -> None:
    plain, _, _ = run(tmp_path / "plain", {"epochs": 2})
    late, _, _ = run(
        tmp_path / "late",
        {"epochs": 2, "objective": {"name": objective}, "plain_warmup": 0.5},
    )
    losses = [[record.train_loss for record in found.history] for found in (plain, late)]
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] != losses[1][1]


def test_a_balanced_training_with_attacks_has_rows_of_each_class_alike(tmp_path: Path) -> None:
    changes = {
        "epochs": 1,
        "balance": "oversample",
        "augment": {"attacks": ["deepwordbug"], "share": 0.25, "query_budget": 10},
    }
    result, _, _ = run(tmp_path, changes)
    counts = [sum(e.label == k for e in tiny.examples(44)) for k in (0, 1)]
    assert counts[0] != counts[1]
    assert result.rows == 2 * max(counts) + 11


def test_weighted_classes_are_told_apart_where_one_is_rare(tmp_path: Path) -> None:
    rows = tiny.examples(120)
    few = [e for e in rows if e.label == 1][:6]
    rare = [e for e in rows if e.label == 0] + few
    answers = {}
    for balance in ("none", "weights"):
        loaded = tiny.loaded(tiny.classifier(dropout=0.0))
        changes = {"balance": balance, "epochs": 2, "learning_rate": 1e-3}
        train(
            tiny.settings(tmp_path / balance / "model", **changes),
            loaded,
            rare,
            tiny.examples(60, 1),
            seed=5,
            max_length=32,
            work=tmp_path / balance / "work",
            record=lambda event: None,
        )
        logits = loaded.model(
            **tiny.inputs([e.text.strings[0] for e in tiny.examples(60, 1)])
        ).logits
        answers[balance] = float(logits.detach().softmax(-1)[:, 1].mean())
    assert answers["none"] < 0.3 < answers["weights"]


def test_patience_ends_a_training(tmp_path: Path) -> None:
    changes = {"epochs": 12, "learning_rate": 1e-8, "selection": {"patience": 2}}
    result, _, _ = run(tmp_path, changes)
    assert result.stopped_early
    assert len(result.history) == result.best + 3
    again, _, events = run(tmp_path, changes, resume=True)
    assert len(again.history) == len(result.history)
    assert events == []


def test_old_checkpoints_keep_weights_alone_and_hopeless_ones_nothing(tmp_path: Path) -> None:
    changes = {"epochs": 4, "learning_rate": 1e-2}
    result, _, _ = run(tmp_path, changes)
    selection = tiny.settings(tmp_path, **changes).selection
    work = tmp_path / "work" / "checkpoints"
    for place, record in enumerate(result.history):
        folder = work / f"checkpoint-{record.step}"
        last = place == len(result.history) - 1
        if not last and place != choose(result.history, selection):
            assert not folder.exists()
        else:
            assert (folder / "model.safetensors").exists()
            assert (folder / "optimizer.pt").exists() == last


@pytest.mark.parametrize(
    ("rows", "validation", "message"),
    [
        ([], tiny.examples(4, 1), "no training examples"),
        (tiny.examples(4), [], "no validation examples"),
        (tiny.examples(4) * 2, tiny.examples(4, 1), "the same id"),
        (tiny.examples(1), tiny.examples(4, 1), "1 training examples for 2 classes"),
        (
            tiny.examples(4),
            [replace(tiny.examples(4)[2], id="again")],
            "'again' has the text of the training example 's0-2'",
        ),
    ],
)
def test_what_cannot_be_trained_on(
    rows: list[Any], validation: list[Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(HarnessError, match=message):
        train(
            tiny.settings(tmp_path / "model"),
            tiny.loaded(),
            rows,
            validation,
            seed=0,
            max_length=32,
            work=tmp_path / "work",
            record=lambda event: None,
        )
    assert not (tmp_path / "work").exists()


def test_a_recipe_without_its_model_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="'similarity'"):
        run(tmp_path, {"augment": {"attacks": ["textfooler"]}})

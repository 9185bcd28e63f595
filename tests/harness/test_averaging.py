"""Averages of the weights, against a loop that keeps them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attacks.victims.huggingface import HuggingFaceVictim
from harness.calibration import nll
from harness.keeper import Keeper
from harness.prediction import predict
from harness.training_plan import Averaging
from tests.harness import tiny
from tests.harness.interrupted import run

State = dict[str, torch.Tensor]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The weights after each optimizer step of a training."""
    found: list[State] = []
    whole = Keeper.on_step_end

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        model = rest["model"]
        found.append({n: p.detach().clone() for n, p in model.named_parameters()})
        whole(self, args, state, control, **rest)

    monkeypatch.setattr(Keeper, "on_step_end", on_step_end)
    return found


def assert_close(model: Any, expected: State) -> None:
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, expected[name], atol=1e-6), name


def test_a_moving_average_is_what_is_saved(tmp_path: Path, seen: list[State]) -> None:
    settings = {"average": {"method": "ema", "decay": 0.8}, "epochs": 2}
    result, model, _ = run(tmp_path, settings)
    steps = result.history[result.best].step
    average = {name: value.clone() for name, value in seen[0].items()}
    for count, state in enumerate(seen[1:steps], start=1):
        decay = min(0.8, (1 + count) / (10 + count))
        average = {n: decay * average[n] + (1 - decay) * v for n, v in state.items()}
    assert_close(model, average)
    assert not torch.allclose(
        average["classifier.weight"], seen[steps - 1]["classifier.weight"], atol=1e-4
    )


def test_the_mean_over_the_ends_of_epochs(tmp_path: Path, seen: list[State]) -> None:
    settings = {"average": {"method": "swa", "start_epoch": 1}, "epochs": 4}
    result, model, _ = run(tmp_path, settings)
    ends = [seen[record.step - 1] for record in result.history]
    used = ends[1 : result.best + 1] if result.best else ends[:1]
    assert_close(model, {n: torch.stack([end[n] for end in used]).mean(0) for n in used[0]})


@pytest.mark.parametrize("method", ["ema", "swa"])
def test_what_is_measured_is_the_average(tmp_path: Path, method: str) -> None:
    result, model, _ = run(tmp_path, {"average": {"method": method}, "epochs": 3})
    victim = HuggingFaceVictim(model, tiny.tokenizer(), ("a", "b"), fingerprint="", max_length=32)
    validation = tiny.examples(24, seed=1)
    gold = np.array([example.label for example in validation])
    found = nll(np.asarray(predict(victim, validation)), gold)
    assert found == pytest.approx(result.history[result.best].validation_loss, rel=1e-5)


def test_a_decay_outside_of_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="less than 1"):
        Averaging(method="ema", decay=1.0)

"""What a GPU could get wrong; skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from attacks import recipes
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.outcomes import BatchHalved, Event, Finished
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from tests.harness import interrupted, tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def campaign(model: Any, name: str, device: str, config: EngineConfig) -> list[Event]:
    victim = HuggingFaceVictim(
        model, tiny.tokenizer(), ("negative", "positive"), fingerprint=device, device=device
    )
    recipe = recipes.load(name)
    jobs = (Job(example, recipe) for example in tiny.examples(40, seed=3))
    return list(run(jobs, equipped(victim, {}, [recipe]), config))


def ends(events: list[Event]) -> dict[str, tuple[Any, ...]]:
    outcomes = [event.outcome for event in events if isinstance(event, Finished)]
    return {o.example_id: (o.status, o.perturbed, o.unique_queries) for o in outcomes}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny classifier, taught on the GPU with an inner step and attacks of its own."""
    changes = {
        "objective": {"name": "freelb"},
        "augment": {"attacks": ["gradient-step"], "share": 0.5, "refresh": 2},
        "epochs": 6,
    }
    result, model, _ = interrupted.run(tmp_path_factory.mktemp("cuda"), changes)
    assert next(model.parameters()).device.type == "cuda"
    losses = [record.train_loss for record in result.history]
    assert losses[-1] < losses[0]
    return model


@pytest.mark.parametrize("name", ["deepwordbug", "pwws", "hotflip", "gbda"])
def test_a_campaign_on_the_gpu_ends_as_on_the_cpu(trained: Any, name: str) -> None:
    there = ends(campaign(trained, name, "cuda", EngineConfig()))
    here = ends(campaign(trained, name, "cpu", EngineConfig()))
    assert len(there) == 40
    same = sum(here[key] == there[key] for key in here)
    assert same >= 38  # sums differ in the last bit: one of two equal words may be another


@pytest.fixture
def little_memory() -> Iterator[None]:
    """What one batch of a few thousand short texts does not fit in."""
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    room = torch.cuda.memory_reserved() + (192 << 20)  # the weights take 22 MiB of it
    torch.cuda.set_per_process_memory_fraction(room / whole)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def test_a_gpu_that_runs_out_of_memory_gets_smaller_batches(
    trained: Any, little_memory: None
) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    sizes = {**tiny.SIZES, "hidden_size": 128, "intermediate_size": 8192}
    wide = BertForSequenceClassification(BertConfig(**sizes)).eval()
    greedy = EngineConfig(window=40, batch_size=100_000, batch_tokens=10_000_000)
    events = campaign(wide, "deepwordbug", "cuda", greedy)
    assert any(isinstance(event, BatchHalved) for event in events)
    outcomes = [event.outcome for event in events if isinstance(event, Finished)]
    assert len(outcomes) == 40
    assert not [outcome.error for outcome in outcomes if outcome.error]


def test_training_goes_on_after_an_interruption_on_the_gpu(tmp_path: Path) -> None:
    changes = {"objective": {"name": "freelb"}, "epochs": 3}
    whole, _, _ = interrupted.run(tmp_path / "whole", changes)

    class Stop(BaseException):
        pass

    class StopAt(interrupted.Killer):
        def update(self, done: int, note: str = "") -> None:
            self.shown += 1
            if self.shown == self.step:
                raise Stop

    with pytest.raises(Stop):
        interrupted.run(tmp_path / "parts", changes, StopAt(9))
    parts, _, _ = interrupted.run(tmp_path / "parts", changes, resume=True)
    # Some of a GPU's kernels add in an order of their own, so that the last bits differ.
    assert [record.epoch for record in parts.history] == [0, 1, 2]
    for one, other in zip(whole.history, parts.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)

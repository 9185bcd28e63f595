"""Adapters: what is trained with one, that it merges into the model, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.adapters import Adapted
from harness.errors import HarnessError
from harness.models import load_classifier
from harness.training_plan import Adapter, Train
from tests.harness import tiny
from tests.harness.interrupted import run

KINDS = sorted({*tiny.HEADS, *tiny.ENCODER_DECODERS})
HEADS = ("classifier", "classification_head", "score", "pre_classifier", "head", "pooler")


def logits(model: Any, kind: str) -> torch.Tensor:
    found: torch.Tensor = model.eval()(**tiny.inputs(["a good film", "dull"], kind)).logits
    return found.detach()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["lora", "dora"])
def test_an_adapter_begins_at_the_model_and_merges_into_it(method: str, kind: str) -> None:
    model = tiny.classifier(kind)
    names = [name for name, _ in model.named_parameters()]
    before = logits(model, kind)
    adapted = Adapted(model, Adapter(method=method, rank=2), seed=0)  # type: ignore[arg-type]
    torch.testing.assert_close(logits(model, kind), before)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name and parameter.requires_grad:
            parameter.data += torch.randn_like(parameter) * 0.3
    moved = logits(model, kind)
    assert not torch.allclose(moved, before, atol=1e-3)
    adapted.merge()
    assert [name for name, _ in model.named_parameters()] == names
    torch.testing.assert_close(logits(model, kind), moved, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_adapter_and_the_head_are_trained_alone(kind: str) -> None:
    model = tiny.classifier(kind)
    Adapted(model, Adapter(), seed=0)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert any("lora_A" in name for name in trained)
    rest = [name for name in trained if "lora_" not in name]
    assert rest
    assert all(any(head in name for head in HEADS) for name in rest), rest


def test_the_adapter_is_drawn_by_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        model, state = tiny.classifier(), torch.get_rng_state()
        Adapted(model, Adapter(), seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(next(p.detach() for n, p in model.named_parameters() if "lora_A" in n))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_targets_are_adapted_alone() -> None:
    model = tiny.classifier()
    Adapted(model, Adapter(targets=("query", "output.dense")), seed=0)
    found = {n.split(".lora_")[0] for n, _ in model.named_parameters() if "lora_" in n}
    assert found
    assert all(name.endswith(("query", "output.dense")) for name in found)


@pytest.mark.parametrize("method", ["lora", "dora", "ia3"])
@pytest.mark.parametrize("objective", ["plain", "freelb"])
def test_a_model_trained_with_an_adapter_loads_as_any_other(
    method: str, objective: str, tmp_path: Path
) -> None:
    changes = {
        "adapter": {"method": method},
        "objective": {"name": objective},
        "augment": {"attacks": ["deepwordbug"], "share": 0.2, "query_budget": 15},
        "learning_rate": 0.02,
        "epochs": 8,
    }
    result, model, _ = run(tmp_path, changes)
    assert result.history[-1].train_loss < result.history[0].train_loss
    saved = load_classifier(str(tmp_path / "model")).model
    assert {n for n, _ in saved.named_parameters()} == {
        n for n, _ in tiny.classifier().named_parameters()
    }
    torch.testing.assert_close(logits(saved, "bert"), logits(model, "bert"))
    assert not any("adapter" in path.name for path in (tmp_path / "model").iterdir())


def test_a_target_that_is_not_there_is_named() -> None:
    with pytest.raises(
        HarnessError, match=r"no linear layer named 'q_proj'. Allowed: 'dense', 'key',"
    ):
        Adapted(tiny.classifier(), Adapter(targets=("q_proj",)), seed=0)


def test_an_architecture_that_ia3_does_not_know_needs_targets() -> None:
    model = tiny.classifier("modernbert")
    with pytest.raises(HarnessError, match=r"Name modules in adapter\.targets"):
        Adapted(model, Adapter(method="ia3"), seed=0)
    Adapted(tiny.classifier("modernbert"), Adapter(method="ia3", targets=("Wqkv",)), seed=0)


@pytest.mark.parametrize("key", ["freeze", "reinitialize"])
def test_what_an_adapter_makes_meaningless_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"adaptation.{key}"):
        Train.model_validate({"output": "o", "adapter": {}, "adaptation": {key: 1}})

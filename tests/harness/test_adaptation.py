"""Layers kept, begun anew, held still, and taught at rates of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from harness.adaptation import adapt, rates
from harness.arguments import training_arguments
from harness.batches import Collator
from harness.errors import HarnessError
from harness.layers import layers
from harness.objectives.plain import Plain
from harness.trainer import RobustTrainer
from harness.training_plan import Adaptation
from tests.harness import tiny
from tests.harness.interrupted import run

KINDS = sorted({*tiny.HEADS, *tiny.ENCODER_DECODERS} - {"albert"})
FIRST_IS_SPECIAL = {"t5", "modernbert"}
"""T5's first layer holds the position bias of all, ModernBERT's is without a norm."""


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def logits(model: Any, kind: str) -> torch.Tensor:
    found: torch.Tensor = model.eval()(**tiny.inputs(["a good film", "dull"], kind)).logits
    return found.detach()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_fewer_layers_is_saved_and_loaded_again(kind: str, tmp_path: Path) -> None:
    model = tiny.classifier(kind)
    first, last = layers(model)
    before = logits(model, kind)
    adapt(model, Adaptation(keep_layers=1), seed=0)
    assert list(layers(model)) == [first if kind in FIRST_IS_SPECIAL else last]
    assert not torch.equal(logits(model, kind), before)
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, attn_implementation="eager", num_labels=2
    )
    assert torch.allclose(logits(again, kind), logits(model, kind), atol=1e-6)


def test_layers_are_kept_evenly_and_the_last_among_them() -> None:
    from transformers import BertConfig, BertForSequenceClassification

    def model() -> Any:
        return BertForSequenceClassification(BertConfig(**{**tiny.SIZES, "num_hidden_layers": 6}))

    for wanted, places in [(1, [5]), (2, [2, 5]), (3, [1, 3, 5]), (6, [0, 1, 2, 3, 4, 5])]:
        whole = model()
        blocks = list(layers(whole))
        adapt(whole, Adaptation(keep_layers=wanted), seed=0)
        assert list(layers(whole)) == [blocks[place] for place in places]


@pytest.mark.parametrize("kind", KINDS)
def test_the_top_layers_are_drawn_anew_by_seed(kind: str) -> None:
    one, two, other = (tiny.classifier(kind) for _ in range(3))
    before, state = weights(one), torch.get_rng_state()
    for model, seed in ((one, 4), (two, 4), (other, 5)):
        adapt(model, Adaptation(reinitialize=1), seed=seed)
    assert torch.equal(torch.get_rng_state(), state)
    last = {id(p) for p in layers(one)[-1].parameters()}
    changed = set()
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, two.get_parameter(name)), name
        if not torch.equal(parameter, before[name]):
            changed.add(name)
            assert id(parameter) in last or "pooler" in name, name
            assert not torch.equal(parameter, other.get_parameter(name)), name
    assert changed


@pytest.mark.parametrize("kind", KINDS)
def test_each_layer_learns_at_a_share_of_the_one_above(kind: str) -> None:
    model = tiny.classifier(kind)
    found = rates(model, 0.5)
    assert set(found) == {name for name, _ in model.named_parameters()}
    for number, share in ((0, 0.25), (1, 0.5)):
        ids = {id(p) for p in layers(model)[number].parameters()}
        shares = {found[n] for n, p in model.named_parameters() if id(p) in ids}
        assert shares == {share}
    table = next(n for n, p in model.named_parameters() if p.shape[0] == len(tiny.VOCABULARY))
    assert found[table] == 0.125
    head = [n for n in found if n.startswith(("classifier", "classification_head", "score"))]
    assert head
    assert {found[name] for name in head} == {1.0}


def test_the_optimizer_takes_the_rates_and_spares_what_does_not_decay(tmp_path: Path) -> None:
    settings = tiny.settings(tmp_path, learning_rate=0.01, weight_decay=0.1)
    model = tiny.classifier()
    trainer = RobustTrainer(
        model,
        training_arguments(settings, seed=0, folder=tmp_path),
        objective=Plain(),
        data=[],  # type: ignore[arg-type]
        collator=Collator.of(tiny.tokenizer()),
        layer_decay=0.5,
    )
    found = {
        id(p): (group["lr"], group["weight_decay"])
        for group in trainer.create_optimizer().param_groups
        for p in group["params"]
    }
    assert len(found) == len(list(model.parameters()))
    shares = rates(model, 0.5)
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "LayerNorm" in name
        assert found[id(parameter)] == (0.01 * shares[name], 0.0 if spared else 0.1), name


@pytest.mark.parametrize("objective", ["plain", "pgd"])
def test_what_is_frozen_stays_and_the_rest_learns(objective: str, tmp_path: Path) -> None:
    before = weights(tiny.classifier())
    changes = {"adaptation": {"freeze": 1}, "epochs": 1, "objective": {"name": objective}}
    _, model, _ = run(tmp_path, changes)
    still = ("bert.embeddings", "bert.encoder.layer.0")
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith(still), name


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("bert", {"freeze": 3}, "adaptation.freeze is 3, and BertForSequ.* has 2 layers"),
        ("bert", {"keep_layers": 3}, "adaptation.keep_layers is 3"),
        ("t5", {"reinitialize": 9}, "adaptation.reinitialize is 9, .* Allowed: up to 2"),
        ("albert", {"freeze": 1}, "has no list of its 2 layers"),
    ],
)
def test_layers_that_are_not_there_are_named(
    kind: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(HarnessError, match=message):
        adapt(tiny.classifier(kind), Adaptation(**settings), seed=0)

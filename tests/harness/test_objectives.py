"""What the objectives compute, against their equations."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness import objectives
from harness.embedding import EmbeddingTap
from harness.errors import HarnessError
from harness.objectives.base import StepContext
from harness.objectives.freelb import FreeLB
from harness.objectives.plain import Plain
from tests.harness import tiny

TEXTS = ["a good film", "the plot is bad it was a dull movie", "fine"]
LABELS = torch.tensor([1, 0, 1])


def context(model: Any, inputs: dict[str, torch.Tensor] | None = None) -> StepContext:
    model.train()
    return StepContext(
        model=model,
        inputs=tiny.inputs(TEXTS) if inputs is None else inputs,
        labels=LABELS,
        tap=EmbeddingTap(model),
        propagate=lambda loss: loss.backward(),
    )


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def assert_same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor], atol: float) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.allclose(value, right[name], atol=atol, rtol=1e-5), name


def test_freelb_of_one_step_without_noise_is_plain_training() -> None:
    plain, freelb = context(tiny.classifier()), context(tiny.classifier())
    torch.manual_seed(5)
    # Noise is drawn (and multiplied by 0) before the dropout masks: it is drawn here as well.
    torch.empty(plain.delta_shape).uniform_()
    plain.backward(Plain().loss(plain))
    torch.manual_seed(5)
    FreeLB(steps=1, init_magnitude=0.0).step(freelb)
    expected = gradients(plain.model)
    for name, value in gradients(freelb.model).items():
        assert torch.equal(value, expected[name]), name


def test_all_inner_steps_draw_one_dropout_mask() -> None:
    model = tiny.classifier(dropout=0.4)
    ctx = context(model)
    with ctx.repeat(last=False):
        first = ctx.logits()
    between = ctx.logits()
    with ctx.repeat(last=True):
        again = ctx.logits()
    assert torch.equal(first, again)
    assert not torch.equal(first, between)


def test_catalogue() -> None:
    assert {"plain", "freelb"} <= set(objectives.names())
    made = objectives.load("freelb", {"steps": 3, "adv_lr": 1})
    assert made == FreeLB(steps=3, adv_lr=1.0)
    assert objectives.describe("freelb").startswith("FreeLB (Zhu et al.")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("freelbb", {}, "objective called 'freelbb'. Did you mean 'freelb'"),
        ("freelb", {"step": 3}, "called 'step'. Did you mean 'steps'"),
        ("plain", {"steps": 3}, "It takes none"),
        ("freelb", {"steps": 2.5}, "of type int"),
        ("freelb", {"steps": True}, "of type int"),
        ("freelb", {"steps": 0}, "1 or more"),
        ("freelb", {"adv_lr": float("nan")}, "from 0"),
        ("r3f", {"noise": "laplace"}, "noise is one of uniform, normal; given: laplace"),
        ("mixada", {"depths": "7/12 deep"}, 'one or more numbers from 0 to 1, like "7/12 1"'),
        ("mixada", {"depths": "3/2"}, "from 0 to 1"),
        ("mixada", {"depths": ""}, "one or more"),
        ("infobert", {"low": 0.9}, "low must be below high"),
        ("dne", {"decay": 0.0}, "must be above 0; given: 1.0, 0.0"),
        ("awp", {"warmup": 1}, "warmup must be below 1; given: 1.0"),
        ("ascc", {"neighbours": 0}, "neighbours must be 1 or more"),
    ],
)
def test_what_is_refused(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        objectives.load(name, parameters)

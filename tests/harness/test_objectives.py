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


@pytest.mark.parametrize("max_norm", [0.0, 0.15])
def test_freelb_follows_its_equation_in_float64(max_norm: float) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        model = tiny.classifier(dropout=0.0).double()
        objective = FreeLB(steps=4, adv_lr=0.1, init_magnitude=0.6, max_norm=max_norm)
        torch.manual_seed(1)
        loss = objective.step(context(model))
        found = gradients(model)
        reference = tiny.classifier(dropout=0.0).double()
        torch.manual_seed(1)
        expected = freelb_reference(reference, 4, 0.1, 0.6, max_norm)
        assert abs(float(loss) - expected) < 1e-10
        assert_same(found, gradients(reference), 1e-10)
    finally:
        torch.set_default_dtype(torch.float32)


def freelb_reference(model: Any, steps: int, rate: float, magnitude: float, radius: float) -> float:
    """Algorithm 1 of the paper for one batch, one example and one token at a time where it can be.

    It goes through `inputs_embeds`, which is right for an encoder with padding on the right.
    """
    batch = tiny.inputs(TEXTS)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    model.train()
    table = model.get_input_embeddings()
    delta = torch.empty(*ids.shape, table.embedding_dim).uniform_(-1, 1)
    for row in range(len(ids)):
        length = int(mask[row].sum())
        delta[row, length:] = 0.0
        delta[row] *= magnitude / (length * table.embedding_dim) ** 0.5
    total = 0.0
    for _ in range(steps):
        delta.requires_grad_()
        logits = model(
            inputs_embeds=table(ids) + delta,
            attention_mask=mask,
            token_type_ids=batch["token_type_ids"],
        ).logits
        loss = -torch.log_softmax(logits, -1)[range(len(ids)), LABELS].sum() / len(ids)
        (loss / steps).backward()
        total += loss.item() / steps
        moved = []
        for row in range(len(ids)):
            gradient = delta.grad[row] * mask[row, :, None]  # type: ignore[index]
            new = delta[row].detach() + rate * gradient / gradient.pow(2).sum().sqrt()
            norm = float(new.pow(2).sum().sqrt())
            moved.append(new * (radius / norm) if radius and norm > radius else new)
        delta = torch.stack(moved)
    return total


def test_freelb_stays_in_its_ball_and_off_the_padding() -> None:
    model = tiny.classifier()
    ctx = context(model)
    objective = FreeLB(adv_lr=3.0, init_magnitude=0.6, max_norm=0.5)
    delta = objective.start(ctx)
    for _ in range(3):
        delta.requires_grad_()
        (gradient,) = torch.autograd.grad(ctx.loss(ctx.logits(delta)), delta)
        delta = objective.ascend(delta.detach(), gradient)
        assert (delta.flatten(1).norm(dim=1) <= 0.5 + 1e-6).all()
    assert (delta * (1 - ctx.mask).unsqueeze(-1)).abs().sum() == 0


def test_an_inner_step_raises_the_loss() -> None:
    raised = 0
    for seed in range(20):
        model = tiny.classifier(seed=seed, dropout=0.0)
        ctx = context(model)
        objective = FreeLB(adv_lr=0.05)
        torch.manual_seed(seed)
        delta = objective.start(ctx).requires_grad_()
        before = ctx.loss(ctx.logits(delta))
        (gradient,) = torch.autograd.grad(before, delta)
        after = ctx.loss(ctx.logits(objective.ascend(delta.detach(), gradient)))
        raised += after.item() > before.item()
    assert raised >= 19


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


def test_padding_changes_no_gradient() -> None:
    wide = {
        name: torch.nn.functional.pad(value, (0, 7)) for name, value in tiny.inputs(TEXTS).items()
    }
    found = []
    for inputs in (tiny.inputs(TEXTS), wide):
        model = tiny.classifier(dropout=0.0)
        FreeLB(steps=3, init_magnitude=0.0).step(context(model, inputs))
        found.append(gradients(model))
    assert_same(*found, 1e-5)


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
    ],
)
def test_what_is_refused(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        objectives.load(name, parameters)

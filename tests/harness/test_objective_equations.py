"""Every objective against its equation, in float64, and what all of them owe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from harness import objectives
from harness.embedding import EmbeddingTap
from harness.objectives import divergences, perturbations
from harness.objectives.base import StepContext, StepObjective
from tests.harness import equations, tiny
from tests.harness.equations import LABELS, TEXTS, Batch

CASES: list[tuple[str, Callable[..., Tensor], dict[str, Any]]] = [
    ("neftune", equations.neftune, {"alpha": 5.0}),
    ("r-drop", equations.r_drop, {"alpha": 0.7}),
    ("fgm", equations.fgm, {"epsilon": 0.8, "weight": 0.6}),
    (
        "pgd",
        equations.pgd,
        {
            "steps": 3,
            "adv_lr": 0.2,
            "max_norm": 0.5,
            "init_magnitude": 0.0,
            "clean_weight": 0.7,
        },
    ),
    (
        "pgd",
        equations.pgd,
        {"steps": 2, "adv_lr": 0.1, "max_norm": 0.0, "init_magnitude": 0.4, "clean_weight": 0.0},
    ),
    (
        "freelb",
        equations.freelb,
        {"steps": 4, "adv_lr": 0.1, "init_magnitude": 0.6, "max_norm": 0.0},
    ),
    (
        "freelb",
        equations.freelb,
        {"steps": 4, "adv_lr": 0.1, "init_magnitude": 0.6, "max_norm": 0.15},
    ),
    ("freelb++", equations.freelb, {"steps": 5, "adv_lr": 0.03, "init_magnitude": 0.05}),
    ("r3f", equations.r3f, {"epsilon": 0.3, "weight": 0.5, "noise": "uniform"}),
    ("r3f", equations.r3f, {"epsilon": 0.3, "weight": 0.5, "noise": "normal"}),
    ("vat", equations.vat, {"epsilon": 0.9, "weight": 1.5, "xi": 0.1, "iterations": 2}),
    (
        "trades",
        equations.trades,
        {"beta": 2.0, "steps": 3, "adv_lr": 0.2, "max_norm": 0.5, "init_scale": 1e-3},
    ),
    (
        "mart",
        equations.mart,
        {"weight": 5.0, "steps": 2, "adv_lr": 0.2, "max_norm": 0.5, "init_magnitude": 0.0},
    ),
]
NAMES = sorted(set(objectives.BUILTIN))


@pytest.fixture
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def context(model: Any, inputs: dict[str, Tensor] | None = None) -> StepContext:
    model.train()
    return StepContext(
        model=model,
        inputs=tiny.inputs(TEXTS) if inputs is None else inputs,
        labels=LABELS,
        tap=EmbeddingTap(model),
        propagate=lambda loss: loss.backward(),
    )


def trained(objective: Any, ctx: StepContext) -> tuple[float, dict[str, Tensor]]:
    """The loss of one batch and the gradients that it leaves in the weights."""
    if isinstance(objective, StepObjective):
        loss = objective.step(ctx)
    else:
        loss = objective.loss(ctx)
        ctx.backward(loss)
    model: Any = ctx.model
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return float(loss.detach()), found


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor], atol: float) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.allclose(value, right[name], atol=atol, rtol=1e-5), name


def test_every_objective_has_an_equation() -> None:
    assert {name for name, _, _ in CASES} | {"plain"} == set(NAMES)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize(("name", "equation", "parameters"), CASES)
def test_an_objective_follows_its_equation(
    name: str, equation: Callable[..., Tensor], parameters: dict[str, Any]
) -> None:
    ctx = context(tiny.classifier(dropout=0.0).double())
    torch.manual_seed(1)
    loss, found = trained(objectives.load(name, parameters), ctx)
    reference = tiny.classifier(dropout=0.0).double()
    torch.manual_seed(1)
    expected = equation(Batch(reference), **parameters)
    expected.backward()
    assert abs(loss - expected.item()) < 1e-9
    gradients = {n: p.grad for n, p in reference.named_parameters() if p.grad is not None}
    assert_same(found, gradients, 1e-9)
    assert max(float(value.abs().max()) for value in found.values()) > 1e-3


@pytest.mark.usefixtures("fixed_noise")
@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_no_gradient(name: str) -> None:
    narrow = tiny.inputs(TEXTS)
    wide = {key: torch.nn.functional.pad(value, (0, 7)) for key, value in narrow.items()}
    (loss, found), (padded_loss, padded) = (
        trained(objectives.load(name), context(tiny.classifier(dropout=0.0), inputs))
        for inputs in (narrow, wide)
    )
    assert loss == pytest.approx(padded_loss, rel=1e-5)
    assert_same(found, padded, 2e-5)


@pytest.mark.parametrize("name", ["fgm", "pgd", "freelb", "freelb++", "vat", "trades", "mart"])
def test_the_dropout_mask_is_drawn_once_a_batch(name: str) -> None:
    """Two passes of the same network agree where their perturbations do."""
    ctx = context(tiny.classifier(dropout=0.4))
    seen: list[Tensor] = []
    whole = ctx.logits

    def logits(delta: Tensor | None = None) -> Tensor:
        seen.append(whole(None))
        return whole(delta) if delta is None else seen[-1] + 0.0 * delta.sum()

    object.__setattr__(ctx, "logits", logits)
    objective = objectives.load(name)
    if isinstance(objective, StepObjective):
        objective.step(ctx)
    else:
        objective.loss(ctx)
    assert len(seen) > 1
    assert all(torch.equal(seen[0], other) for other in seen[1:])


@pytest.mark.parametrize(("name", "weight"), [("r-drop", "alpha"), ("r3f", "weight")])
def test_masks_differ_where_the_method_lives_by_it(name: str, weight: str) -> None:
    ctx = context(tiny.classifier(dropout=0.4))
    torch.manual_seed(0)
    without, _ = trained(objectives.load(name, {weight: 0}), ctx)
    torch.manual_seed(0)
    assert trained(objectives.load(name), ctx)[0] > without + 1e-3


@pytest.mark.parametrize("seed", range(10))
def test_climbing_raises_the_loss(seed: int) -> None:
    ctx = context(tiny.classifier(seed=seed, dropout=0.0))
    losses, delta = [ctx.loss(ctx.logits()).item()], perturbations.zero(ctx)
    for _ in range(3):
        delta = perturbations.climb(ctx, delta, steps=1, rate=0.05, max_norm=0.12)
        losses.append(ctx.loss(ctx.logits(delta)).item())
        assert (delta.flatten(1).norm(dim=1) <= 0.12 + 1e-6).all()
    assert losses == sorted(losses)
    assert losses[0] < losses[1] < losses[2]
    assert (delta * (1 - ctx.mask).unsqueeze(-1)).abs().sum() == 0


ADVERSARIAL = ["fgm", "pgd", "freelb", "freelb++", "vat", "trades", "mart"]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_perturbation_that_trains_is_worse_than_a_random_one(name: str) -> None:
    """Of the loss or, where the objective climbs that, of the divergence from the clean answer."""
    raised = 0
    for seed in range(10):
        ctx = context(tiny.classifier(seed=seed, dropout=0.0))
        shown: list[Tensor] = []
        whole = ctx.logits

        def logits(
            delta: Tensor | None = None, shown: list[Tensor] = shown, whole: Any = whole
        ) -> Tensor:
            if delta is not None:
                shown.append(delta.detach())
            found: Tensor = whole(delta)
            return found

        object.__setattr__(ctx, "logits", logits)
        trained(objectives.load(name), ctx)
        clean, worst = whole(None).detach(), shown[-1]
        random = torch.randn_like(worst) * ctx.mask.unsqueeze(-1)
        random *= (worst.flatten(1).norm(dim=1) / random.flatten(1).norm(dim=1)).view(-1, 1, 1)

        def harm(delta: Tensor, ctx: StepContext = ctx, clean: Tensor = clean) -> float:
            there = ctx.logits(delta).detach()
            climbs_kl = name in ("vat", "trades")
            return float(divergences.kl(clean, there) if climbs_kl else ctx.loss(there))

        raised += harm(worst) > harm(random)
    assert raised >= 9

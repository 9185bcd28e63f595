"""Every objective against its equation, in float64, and what all of them owe."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from harness import objectives
from harness.embedding import EmbeddingTap
from harness.errors import HarnessError
from harness.objectives import divergences, perturbations
from harness.objectives.base import Course, Objective, Remembering, StepContext, train_on
from harness.objectives.combining import combine
from harness.objectives.hulls import Hull, hull
from harness.training_plan import Objective as Chosen
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
    (
        "smart",
        equations.smart,
        {
            "weight": 3.0,
            "proximal": 1.5,
            "steps": 2,
            "adv_lr": 0.1,
            "epsilon": 0.05,
            "sigma": 0.01,
        },
    ),
    (
        "tavat",
        equations.tavat,
        {"steps": 3, "adv_lr": 0.1, "init_magnitude": 0.3, "max_norm": 0.0},
    ),
    (
        "tavat",
        equations.tavat,
        {"steps": 3, "adv_lr": 0.1, "init_magnitude": 0.3, "max_norm": 0.3},
    ),
    ("mixada", equations.mixada, {"alpha": 2.0, "depths": "1/2", "weight": 0.8}),
    ("mixada", equations.mixada, {"alpha": 2.0, "depths": "0.51", "weight": 0.8}),
    ("mixada", equations.mixada, {"alpha": 0.5, "depths": "0", "weight": 1.0}),
    (
        "infobert",
        equations.infobert,
        {
            "steps": 3,
            "adv_lr": 0.04,
            "init_magnitude": 0.3,
            "max_norm": 0.2,
            "alpha": 0.3,
            "beta": 0.05,
            "low": 0.3,
            "high": 0.9,
            "temperature": 0.2,
        },
    ),
    (
        "ascc",
        equations.ascc,
        {"beta": 4.0, "alpha": 0.01, "steps": 3, "adv_lr": 0.5, "neighbours": 4},
    ),
    (
        "dne",
        equations.dne,
        {"alpha": 1.0, "decay": 0.5, "adv_lr": 2.0, "iterations": 3, "neighbours": 6},
    ),
    ("distillation", equations.distillation, {"alpha": 0.7, "temperature": 3.0, "hidden": 0.0}),
    (
        "distillation",
        equations.distillation,
        {
            "alpha": 0.6,
            "temperature": 2.0,
            "hidden": 0.5,
            "steps": 3,
            "adv_lr": 0.2,
            "max_norm": 0.5,
            "init_magnitude": 0.3,
        },
    ),
    ("awp", partial(equations.awp, inner=lambda batch: batch.loss(batch.logits())), {"gamma": 0.1}),
]
NAMES = sorted(set(objectives.BUILTIN))
ADVERSARIAL = ["fgm", "pgd", "freelb", "freelb++", "tavat", "vat", "trades", "mart"]
"""Those that climb freely in the space of embeddings, the same dropout mask in every pass."""

ON_LABELS = [
    "plain",
    "neftune",
    "fgm",
    "pgd",
    "freelb",
    "freelb++",
    "tavat",
    "mixada",
    "dne",
    "awp",
]
"""Those whose losses all come from the labels."""


@pytest.fixture
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def chosen(name: str, parameters: dict[str, Any] | None = None, weight: float = 1.0) -> Chosen:
    return Chosen(name=name, parameters=parameters or {}, weight=weight)


def objective(name: str, parameters: dict[str, Any] | None = None) -> Objective:
    return combine([chosen(name, parameters)])


def context(model: Any, inputs: dict[str, Tensor] | None = None) -> StepContext:
    model.train()
    return StepContext(
        model=model,
        inputs=tiny.inputs(TEXTS) if inputs is None else inputs,
        labels=LABELS,
        tap=EmbeddingTap(model),
        propagate=lambda loss: loss.backward(),
        course=Course(model, tiny.tokenizer(), tiny.teacher().to(next(model.parameters()).dtype)),
    )


def trained(made: Objective, ctx: StepContext) -> tuple[float, dict[str, Tensor]]:
    """The loss of a batch and the gradients that it leaves in weights that had moved once before."""
    for _ in range(2):
        if isinstance(made, Remembering):
            made.before_step(ctx.course)
        if not ctx.course.progress:
            equations.jitter(ctx.model)
            ctx.course.progress = 0.01
    loss = train_on(made, ctx)
    weights = ctx.course.weights.items()
    return float(loss), {n: p.grad.clone() for n, p in weights if p.grad is not None}


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor], atol: float) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.allclose(value, right[name], atol=atol, rtol=1e-5), name


def test_every_objective_has_an_equation() -> None:
    assert {name for name, _, _ in CASES} | {"plain"} == set(NAMES)


def reference() -> tuple[Any, Any]:
    """The model of `trained`, and the average that SMART keeps of its weights."""
    model = tiny.classifier(dropout=0.0).double()
    slow = copy.deepcopy(model)
    equations.jitter(model)
    with torch.no_grad():
        for average, weight in zip(slow.parameters(), model.parameters(), strict=True):
            average.copy_(0.99 * average + 0.01 * weight)
    return model, slow


def gradients(batch: Batch) -> dict[str, Tensor]:
    return {n: p.grad for n, p in batch.model.named_parameters() if p.grad is not None}


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize(("name", "equation", "parameters"), CASES)
def test_an_objective_follows_its_equation(
    name: str, equation: Callable[..., Tensor], parameters: dict[str, Any]
) -> None:
    ctx = context(tiny.classifier(dropout=0.0).double())
    torch.manual_seed(1)
    loss, found = trained(objective(name, parameters), ctx)
    batch = Batch(*reference())
    torch.manual_seed(1)
    expected = equation(batch, **parameters)
    if expected.requires_grad:
        expected.backward()
    assert abs(loss - expected.item()) < 1e-9
    assert_same(found, gradients(batch), 1e-9)
    assert max(float(value.abs().max()) for value in found.values()) > 1e-3


@pytest.mark.usefixtures("fixed_noise")
@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_no_gradient(name: str) -> None:
    narrow = tiny.inputs(TEXTS)
    wide = {key: torch.nn.functional.pad(value, (0, 7)) for key, value in narrow.items()}
    (loss, found), (padded_loss, padded) = (
        trained(objective(name), context(tiny.classifier(dropout=0.0), inputs))
        for inputs in (narrow, wide)
    )
    assert loss == pytest.approx(padded_loss, rel=1e-5)
    assert_same(found, padded, 2e-5)


@pytest.mark.parametrize("name", [*ADVERSARIAL, "dne", "ascc"])
def test_the_dropout_mask_is_drawn_once_a_batch(name: str) -> None:
    """Two passes of the same network agree where their perturbations do."""
    ctx = context(tiny.classifier(dropout=0.4))
    seen: list[Tensor] = []
    whole = ctx.logits

    def logits(delta: Tensor | None = None) -> Tensor:
        seen.append(whole(None))
        return whole(delta) if delta is None else seen[-1] + 0.0 * delta.sum()

    object.__setattr__(ctx, "logits", logits)
    made = objective(name)
    if isinstance(made, Remembering):
        made.before_step(ctx.course)
    train_on(made, ctx)
    assert len(seen) > 1
    assert all(torch.equal(seen[0], other) for other in seen[1:])


@pytest.mark.parametrize(("name", "weight"), [("r-drop", "alpha"), ("r3f", "weight")])
def test_masks_differ_where_the_method_lives_by_it(name: str, weight: str) -> None:
    ctx = context(tiny.classifier(dropout=0.4))
    torch.manual_seed(0)
    without, _ = trained(objective(name, {weight: 0}), ctx)
    torch.manual_seed(0)
    assert trained(objective(name), ctx)[0] > without + 1e-3


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
        trained(objective(name), ctx)
        clean, worst = whole(None).detach(), shown[-1]
        random = torch.randn_like(worst) * ctx.mask.unsqueeze(-1)
        random *= (worst.flatten(1).norm(dim=1) / random.flatten(1).norm(dim=1)).view(-1, 1, 1)

        def harm(delta: Tensor, ctx: StepContext = ctx, clean: Tensor = clean) -> float:
            there = ctx.logits(delta).detach()
            climbs_kl = name in ("vat", "trades")
            return float(divergences.kl(clean, there) if climbs_kl else ctx.loss(there))

        raised += harm(worst) > harm(random)
    assert raised >= 9


@pytest.mark.usefixtures("doubles")
def test_objectives_are_added_by_their_weights() -> None:
    """With the extra weight the loop that trains twice keeps what each of them says."""
    ctx = context(tiny.classifier(dropout=0.0).double())
    both = combine([chosen("fgm", weight=0.5), chosen("r-drop", {"alpha": 0.7}, weight=2.0)])
    loss, found = trained(both, ctx)
    batch = Batch(*reference())
    expected = 0.5 * equations.fgm(batch, 0.1, 1.0) + 2.0 * equations.r_drop(batch, 0.7)
    expected.backward()
    assert abs(loss - expected.item()) < 1e-9
    assert_same(found, gradients(batch), 1e-9)


def test_losses_that_are_added_take_one_backward_pass() -> None:
    from harness.objectives.base import LossObjective

    both = combine([chosen("trades"), chosen("neftune", weight=0.5)])
    assert isinstance(both, LossObjective)


@pytest.mark.usefixtures("doubles")
def test_awp_goes_around_the_others() -> None:
    ctx = context(tiny.classifier(dropout=0.0).double())
    before = {name: weight.clone() for name, weight in ctx.course.weights.items()}
    made = combine([chosen("fgm"), chosen("awp", {"gamma": 0.05})])
    made.before_step(ctx.course)  # type: ignore[union-attr]
    loss = train_on(made, ctx)
    batch = Batch(tiny.classifier(dropout=0.0).double())
    expected = equations.awp(batch, 0.05, lambda batch: equations.fgm(batch, 0.1, 1.0))
    assert abs(float(loss) - float(expected)) < 1e-9
    found = {n: p.grad.clone() for n, p in ctx.course.weights.items() if p.grad is not None}
    assert_same(found, gradients(batch), 1e-9)
    assert all(torch.equal(before[n], weight) for n, weight in ctx.course.weights.items())


def test_awp_keeps_the_gradients_of_earlier_micro_batches() -> None:
    ctx = context(tiny.classifier(dropout=0.0))
    made = objective("awp")
    _, once = trained(made, ctx)
    train_on(made, ctx)
    for name, weight in ctx.course.weights.items():
        if name in once:
            assert weight.grad is not None
            assert torch.allclose(weight.grad, 2 * once[name], atol=1e-5), name


def test_awp_raises_the_loss_at_the_weights_it_trains_at() -> None:
    raised = 0
    for seed in range(10):
        ctx = context(tiny.classifier(seed=seed, dropout=0.0))
        plain = float(ctx.loss(ctx.logits()).detach())
        raised += float(train_on(objective("awp", {"gamma": 0.01}), ctx)) > plain
    assert raised == 10


def test_awp_waits_for_its_warmup() -> None:
    ctx = context(tiny.classifier(dropout=0.0))
    ctx.course.progress = 0.19
    plain = float(ctx.loss(ctx.logits()).detach())
    assert float(train_on(objective("awp", {"warmup": 0.2}), ctx)) == plain
    ctx.course.progress = 0.2
    assert float(train_on(objective("awp", {"warmup": 0.2}), ctx)) > plain


def test_awp_shows_both_passes_one_dropout_mask_and_one_noise() -> None:
    """Where the weights do not move, the second pass says what the first did."""
    ctx = context(tiny.classifier(dropout=0.4))
    seen: list[float] = []
    made = combine([chosen("awp", {"gamma": 0.0}), chosen("neftune")])
    ctx.propagate = lambda loss: (seen.append(float(loss.detach())), loss.backward())[1]
    train_on(made, ctx)
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_awp_around_an_objective_that_remembers_tells_it_once() -> None:
    ctx = context(tiny.classifier(dropout=0.0))
    made = combine([chosen("awp"), chosen("tavat")])
    made.before_step(ctx.course)  # type: ignore[union-attr]
    train_on(made, ctx)
    assert len(ctx.course.memory["tavat.ids"]) == int(ctx.mask.sum())


def test_tavat_leaves_the_mean_of_a_token_in_its_table() -> None:
    ctx = context(tiny.classifier(dropout=0.0))
    made = objectives.load("tavat")
    made.before_step(ctx.course)  # type: ignore[union-attr]
    start = ctx.course.memory["tavat.table"].clone()
    for _ in range(2):  # two micro-batches of one step
        train_on(made, ctx)  # type: ignore[arg-type]
    ids, eta = ctx.course.memory["tavat.ids"], ctx.course.memory["tavat.eta"]
    assert torch.equal(ctx.course.memory["tavat.table"], start)
    made.before_step(ctx.course)  # type: ignore[union-attr]
    table = ctx.course.memory["tavat.table"]
    for token in range(len(table)):
        found = eta[ids == token]
        expected = found.mean(0) if len(found) else start[token]
        assert torch.allclose(table[token], expected, atol=1e-6)
    assert "tavat.ids" not in ctx.course.memory


def test_the_average_of_smart_follows_more_slowly_after_the_first_tenth() -> None:
    ctx = context(tiny.classifier(dropout=0.0))
    made = objectives.load("smart")
    made.before_step(ctx.course)  # type: ignore[union-attr]
    name, weight = next(iter(ctx.course.weights.items()))
    slow = ctx.course.memory["smart." + name]
    for progress, share in [(0.05, 0.01), (0.1, 0.001)]:
        before = slow.clone()
        with torch.no_grad():
            weight += 1.0
        ctx.course.progress = progress
        made.before_step(ctx.course)  # type: ignore[union-attr]
        assert torch.allclose(slow, before + share * (weight - before), atol=1e-6)


def test_smart_copies_the_weights_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = context(tiny.classifier(dropout=0.0))
    made = objectives.load("smart")
    copied: list[Tensor] = []
    clone = Tensor.clone
    monkeypatch.setattr(Tensor, "clone", lambda self: copied.append(self) or clone(self))
    made.before_step(ctx.course)  # type: ignore[union-attr]
    assert len(copied) == len(ctx.course.weights)
    made.before_step(ctx.course)  # type: ignore[union-attr]
    assert len(copied) == len(ctx.course.weights)


# DNE's own rate jumps from corner to corner, and now and then past the worst.
@pytest.mark.parametrize(("name", "parameters"), [("ascc", {}), ("dne", {"adv_lr": 1.0})])
def test_mixtures_are_worse_than_the_first_and_stay_in_the_hull(
    name: str, parameters: dict[str, Any]
) -> None:
    raised = 0
    for seed in range(10):
        ctx = context(tiny.classifier(seed=seed, dropout=0.0))
        shown: list[Tensor] = []
        whole = Hull.delta

        def delta(
            hull: Hull, mixture: Tensor, shown: list[Tensor] = shown, whole: Any = whole
        ) -> Tensor:
            shown.append(mixture.detach())
            found: Tensor = whole(hull, mixture)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Hull, "delta", delta)
            train_on(objective(name, parameters), ctx)
        corners = hull(ctx, 50, hops=2) if name == "dne" else hull(ctx, 8)
        clean, worst = ctx.logits().detach(), shown[-1]
        assert torch.allclose(worst.sum(-1), torch.ones(worst.shape[:2]), atol=1e-5)
        assert (worst >= 0).all()
        assert not worst[~corners.real].any()

        def harm(
            mixture: Tensor,
            ctx: StepContext = ctx,
            corners: Hull = corners,
            clean: Tensor = clean,
        ) -> float:
            there = ctx.logits(corners.delta(mixture)).detach()
            return float(divergences.kl(clean, there) if name == "ascc" else ctx.loss(there))

        raised += harm(worst) > harm(shown[0])
    assert raised >= 9


def test_a_weight_on_a_wrapper_is_refused() -> None:
    with pytest.raises(
        HarnessError, match="'awp' changes how the others train and takes no weight"
    ):
        combine([chosen("awp", weight=2.0)])


@pytest.mark.usefixtures("doubles")
def test_a_row_counts_as_its_class_does() -> None:
    ctx = context(tiny.classifier(dropout=0.0).double())
    weights = torch.tensor([0.3, 1.9])
    expected = torch.nn.functional.cross_entropy(
        ctx.logits(), LABELS, weight=weights, reduction="sum"
    )
    weighted = replace(ctx, class_weights=weights)
    assert torch.isclose(objective("plain").loss(weighted), expected / len(LABELS))  # type: ignore[union-attr]


@pytest.mark.usefixtures("doubles", "fixed_noise")
@pytest.mark.parametrize("name", NAMES)
def test_classes_that_count_twice_count_twice_in_every_objective(name: str) -> None:
    """What is a loss on labels alone doubles; a divergence from answers stays as it is."""

    def found(weight: float) -> tuple[float, dict[str, Tensor]]:
        ctx = context(tiny.classifier(dropout=0.0).double())
        torch.manual_seed(3)
        weighted = replace(ctx, class_weights=torch.full((2,), weight))
        return trained(objective(name), weighted)

    (once, gradient), (twice, doubled) = found(1.0), found(2.0)
    if name in ON_LABELS:
        assert twice == pytest.approx(2 * once, rel=1e-9)
        assert_same({n: 2 * value for n, value in gradient.items()}, doubled, 1e-9)
    else:
        assert once < twice <= 2 * once * (1 + 1e-9)

"""The perturbation reaches the embedding of every family, once, at real tokens only."""

from __future__ import annotations

import pytest
import torch

from harness.embedding import EmbeddingTap, unit
from harness.errors import HarnessError
from harness.objectives.base import StepContext
from tests.harness import tiny

ALL = [*tiny.HEADS, *tiny.ENCODER_DECODERS]
TEXTS = ["a good film", "the plot is bad and it was a dull movie"]


def context(kind: str, model: object, tap: EmbeddingTap) -> StepContext:
    return StepContext(
        model=model,  # type: ignore[arg-type]
        inputs=tiny.inputs(TEXTS, kind),
        labels=torch.tensor([1, 0]),
        tap=tap,
        propagate=lambda loss: loss.backward(),
    )


def _only_where_supported(kind: str) -> None:
    if tiny.embeds_twice(kind):
        model = tiny.classifier(kind).eval()
        ctx = context(kind, model, EmbeddingTap(model))
        with pytest.raises(HarnessError, match="2 times"):
            ctx.logits(torch.zeros(ctx.delta_shape))
        pytest.skip("refused with a clear message, as it must be")


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ALL)
def test_the_hook_fires_once_and_zero_changes_no_bit(kind: str) -> None:
    _only_where_supported(kind)
    model = tiny.classifier(kind).eval()
    before = model(**tiny.inputs(TEXTS, kind)).logits
    tap = EmbeddingTap(model)
    ctx = context(kind, model, tap)
    assert torch.equal(ctx.logits(), before)
    assert torch.equal(ctx.logits(torch.zeros(ctx.delta_shape)), before)
    assert tap.fired == 2


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ALL)
def test_a_random_perturbation_counts_at_real_tokens_only(kind: str) -> None:
    _only_where_supported(kind)
    model = tiny.classifier(kind).eval()
    ctx = context(kind, model, EmbeddingTap(model))
    before = ctx.logits()
    torch.manual_seed(0)
    noise = torch.randn(ctx.delta_shape)
    at_padding = noise * (1 - ctx.mask).unsqueeze(-1)
    assert at_padding.abs().sum() > 0
    assert torch.equal(ctx.logits(at_padding), before)
    delta = noise.requires_grad_()
    (gradient,) = torch.autograd.grad(ctx.loss(ctx.logits(delta)), delta)
    assert (ctx.logits(delta) - before).abs().max() > 1e-6
    assert gradient.abs().sum() > 0
    assert (gradient * (1 - ctx.mask).unsqueeze(-1)).abs().sum() == 0


def test_after_removal_the_model_is_as_before() -> None:
    model = tiny.classifier().eval()
    tap = EmbeddingTap(model)
    tap.remove()
    assert not model.get_input_embeddings()._forward_hooks
    with pytest.raises(HarnessError, match="0 times"), tap.adding(None):
        model(**tiny.inputs(TEXTS))


def test_a_model_that_passes_the_embedding_by_is_refused() -> None:
    model = tiny.classifier("t5").eval()
    tap = EmbeddingTap(model)
    with pytest.raises(HarnessError, match="0 times"), tap.adding(torch.zeros(1, 2, 3)):
        pass


def test_a_perturbation_of_another_shape_is_refused() -> None:
    model = tiny.classifier().eval()
    tap = EmbeddingTap(model)
    with pytest.raises(HarnessError, match="batch, tokens, width"), tap.adding(torch.zeros(1)):
        model(**tiny.inputs(TEXTS))


def test_unit_gradients() -> None:
    gradient = torch.randn(4, 3, 5)
    gradient[1] = 0.0
    gradient[2, 0, 0] = torch.inf
    gradient[3] *= 1e-9
    norms = unit(gradient).flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.tensor([1.0, 0.0, 0.0, 1.0]), atol=1e-5)

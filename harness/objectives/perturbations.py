"""Perturbations of word embeddings: where they start, how they climb, what they stay within.

All have shape (batch, tokens, width), are float32 and 0 at padding; lengths are in units of the raw word
embeddings and are measured for each example over all its tokens, unless it says otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.objectives.base import StepContext


def uniform(ctx: StepContext) -> Tensor:
    """Independent draws from U(-1, 1)."""
    return _masked(torch.empty(ctx.delta_shape, device=ctx.labels.device).uniform_(-1.0, 1.0), ctx)


def normal(ctx: StepContext) -> Tensor:
    """Independent draws from N(0, 1)."""
    return _masked(torch.empty(ctx.delta_shape, device=ctx.labels.device).normal_(), ctx)


def zero(ctx: StepContext) -> Tensor:
    """No perturbation: where a gradient at the text itself is wanted."""
    return torch.zeros(ctx.delta_shape, device=ctx.labels.device)


def spread(ctx: StepContext, magnitude: float) -> Tensor:
    """U(-1, 1) * magnitude / sqrt(tokens * width): FreeLB's start, about magnitude / sqrt(3) long."""
    noise = uniform(ctx)
    tokens = ctx.mask.sum(1).clamp_min(1.0).view(-1, 1, 1).to(noise.dtype)
    return noise * (torch.rsqrt(tokens * ctx.tap.dimension) * magnitude)


def ascend(
    ctx: StepContext, delta: Tensor, gradient: Tensor, rate: float, max_norm: float = 0.0
) -> Tensor:
    """`rate` further along the unit gradient, then back into the L2 ball of `max_norm` (0: none)."""
    return within(delta + rate * ctx.direction(gradient), max_norm)


def within(delta: Tensor, max_norm: float) -> Tensor:
    """The nearest point of the L2 ball of radius `max_norm`; 0: as it is."""
    if max_norm == 0:
        return delta
    norm = delta.flatten(1).norm(dim=1).clamp_min(torch.finfo(delta.dtype).tiny)
    shrink: Tensor = (max_norm / norm).clamp_max(1.0)
    return delta * shrink.view(-1, 1, 1)


def climb(ctx: StepContext, delta: Tensor, *, steps: int, rate: float, max_norm: float) -> Tensor:
    """Projected gradient ascent on the training loss (PGD: Madry et al., ICLR 2018), detached.

    Every pass draws the batch's one dropout mask; the weights' gradients stay as they are.
    """
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        with ctx.same_dropout():
            loss = ctx.loss(ctx.logits(delta))
        delta = ascend(ctx, delta.detach(), ctx.grad(loss, delta), rate, max_norm)
    return delta.detach()


def _masked(noise: Tensor, ctx: StepContext) -> Tensor:
    return noise * ctx.mask.unsqueeze(-1).to(noise.dtype)

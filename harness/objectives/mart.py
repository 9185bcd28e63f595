"""MART on word embeddings: smoothness weighted by how unsure the model is of the clean text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.divergences import each_kl
from harness.objectives.limits import check
from harness.objectives.perturbations import climb, spread


@dataclass(frozen=True)
class MART:
    """MART (Wang et al., ICLR 2020, equations 11 and 12), its ascent on word embeddings.

    BCE(f(x'), y) + weight * KL(f(x) || f(x')) * (1 - p_y(x)), with
    BCE = -log p_y(x') - log(1 - max over other classes of p_k(x')) and x' found by PGD on the
    cross-entropy. Soft labels, where there are any, take the place of y in -log p_y(x') and in the
    ascent. All passes share one dropout mask; the paper's networks have none.

    Attributes:
        weight: lambda (5 in the paper).
        steps, adv_lr, max_norm, init_magnitude: of the ascent, as in `pgd`.
    """

    weight: float = 5.0
    steps: int = 3
    adv_lr: float = 0.05
    max_norm: float = 0.1
    init_magnitude: float = 0.0

    def __post_init__(self) -> None:
        numbers = "weight adv_lr max_norm init_magnitude"
        check(self, name="mart", counts="steps", numbers=numbers)

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        delta = climb(
            ctx,
            spread(ctx, self.init_magnitude),
            steps=self.steps,
            rate=self.adv_lr,
            max_norm=self.max_norm,
        )
        with ctx.same_dropout():
            clean = ctx.logits()
        with ctx.same_dropout():
            moved = ctx.logits(delta)
        own = torch.nn.functional.one_hot(ctx.labels, moved.shape[-1]).bool()
        others = _probabilities(moved).masked_fill(own, 0.0).amax(-1)
        # Below the spacing of numbers near 1, so that the logarithm stays finite.
        margin = -torch.log1p(-others.clamp_max(1 - torch.finfo(others.dtype).eps))
        unsure = 1 - _probabilities(clean).gather(-1, ctx.labels.unsqueeze(-1)).squeeze(-1)
        smoothness = (each_kl(clean, moved) * unsure).mean()
        return ctx.loss(moved) + ctx.mean(margin) + self.weight * smoothness


def _probabilities(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(-1)

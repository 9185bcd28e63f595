"""TRADES on word embeddings: accuracy and smoothness, with a weight between them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.divergences import kl
from harness.objectives.limits import check
from harness.objectives.perturbations import ascend, normal


@dataclass(frozen=True)
class TRADES:
    """TRADES (Zhang et al., ICML 2019, equation 5): CE(f(x)) + beta * max KL(f(x) || f(x + delta)).

    The inner maximisation climbs the divergence itself, from `init_scale` * N(0, 1), by `steps` steps
    of `adv_lr` in the L2 ball of `max_norm` (those of `pgd` here; the paper's are for pixels). As in the
    authors' code (yaodongyu/TRADES) the outer loss has gradients through both distributions. All passes
    share one dropout mask; the paper's networks have none.

    Attributes:
        beta: 1 / lambda (1 and 6 in the paper's tables).
        steps, adv_lr, max_norm: of the ascent; a max_norm of 0 is no ball.
        init_scale: deviation of the start (0.001 in the authors' code: at zero the gradient vanishes).
    """

    beta: float = 1.0
    steps: int = 3
    adv_lr: float = 0.3
    max_norm: float = 1.0
    init_scale: float = 1e-3

    def __post_init__(self) -> None:
        check(self, name="trades", counts="steps", numbers="beta adv_lr max_norm init_scale")

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        with ctx.same_dropout():
            clean = ctx.logits()
        constant = clean.detach()
        delta = self.init_scale * normal(ctx)
        for _ in range(self.steps):
            delta = delta.detach().requires_grad_()
            with ctx.same_dropout():
                divergence = kl(constant, ctx.logits(delta))
            gradient = ctx.grad(divergence, delta)
            delta = ascend(ctx, delta.detach(), gradient, self.adv_lr, self.max_norm)
        with ctx.same_dropout():
            moved = ctx.logits(delta)
        return ctx.loss(clean) + self.beta * kl(clean, moved)

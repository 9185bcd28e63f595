"""Virtual adversarial training: smoothness in the direction in which the model is least smooth."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.divergences import kl
from harness.objectives.limits import check
from harness.objectives.perturbations import normal


@dataclass(frozen=True)
class VAT:
    """VAT (Miyato et al., TPAMI 2018, equations 5 to 8 and algorithm 1; on text: ICLR 2017).

    CE + weight * KL(f(x) || f(x + r)), r = epsilon * d, where d is found from a random direction by
    power iteration, d <- unit(gradient in d of KL(f(x) || f(x + xi * d))). f(x) is held constant in the
    divergence. The label plays no part in it. All passes share one dropout mask, so that
    the divergence is r's alone.

    Attributes:
        epsilon: length of r (5 in the text paper, for normalised embeddings of an LSTM).
        weight: of the divergence (1 in both papers).
        xi: length at which the gradient is taken; 0.1 as in the text paper's code, since 1e-6 drowns
            in float32.
        iterations: of the power method (1 in both papers).
    """

    epsilon: float = 1.0
    weight: float = 1.0
    xi: float = 0.1
    iterations: int = 1

    def __post_init__(self) -> None:
        check(self, name="vat", counts="iterations", numbers="epsilon weight xi")

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        with ctx.same_dropout():
            clean = ctx.logits()
        constant = clean.detach()
        direction = ctx.direction(normal(ctx))
        for _ in range(self.iterations):
            delta = (self.xi * direction).requires_grad_()
            with ctx.same_dropout():
                divergence = kl(constant, ctx.logits(delta))
            direction = ctx.direction(ctx.grad(divergence, delta))
        with ctx.same_dropout():
            moved = ctx.logits(self.epsilon * direction)
        return ctx.loss(clean) + self.weight * kl(constant, moved)

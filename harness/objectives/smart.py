"""SMART: a smooth model whose answers move slowly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.objectives.base import Course, StepContext
from harness.objectives.divergences import symmetric_kl
from harness.objectives.limits import check
from harness.objectives.perturbations import normal

PREFIX = "smart."
EARLY = 0.1
"""Share of the steps in which the slow copy follows faster (appendix A of the paper)."""


@dataclass(frozen=True)
class SMART:
    """SMART (Jiang et al., ACL 2020, equations 1 to 5 and algorithm 1).

    CE + weight * max of sKL(f(x), f(x + delta)) + proximal * sKL(f(x), g(x)), where sKL is the symmetric
    divergence, no coordinate of delta exceeds `epsilon`, and g is the model with a moving average of its
    earlier weights (momentum 0.99 over the first tenth of the steps, 0.999 after it). delta starts at
    sigma * N(0, 1) and climbs by `adv_lr` along the gradient divided by its largest coordinate. Scales
    are the paper's; the authors' code (namisan/mt-dnn, `perturbation.py`) instead stretches delta until
    each token's largest coordinate is 1, and has no average. As in that code passes draw dropout masks
    of their own; `one_mask` leaves delta and the average alone to be compared.

    Attributes:
        weight: lambda (1, 3 or 5 in the paper).
        proximal: mu (1 in the paper); 0: no average is kept.
        steps: of the ascent (1 in the paper).
        adv_lr: eta (1e-3).
        epsilon: largest coordinate of delta (1e-5), on raw word embeddings.
        sigma: deviation of the start (1e-5).
        one_mask: whether all passes draw the same dropout mask.
    """

    weight: float = 1.0
    proximal: float = 1.0
    steps: int = 1
    adv_lr: float = 1e-3
    epsilon: float = 1e-5
    sigma: float = 1e-5
    one_mask: bool = False

    def __post_init__(self) -> None:
        numbers = "weight proximal adv_lr epsilon sigma"
        check(self, name="smart", counts="steps", numbers=numbers)

    def undivided(self, way: str, accumulate: int) -> str:
        """See `Undivided.undivided`."""
        if not self.proximal:
            return ""
        return "a whole copy of earlier weights answers beside them (proximal = 0 keeps none)"

    def before_step(self, course: Course) -> None:
        """See `Remembering.before_step`: the slow copy follows the weights."""
        if not self.proximal:
            return
        momentum = 0.99 if course.progress < EARLY else 0.999
        for name, weight in course.weights.items():
            slow = course.memory.get(PREFIX + name)
            if slow is None:
                course.memory[PREFIX + name] = weight.detach().clone()
            else:
                slow.lerp_(weight.detach(), 1 - momentum)

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        with ctx.same_dropout(self.one_mask):
            clean = ctx.logits()
        constant = clean.detach()
        delta = self.sigma * normal(ctx)
        for _ in range(self.steps):
            delta = delta.detach().requires_grad_()
            with ctx.same_dropout(self.one_mask):
                divergence = symmetric_kl(constant, ctx.logits(delta))
            gradient = ctx.counted(ctx.grad(divergence, delta))
            delta = self._climbed(delta.detach(), gradient)
        with ctx.same_dropout(self.one_mask):
            moved = ctx.logits(delta)
        loss = ctx.loss(clean) + self.weight * symmetric_kl(clean, moved)
        if self.proximal:
            slow = {name: ctx.course.memory[PREFIX + name] for name in ctx.course.weights}
            with ctx.same_dropout(self.one_mask), torch.no_grad():
                before = ctx.logits_with(slow)
            loss = loss + self.proximal * symmetric_kl(clean, before)
        return loss

    def _climbed(self, delta: Tensor, gradient: Tensor) -> Tensor:
        largest = gradient.flatten(1).abs().amax(1).view(-1, 1, 1)
        step = gradient / largest.clamp_min(torch.finfo(delta.dtype).tiny)
        return (delta + self.adv_lr * step).clamp(-self.epsilon, self.epsilon)

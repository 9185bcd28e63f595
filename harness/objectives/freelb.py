"""FreeLB: adversarial training in embedding space whose inner steps all train the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.embedding import unit
from harness.errors import HarnessError
from harness.objectives.base import StepContext


@dataclass(frozen=True)
class FreeLB:
    """FreeLB (Zhu et al., ICLR 2020, algorithm 1): K ascent steps on the embeddings, all of which train.

    Every step adds 1/K of its gradient to the weights' and moves the perturbation by `adv_lr` along the
    unit gradient of each example. All steps of a batch share one dropout mask (section 3.3). Defaults
    are the authors' for SST-2 (`launch/run_glue.sh` of zhuchen03/FreeLB, ALBERT: K 2, .1, .6, no
    projection); the paper turns attention dropout off, which is a setting of the model and left to it.
    As in the authors' code the perturbation covers every real token, [CLS] and [SEP] included.

    Attributes:
        steps: K.
        adv_lr: length of an ascent step, in units of the raw word embeddings.
        init_magnitude: m: the perturbation starts at U(-1, 1) * m / sqrt(tokens * width).
        max_norm: radius of the L2 ball an example's perturbation is projected onto; 0: none.
    """

    steps: int = 2
    adv_lr: float = 0.1
    init_magnitude: float = 0.6
    max_norm: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise HarnessError(f"freelb: steps must be 1 or more; given: {self.steps}.")
        for name in ("adv_lr", "init_magnitude", "max_norm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise HarnessError(f"freelb: {name} must be a number from 0; given: {value}.")

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        delta = self.start(ctx)
        total = torch.zeros((), device=ctx.labels.device)
        for number in range(self.steps):
            last = number == self.steps - 1
            delta.requires_grad_(not last)
            with ctx.repeat(last=last):
                loss = ctx.loss(ctx.logits(delta)) / self.steps
                ctx.backward(loss)
            total += loss.detach()
            if not last:
                assert delta.grad is not None  # noqa: S101 - the tap proved that delta was used
                delta = self.ascend(delta.detach(), delta.grad)
        return total

    def start(self, ctx: StepContext) -> Tensor:
        """The first perturbation, float32, shape (batch, tokens, width), 0 at padding."""
        noise = torch.empty(ctx.delta_shape, device=ctx.labels.device).uniform_(-1.0, 1.0)
        mask = ctx.mask.unsqueeze(-1).to(noise.dtype)
        tokens = mask.sum(1, keepdim=True).clamp_min(1.0)
        return noise * mask * (self.init_magnitude / torch.sqrt(tokens * ctx.tap.dimension))

    def ascend(self, delta: Tensor, gradient: Tensor) -> Tensor:
        """One step up the loss, then back into the ball; shapes (batch, tokens, width)."""
        delta = delta + self.adv_lr * unit(gradient)
        if self.max_norm > 0:
            norm = delta.flatten(1).norm(dim=1).clamp_min(torch.finfo(delta.dtype).tiny)
            delta = delta * (self.max_norm / norm).clamp_max(1.0).view(-1, 1, 1)
        return delta

"""FreeLB: adversarial training in embedding space whose inner steps all train the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.limits import check
from harness.objectives.perturbations import ascend, spread


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
        check(self, name="freelb", counts="steps", numbers="adv_lr init_magnitude max_norm")

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        return free_steps(ctx, self.steps, self.adv_lr, self.init_magnitude, self.max_norm)


def free_steps(
    ctx: StepContext, steps: int, rate: float, magnitude: float, max_norm: float
) -> Tensor:
    """Every step trains with 1/steps of its gradient and moves the perturbation; the mean loss."""
    delta = spread(ctx, magnitude)
    total = torch.zeros((), device=ctx.labels.device)
    for number in range(steps):
        last = number == steps - 1
        delta.requires_grad_(not last)
        with ctx.repeat(last=last):
            loss = ctx.loss(ctx.logits(delta)) / steps
            ctx.backward(loss)
        total += loss.detach()
        if not last:
            assert delta.grad is not None  # noqa: S101 - the tap proved that delta was used
            delta = ascend(ctx, delta.detach(), delta.grad, rate, max_norm)
    return total

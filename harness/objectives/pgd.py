"""PGD: training on a perturbation found by several steps of projected gradient ascent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.limits import check
from harness.objectives.perturbations import ascend, climb, spread, zero


@dataclass(frozen=True)
class PGD:
    """Adversarial training by PGD (Madry et al., ICLR 2018, equation 2.1), on word embeddings.

    K steps of `adv_lr` along the unit gradient of each example, each projected onto the L2 ball of
    `max_norm`; the last perturbation trains, beside the clean text. 3 steps of 0.3 in a ball of 1 are in
    common use for BERT-like models, and MiniLM with a new head learns nothing from them
    (docs/defences.md): the defaults are those of `fgm`. TextDefender has 5 steps of 0.03 from 0.05
    without a ball and without the clean loss. Where the perturbation starts at zero, the clean pass that
    trains gives the first step as well. All passes of a batch share one dropout mask.

    Attributes:
        steps: K.
        adv_lr: length of an ascent step.
        max_norm: radius of the ball; 0: none.
        init_magnitude: the perturbation starts at U(-1, 1) * m / sqrt(tokens * width); 0: at the text.
        clean_weight: of the clean loss beside the adversarial one; 0: the adversarial loss alone.
    """

    steps: int = 3
    adv_lr: float = 0.05
    max_norm: float = 0.1
    init_magnitude: float = 0.0
    clean_weight: float = 1.0

    def __post_init__(self) -> None:
        numbers = "adv_lr max_norm init_magnitude clean_weight"
        check(self, name="pgd", counts="steps", numbers=numbers)

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        total = torch.zeros((), device=ctx.labels.device)
        delta, done = spread(ctx, self.init_magnitude), 0
        if self.clean_weight:
            here = zero(ctx).requires_grad_()
            with ctx.repeat(last=False):
                clean = self.clean_weight * ctx.loss(ctx.logits(here))
                ctx.backward(clean)
            total = total + clean.detach()
            if not self.init_magnitude:
                assert here.grad is not None  # noqa: S101 - the tap proved that it was used
                delta, done = ascend(ctx, delta, here.grad, self.adv_lr, self.max_norm), 1
        steps = self.steps - done
        delta = climb(ctx, delta, steps=steps, rate=self.adv_lr, max_norm=self.max_norm)
        with ctx.repeat(last=True):
            adversarial = ctx.loss(ctx.logits(delta))
            ctx.backward(adversarial)
        return total + adversarial.detach()

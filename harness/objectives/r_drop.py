"""R-Drop: two dropout masks of the network must agree."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.divergences import symmetric_kl
from harness.objectives.limits import check


@dataclass(frozen=True)
class RDrop:
    """R-Drop (Liang et al., NeurIPS 2021, equations 2 to 4): two passes that differ by dropout.

    CE_1 + CE_2 + alpha * (KL(1 || 2) + KL(2 || 1)) / 2. Without dropout it is twice the plain loss.

    Attributes:
        alpha: weight of the divergence (0.1, 0.5 or 1 for GLUE in the paper; 1 in its code).
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check(self, name="r-drop", numbers="alpha")

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        first, second = ctx.logits(), ctx.logits()
        agreement = symmetric_kl(first, second) / 2
        return ctx.loss(first) + ctx.loss(second) + self.alpha * agreement

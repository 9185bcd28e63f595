"""NEFTune: noise on the embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.limits import check
from harness.objectives.perturbations import spread


@dataclass(frozen=True)
class NEFTune:
    """NEFTune (Jain et al., ICLR 2024, algorithm 1): cross-entropy with noise on the embeddings.

    The noise is U(-1, 1) * alpha / sqrt(tokens * width). Deviation: tokens are the example's own, where
    the authors' code counts the padding of its batch and noise then depends on the neighbours.

    Attributes:
        alpha: scale of the noise (5 is the smallest that the paper tunes over).
    """

    alpha: float = 5.0

    def __post_init__(self) -> None:
        check(self, name="neftune", numbers="alpha")

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        return ctx.loss(ctx.logits(spread(ctx, self.alpha)))

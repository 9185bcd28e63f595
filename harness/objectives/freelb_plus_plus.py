"""FreeLB++: FreeLB with more steps and no ball."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.freelb import free_steps
from harness.objectives.limits import check


@dataclass(frozen=True)
class FreeLBPlusPlus:
    """FreeLB++ (Li et al., EMNLP 2021, section 4.3): FreeLB without its ball and with more steps.

    The paper takes 30 steps for AG News and 10 for IMDB; rate and start are those of its code
    (RockyLzy/TextDefender, `trainer/freelb.py`: 0.03, 0.05).

    Attributes:
        steps: K; the cost of a training step grows with it.
        adv_lr: length of an ascent step.
        init_magnitude: m: the perturbation starts at U(-1, 1) * m / sqrt(tokens * width).
    """

    steps: int = 10
    adv_lr: float = 0.03
    init_magnitude: float = 0.05

    def __post_init__(self) -> None:
        check(self, name="freelb++", counts="steps", numbers="adv_lr init_magnitude")

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        return free_steps(ctx, self.steps, self.adv_lr, self.init_magnitude, max_norm=0.0)

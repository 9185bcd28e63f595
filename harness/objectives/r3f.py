"""R3F: the model must say the same of an embedding and of a noisy one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.errors import HarnessError
from harness.objectives.base import StepContext
from harness.objectives.divergences import symmetric_kl
from harness.objectives.limits import check
from harness.objectives.perturbations import normal, uniform

NOISES = {"uniform": uniform, "normal": normal}


@dataclass(frozen=True)
class R3F:
    """R3F (Aghajanyan et al., ICLR 2021, equation 4): CE + weight * symmetric KL(f(x), f(x + z)).

    z is uniform in (-epsilon, epsilon) or normal with that deviation. As in the authors' code
    (fairseq, `examples/rxf`) the two passes draw dropout masks of their own, which at this epsilon is
    most of the difference between them; `one_mask` leaves z alone.

    Attributes:
        epsilon: scale of the noise on every coordinate (1e-5 in the paper).
        weight: lambda (1 in the authors' code).
        noise: "uniform" or "normal".
        one_mask: whether both passes draw the same dropout mask.
    """

    epsilon: float = 1e-5
    weight: float = 1.0
    noise: str = "uniform"
    one_mask: bool = False

    def __post_init__(self) -> None:
        check(self, name="r3f", numbers="epsilon weight")
        if self.noise not in NOISES:
            raise HarnessError(f"r3f: noise is one of {', '.join(NOISES)}; given: {self.noise}.")

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        noise = self.epsilon * NOISES[self.noise](ctx)
        with ctx.same_dropout(self.one_mask):
            clean = ctx.logits()
        with ctx.same_dropout(self.one_mask):
            noisy = ctx.logits(noise)
        return ctx.loss(clean) + self.weight * symmetric_kl(clean, noisy)

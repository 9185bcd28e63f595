"""FGM: training on the text and on its worst neighbour to first order."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext
from harness.objectives.limits import check
from harness.objectives.perturbations import zero


@dataclass(frozen=True)
class FGM:
    """Adversarial training (Miyato et al., ICLR 2017, equations 3 to 6): loss(x) + loss(x + r).

    r = epsilon * g / |g|, with g the gradient of each example's loss in its embeddings. The clean
    pass trains the weights and gives g at once. The paper's epsilon of 5 is for normalised embeddings of
    an LSTM; 1, about the length of a word's embedding, is what BERT-like models are commonly given, and
    MiniLM with a new head learns nothing from it, nor from 0.3 (docs/defences.md). Both passes share one
    dropout mask, so that r is the worst case of the network that it is shown to.

    Attributes:
        epsilon: length of r.
        weight: of the adversarial loss beside the clean one (1 in the paper).
    """

    epsilon: float = 0.1
    weight: float = 1.0

    def __post_init__(self) -> None:
        check(self, name="fgm", numbers="epsilon weight")

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        delta = zero(ctx).requires_grad_()
        with ctx.repeat(last=False):
            clean = ctx.loss(ctx.logits(delta))
            ctx.backward(clean)
        assert delta.grad is not None  # noqa: S101 - the tap proved that delta was used
        worst = self.epsilon * ctx.direction(delta.grad)
        with ctx.repeat(last=True):
            adversarial = self.weight * ctx.loss(ctx.logits(worst))
            ctx.backward(adversarial)
        return (clean + adversarial).detach()

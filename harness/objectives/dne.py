"""DNE: training on points drawn from the convex hull of each word's synonyms, and pushed within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from attacks.resources.registry import INFLECTIONS, LEXICON, VECTORS
from attacks.transformations import EmbeddingNeighbours
from harness.errors import HarnessError
from harness.objectives.base import StepContext
from harness.objectives.hulls import Hull, hull
from harness.objectives.limits import check


@dataclass(frozen=True)
class DNE:
    """DNE (Zhou et al., ACL-IJCNLP 2021, algorithm 1): Dirichlet neighbourhood ensemble, its training.

    Each word becomes a mixture of itself, its synonyms and theirs, with weights from a Dirichlet
    distribution: `alpha` for the word and its synonyms, alpha * `decay` for the synonyms of these. The
    batch trains there, then `iterations` times more, where the logarithms of the weights have each time
    moved by `adv_lr` along each word's unit gradient. The clean text is never shown. Defaults are the
    authors' for AG News (0.1 and 0.1 for IMDB). Losses are averaged over the passes, which share one
    dropout mask.

    Deviations: every count of synonyms has a distribution of its own (in the authors' code a shift that
    binds more weakly than a sum merges hundreds of them); and what is saved answers by itself, where
    the paper's prediction is the mean over 16 draws.

    Attributes:
        alpha, decay: of the distribution.
        adv_lr: length of a step on each word's log weights.
        iterations: of the push.
        neighbours: corners of a word's hull beside itself, at the most (50 in the authors' code).
    """

    resources: ClassVar[tuple[str, ...]] = (VECTORS, LEXICON, INFLECTIONS)
    edits: ClassVar[tuple[str, ...]] = (EmbeddingNeighbours.__name__,)

    alpha: float = 1.0
    decay: float = 0.5
    adv_lr: float = 10.0
    iterations: int = 3
    neighbours: int = 50

    def __post_init__(self) -> None:
        check(self, name="dne", counts="iterations neighbours", numbers="alpha decay adv_lr")
        if not self.alpha or not self.decay:
            raise HarnessError(
                f"dne: alpha and decay must be above 0; given: {self.alpha}, {self.decay}."
            )

    def undivided(self, way: str, accumulate: int) -> str:
        """See `Undivided.undivided`."""
        return "it looks words up outside the passes through the model"

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        corners = hull(ctx, self.neighbours, hops=2)
        raw = dirichlet(corners, self.alpha, self.decay).clamp_min(1e-6).log()
        total = torch.zeros((), device=raw.device)
        for number in range(self.iterations + 1):
            last = number == self.iterations
            raw = raw.detach().requires_grad_()
            with ctx.repeat(last=last):
                delta = corners.delta(corners.softmax(raw))
                loss = ctx.loss(ctx.logits(delta)) / (self.iterations + 1)
                ctx.backward(loss)
            total += loss.detach()
            if not last:
                assert raw.grad is not None  # noqa: S101 - the tap proved that delta was used
                gradient = ctx.counted(raw.grad)
                norm = gradient.norm(dim=-1, keepdim=True)
                step = gradient / norm.clamp_min(torch.finfo(norm.dtype).tiny)
                raw = raw.detach() + self.adv_lr * step
        return total


def dirichlet(corners: Hull, alpha: float, decay: float) -> Tensor:
    """Weights of every token's corners, shape (batch, tokens, corners); 0 where there is no corner."""
    near = torch.full(corners.real.shape, alpha, device=corners.real.device)
    shape = torch.where(corners.hops == 2, near * decay, near)
    drawn = torch.distributions.Gamma(shape, torch.ones_like(shape)).sample() * corners.real
    return drawn / drawn.sum(-1, keepdim=True).clamp_min(torch.finfo(drawn.dtype).tiny)

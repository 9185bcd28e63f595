"""ASCC: training at the worst point of the convex hull of each word's synonyms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from attacks.resources.registry import INFLECTIONS, LEXICON, VECTORS
from attacks.transformations import EmbeddingNeighbours
from harness.objectives.base import StepContext
from harness.objectives.divergences import each_kl, kl
from harness.objectives.hulls import Hull, hull
from harness.objectives.limits import check


@dataclass(frozen=True)
class ASCC:
    """ASCC (Dong et al., ICLR 2021, equations 5 to 9): CE + beta * KL(f(x) || f(x')).

    Each word of x' is a mixture of the embeddings of the word and its synonyms. The weights of the
    mixtures are softmaxes of what Adam finds in a few steps so as to raise the divergence, less `alpha`
    times their mean entropy over the text's words, which drives them to single words. The embeddings of
    synonyms are trained along. Defaults: beta and alpha are the paper's, steps TextDefender's, rate the
    one that the authors' code takes for BERT.

    Synonyms are neighbours in counter-fitted vectors (8 in the paper), of words that are one token.
    Deviation: the mixtures begin at equal weights, and all passes draw one dropout mask.

    Attributes:
        beta: weight of the divergence.
        alpha: weight of the entropy.
        steps, adv_lr: of Adam.
        neighbours: synonyms of a word, at the most.
    """

    resources: ClassVar[tuple[str, ...]] = (VECTORS, LEXICON, INFLECTIONS)
    edits: ClassVar[tuple[str, ...]] = (EmbeddingNeighbours.__name__,)

    beta: float = 4.0
    alpha: float = 10.0
    steps: int = 5
    adv_lr: float = 1.0
    neighbours: int = 8

    def __post_init__(self) -> None:
        check(self, name="ascc", counts="steps neighbours", numbers="beta alpha adv_lr")

    def undivided(self, way: str, accumulate: int) -> str:
        """See `Undivided.undivided`."""
        return "it looks words up outside the passes through the model"

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        corners = hull(ctx, self.neighbours)
        with ctx.same_dropout():
            clean = ctx.logits()
        mixture = self._worst(ctx, corners, clean.detach())
        with ctx.same_dropout():
            moved = ctx.logits(corners.delta(mixture))
        return ctx.loss(clean) + self.beta * kl(clean, moved)

    def _worst(self, ctx: StepContext, corners: Hull, clean: Tensor) -> Tensor:
        raw = torch.zeros(corners.real.shape, device=clean.device).requires_grad_()
        optimizer = torch.optim.Adam([raw], lr=self.adv_lr)
        fixed = corners.constant()
        for _ in range(self.steps):
            mixture = fixed.softmax(raw)
            with ctx.same_dropout():
                divergence = each_kl(clean, ctx.logits(fixed.delta(mixture)))
            # Sums over examples: Adam forgets scales, so that no text minds how many are beside it.
            gain = divergence.sum() - self.alpha * self._entropy(mixture, fixed).sum()
            raw.grad = ctx.counted(ctx.grad(-gain, raw))
            optimizer.step()
        return corners.softmax(raw.detach())

    def _entropy(self, mixture: Tensor, corners: Hull) -> Tensor:
        """Of each text's mixtures, mean over its words that have synonyms, shape (batch,)."""
        each = -(mixture * mixture.clamp_min(torch.finfo(mixture.dtype).tiny).log()).sum(-1)
        words = corners.real.sum(-1) > 1
        return (each * words).sum(1) / words.sum(1).clamp_min(1)

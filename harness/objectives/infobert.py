"""InfoBERT: FreeLB with an information bottleneck and anchored features."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log
from typing import Any

import torch
from torch import Tensor

from harness.errors import HarnessError
from harness.objectives.base import StepContext
from harness.objectives.limits import check
from harness.objectives.perturbations import ascend, spread


@dataclass(frozen=True)
class InfoBERT:
    """InfoBERT (Wang et al., ICLR 2021, equations 7 and 8), on FreeLB's steps.

    CE + beta * upper bound of I(embeddings; input) - alpha * lower bound of I(anchored tokens; text).
    Anchored are the tokens whose gradient norms lie between the quantiles `low` and `high` of their
    text, neither useless nor the ones that an attacker would go for; the text is its first token's last
    state. The upper bound is half the mean squared distance between the batch's token embeddings (CLUB),
    the lower one InfoNCE. Defaults are TextDefender's. Both bounds are of a batch, with accumulation of
    a micro-batch.

    Deviations: the upper bound takes the mean over all pairs where the authors' code draws one for each
    token, and the critic of InfoNCE is the cosine over `temperature` where theirs is a small network
    that is trained beside the model.

    Attributes:
        steps, adv_lr, init_magnitude, max_norm: FreeLB's.
        alpha, beta: weights of the two bounds.
        low, high: quantiles between which tokens are anchored.
        temperature: of the critic (0.1 is usual for InfoNCE on cosines).
    """

    steps: int = 3
    adv_lr: float = 0.04
    init_magnitude: float = 0.08
    max_norm: float = 0.0
    alpha: float = 5e-3
    beta: float = 5e-3
    low: float = 0.5
    high: float = 0.9
    temperature: float = 0.1

    def __post_init__(self) -> None:
        numbers = "adv_lr init_magnitude max_norm alpha beta low high temperature"
        check(self, name="infobert", counts="steps", numbers=numbers)
        if not self.low < self.high <= 1 or not self.temperature:
            raise HarnessError(
                "infobert: low must be below high, high at most 1, temperature above 0; given: "
                f"{self.low}, {self.high}, {self.temperature}."
            )

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        delta = spread(ctx, self.init_magnitude)
        total = torch.zeros((), device=ctx.labels.device)
        for number in range(self.steps):
            last = number == self.steps - 1
            delta = delta.detach().requires_grad_()
            with ctx.repeat(last=last):
                outputs = ctx.outputs(delta, output_hidden_states=True)
                states = outputs.hidden_states or outputs.encoder_hidden_states
                task = ctx.loss(outputs.logits) + self.beta * spread_of(states[0], ctx.mask)
                gradient = ctx.grad(task, delta, again=True)
                anchored = self._anchored(gradient, ctx.mask)
                bound = self._shared(states, anchored, ctx.mask)
                loss = (task - self.alpha * bound) / self.steps
                ctx.backward(loss)
            total += loss.detach()
            delta = ascend(ctx, delta.detach(), gradient, self.adv_lr, self.max_norm)
        return total

    def _anchored(self, gradient: Tensor, mask: Tensor) -> Tensor:
        """Which tokens are anchored, shape (batch, tokens)."""
        norms = gradient.norm(dim=-1).masked_fill(mask == 0, float("inf"))
        ranks = norms.argsort(dim=1, stable=True).argsort(dim=1)
        found = torch.zeros_like(mask, dtype=torch.bool)
        for row, length in enumerate(mask.sum(1).long().tolist()):
            first, end = ceil(length * self.low), ceil(length * self.high)
            found[row] = (ranks[row] >= first) & (ranks[row] < end)
        return found

    def _shared(self, states: Any, anchored: Tensor, mask: Tensor) -> Tensor:
        """InfoNCE between anchored tokens and their texts; 0 where there are none."""
        rows, places = anchored.nonzero(as_tuple=True)
        if not len(rows):
            nothing: Tensor = states[0].sum() * 0.0
            return nothing
        begins = mask.argmax(1)
        texts = states[-1][torch.arange(len(mask), device=mask.device), begins]
        local = torch.nn.functional.normalize(states[0][rows, places], dim=-1)
        whole = torch.nn.functional.normalize(texts, dim=-1)[rows]
        scores = whole @ local.T / self.temperature
        bound: Tensor = scores.diagonal().mean() - (scores.logsumexp(1).mean() - log(len(rows)))
        return bound


def spread_of(states: Tensor, mask: Tensor) -> Tensor:
    """Half the mean squared distance between two of the batch's tokens, a scalar."""
    tokens = states[mask.bool()]
    found: Tensor = (tokens - tokens.mean(0)).pow(2).sum(-1).mean()
    return found

"""TAVAT: FreeLB with a second perturbation that tokens keep from batch to batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.embedding import unit
from harness.objectives.base import Course, StepContext
from harness.objectives.limits import check
from harness.objectives.perturbations import spread

TABLE, IDS, ETA = "tavat.table", "tavat.ids", "tavat.eta"


@dataclass(frozen=True)
class TAVAT:
    """TAVAT (Li and Qiu, AAAI 2021, algorithm 1): token-aware virtual adversarial training.

    Beside FreeLB's perturbation delta of the whole text there is an eta for each token. It begins where
    a table over the vocabulary left it, moves along its own token's unit gradient and is then scaled by
    its length relative to the longest of its text. Every step trains with 1/K of its gradient; where
    both together leave the ball, both are scaled. Defaults are TextDefender's (2, 0.05, 0.2, 0.5).

    Deviations: a token that occurs several times in an optimizer step leaves the mean of its etas in the
    table (the paper does not say; the authors' code adds them up and divides by the norm of the whole
    batch when it reads them), and the table changes between optimizer steps alone. So neither
    accumulation nor the neighbours in a batch matter.

    Attributes:
        steps: K.
        adv_lr: length of an ascent step, of delta and of each token's eta.
        init_magnitude: of delta, as in `freelb`, and of the table, U(-1, 1) * m / sqrt(width).
        max_norm: radius of the L2 ball for delta + eta of an example; 0: none.
    """

    steps: int = 2
    adv_lr: float = 0.05
    init_magnitude: float = 0.2
    max_norm: float = 0.5

    def __post_init__(self) -> None:
        check(self, name="tavat", counts="steps", numbers="adv_lr init_magnitude max_norm")

    def before_step(self, course: Course) -> None:
        """See `Remembering.before_step`: the table takes over what the last step left."""
        memory = course.memory
        if TABLE not in memory:
            memory[TABLE] = course.like_embeddings().uniform_(-1.0, 1.0)
            memory[TABLE] *= self.init_magnitude / memory[TABLE].shape[1] ** 0.5
            memory[TABLE] = course.agreed(memory[TABLE])
        if IDS in memory:
            every, eta = (course.rows_of_all(memory.pop(name)) for name in (IDS, ETA))
            ids, place = torch.unique(every, return_inverse=True)
            sums = eta.new_zeros(len(ids), eta.shape[1]).index_add_(0, place, eta)
            memory[TABLE][ids] = sums / torch.bincount(place).unsqueeze(1)

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        memory, ids, real = ctx.course.memory, ctx.inputs["input_ids"], ctx.mask.bool()
        delta = spread(ctx, self.init_magnitude)
        eta = memory[TABLE][ids] * real.unsqueeze(-1)
        total = torch.zeros((), device=ids.device)
        for number in range(self.steps):
            last = number == self.steps - 1
            both = (delta + eta).requires_grad_(not last)
            with ctx.repeat(last=last):
                loss = ctx.loss(ctx.logits(both)) / self.steps
                ctx.backward(loss)
            total += loss.detach()
            if not last:
                assert both.grad is not None  # noqa: S101 - the tap proved that it was used
                delta, eta = self._climbed(ctx, delta, eta, both.grad)
        seen = {IDS: ids[real & ctx.counts], ETA: eta[real & ctx.counts]}
        for name, value in seen.items():
            memory[name] = torch.cat([memory[name], value]) if name in memory else value
        return total

    def _climbed(
        self, ctx: StepContext, delta: Tensor, eta: Tensor, gradient: Tensor
    ) -> tuple[Tensor, Tensor]:
        delta = delta + self.adv_lr * ctx.direction(gradient)
        eta = eta + self.adv_lr * unit(gradient.flatten(0, 1).unsqueeze(1)).view_as(gradient)
        lengths = eta.norm(dim=-1)
        longest = lengths.amax(1, keepdim=True).clamp_min(torch.finfo(eta.dtype).tiny)
        eta = eta * (lengths / longest).unsqueeze(-1)
        if self.max_norm:
            norm = (delta + eta).flatten(1).norm(dim=1).clamp_min(torch.finfo(eta.dtype).tiny)
            shrink: Tensor = (self.max_norm / norm).clamp_max(1.0)
            delta, eta = delta * shrink.view(-1, 1, 1), eta * shrink.view(-1, 1, 1)
        return delta, eta

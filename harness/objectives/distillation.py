"""Distillation: a teacher's answers, its hidden states, and both on the student's adversarial texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from harness.errors import HarnessError
from harness.objectives.base import StepContext
from harness.objectives.divergences import kl, precise
from harness.objectives.limits import check
from harness.objectives.perturbations import ascend, spread


@dataclass(frozen=True)
class Distillation:
    """Distillation (Hinton et al., 2015, section 2) of a teacher T into a student S.

    (1 - alpha) CE(S(x)) + alpha t^2 KL(T(x) || S(x')), both softmaxes of the divergence at the
    temperature t. With `steps`, x' is the student's
    adversarial text, found by ascent on that divergence (adversarially robust distillation: Goldblum et
    al., AAAI 2020, equation 3); else it is x. `hidden` adds the mean squared distance between the
    normalised states of the first token, each student layer's beside that of the teacher's layer in
    its place (patient knowledge distillation: Sun et al., EMNLP 2019, equation 7). The teacher is
    `teacher` in the plan, by default the starting model; it reads the student's tokens. All of the
    student's passes share one dropout mask.

    Attributes:
        alpha: share of the teacher's part.
        temperature: t (2 to 5 are usual for text classifiers).
        hidden: weight of the states' distance; 0: none.
        steps, adv_lr, max_norm, init_magnitude: of the ascent, as in `pgd`; it cannot begin at zero,
            where a student that agrees with its teacher has no gradient.
    """

    needs_teacher: ClassVar[bool] = True

    alpha: float = 0.9
    temperature: float = 2.0
    hidden: float = 0.0
    steps: int = 0
    adv_lr: float = 0.05
    max_norm: float = 0.1
    init_magnitude: float = 0.05

    def __post_init__(self) -> None:
        numbers = "alpha temperature hidden adv_lr max_norm init_magnitude"
        check(self, name="distillation", numbers=numbers)
        if self.alpha > 1 or not self.temperature or self.steps < 0:
            raise HarnessError(
                "distillation: alpha is at most 1, temperature above 0, steps 0 or more; given: "
                f"{self.alpha}, {self.temperature}, {self.steps}."
            )

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        wanted: dict[str, Any] = {"output_hidden_states": True} if self.hidden else {}
        with torch.no_grad():
            taught = ctx.course.asked_teacher()(**ctx.inputs, **wanted)
        with ctx.same_dropout():
            outputs = ctx.outputs(**wanted)
        shown = outputs.logits
        if self.steps:
            delta = spread(ctx, self.init_magnitude)
            for _ in range(self.steps):
                delta = delta.detach().requires_grad_()
                with ctx.same_dropout():
                    divergence = self._divergence(taught.logits, ctx.logits(delta))
                gradient = ctx.grad(divergence, delta)
                delta = ascend(ctx, delta.detach(), gradient, self.adv_lr, self.max_norm)
            with ctx.same_dropout():
                shown = ctx.logits(delta)
        loss = (1 - self.alpha) * ctx.loss(outputs.logits)
        loss = loss + self.alpha * self._divergence(taught.logits, shown)
        if self.hidden:
            loss = loss + self.hidden * _apart(taught, outputs, ctx.mask)
        return loss

    def _divergence(self, taught: Tensor, shown: Tensor) -> Tensor:
        return self.temperature**2 * kl(taught / self.temperature, shown / self.temperature)


def _apart(taught: Any, shown: Any, mask: Tensor) -> Tensor:
    """Mean squared distance of the first token's normalised states, over layers and examples."""
    theirs = (taught.hidden_states or taught.encoder_hidden_states)[1:]
    ours = (shown.hidden_states or shown.encoder_hidden_states)[1:]
    if ours[0].shape[-1] != theirs[0].shape[-1]:
        raise HarnessError(
            f"distillation: the teacher's states are {theirs[0].shape[-1]} wide and the student's "
            f"{ours[0].shape[-1]}, so that they cannot be compared. Set hidden to 0."
        )
    rows, begins = torch.arange(len(mask), device=mask.device), mask.argmax(1)
    distances = []
    for number, mine in enumerate(ours, start=1):
        other = theirs[round(number * len(theirs) / len(ours)) - 1]
        one, two = (
            torch.nn.functional.normalize(precise(states[rows, begins]), dim=-1)
            for states in (mine, other)
        )
        distances.append((one - two).pow(2).sum(-1).mean())
    return torch.stack(distances).mean()

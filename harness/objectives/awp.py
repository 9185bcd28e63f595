"""Adversarial weight perturbation: another objective, trained at the worst weights nearby."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.dividing import DEEPSPEED, whole
from harness.errors import HarnessError
from harness.objectives.base import Course, Objective, Remembering, StepContext, train_on
from harness.objectives.limits import check
from harness.randomness import TorchState


@dataclass(frozen=True)
class AWP:
    """AWP (Wu et al., NeurIPS 2020, equations 9 to 11), around the other objectives of the plan.

    Every weight matrix w is moved by gamma * |w| along the unit gradient of the loss, the batch trains
    at the moved weights, and they are put back. The authors' gamma is 0.005 for TRADES and 0.01 for
    plain adversarial training of convolutional networks (csdongxian/AWP); it takes a trained MiniLM's
    loss on film reviews from 0.36 to 0.72, which is guessing (0.001: 0.66; 0.0001: 0.41). Deviation:
    the objective inside runs again as a whole, so its perturbations are found anew at the moved
    weights, where the paper keeps those of the first pass. With accumulation every micro-batch moves the
    weights on its own account; several processes move them alike, in the last one of a step.

    Attributes:
        gamma: size of the move relative to each weight matrix.
        warmup: share of all steps that train without it.
    """

    gamma: float = 1e-4
    warmup: float = 0.0

    def __post_init__(self) -> None:
        check(self, name="awp", numbers="gamma warmup")
        if self.warmup >= 1:
            raise HarnessError(f"awp: warmup must be below 1; given: {self.warmup}.")

    def undivided(self, way: str, accumulate: int) -> str:
        """See `Undivided.undivided`."""
        if way == DEEPSPEED:
            return "it moves weights along gradients that DeepSpeed keeps to itself"
        if accumulate == 1:
            return ""
        return "gradients of its own stand beside those that accumulate (accumulate = 1 has none)"

    def around(self, inner: Objective) -> Objective:
        """See `Wrapper.around`."""
        return Perturbed(self, inner)


@dataclass(frozen=True)
class Perturbed:
    """An objective at perturbed weights."""

    settings: AWP
    inner: Objective

    def before_step(self, course: Course) -> None:
        """See `Remembering.before_step`."""
        if isinstance(self.inner, Remembering):
            self.inner.before_step(course)

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        if ctx.course.progress < self.settings.warmup:
            return train_on(self.inner, ctx)
        state = TorchState(ctx.labels.device)
        gradients = self._gradients(ctx)
        state.restore()  # the same noise and dropout again
        with moved(ctx.course.weights, gradients, self.settings.gamma):
            return train_on(self.inner, ctx)

    def _gradients(self, ctx: StepContext) -> dict[str, Tensor]:
        """Of the inner objective; those that micro-batches have added up stay as they are."""
        weights = ctx.course.weights
        kept = {name: weight.grad for name, weight in weights.items()}
        for weight in weights.values():
            weight.grad = None
        try:
            aside = dataclasses.replace(ctx.course, memory=dict(ctx.course.memory))
            train_on(self.inner, dataclasses.replace(ctx, course=aside))
            return {n: w.grad for n, w in weights.items() if w.grad is not None and w.dim() > 1}
        finally:
            for name, weight in weights.items():
                weight.grad = kept[name]


@contextmanager
def moved(
    weights: Mapping[str, torch.nn.Parameter], gradients: Mapping[str, Tensor], gamma: float
) -> Iterator[None]:
    """Weights moved by gamma times their own norm along their unit gradient, and put back after."""
    kept = {name: weights[name].detach().clone() for name in gradients}
    try:
        with torch.no_grad():
            for name, gradient in gradients.items():
                norm = float(whole(gradient.norm()))
                if norm > 0 and math.isfinite(norm):
                    step = gamma * float(whole(kept[name].norm())) / norm
                    weights[name].add_(gradient, alpha=step)
        yield
    finally:
        with torch.no_grad():
            for name, value in kept.items():
                weights[name].copy_(value)

"""Several objectives as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from harness import objectives
from harness.errors import HarnessError
from harness.objectives.base import (
    Course,
    LossObjective,
    Objective,
    Remembering,
    StepContext,
    Wrapper,
    train_on,
)
from harness.objectives.plain import Plain


class Chosen(Protocol):
    """An objective as a plan names it."""

    @property
    def name(self) -> str:
        """Which."""

    @property
    def parameters(self) -> Mapping[str, float | int | bool | str]:
        """Those that differ from the defaults."""

    @property
    def weight(self) -> float:
        """What its loss counts beside the others'."""


def combine(chosen: Sequence[Chosen], plain_warmup: float = 0.0) -> Objective:
    """The objective that a plan's choice stands for.

    Losses are added, each times its weight; what wraps (`awp`) goes around their sum, the first
    outermost, or around plain training where it stands alone.

    Args:
        plain_warmup: share of the optimizer steps at the start that train plainly.

    Raises HarnessError as `objectives.load`, and for a weight on a wrapper.
    """
    parts: list[tuple[float, Objective]] = []
    wrappers: list[Wrapper] = []
    for choice in chosen:
        made = objectives.load(choice.name, choice.parameters)
        if not isinstance(made, Wrapper):
            parts.append((choice.weight, made))
        elif choice.weight == 1:
            wrappers.append(made)
        else:
            raise HarnessError(
                f"The objective '{choice.name}' changes how the others train and takes no weight."
            )
    objective = _sum(parts or [(1.0, Plain())])
    for wrapper in reversed(wrappers):
        objective = wrapper.around(objective)
    if not plain_warmup:
        return objective
    if isinstance(objective, LossObjective):
        return LateLoss(plain_warmup, objective)
    return LateStep(plain_warmup, objective)


def _sum(parts: Sequence[tuple[float, Objective]]) -> Objective:
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    if all(isinstance(part, LossObjective) for _, part in parts):
        return SummedLosses(tuple(parts))
    return SummedSteps(tuple(parts))


@dataclass(frozen=True)
class Summed:
    """Objectives with their weights."""

    parts: tuple[tuple[float, Objective], ...]

    def before_step(self, course: Course) -> None:
        """See `Remembering.before_step`."""
        for _, part in self.parts:
            if isinstance(part, Remembering):
                part.before_step(course)


@dataclass(frozen=True)
class SummedLosses(Summed):
    """Losses with one backward pass for all."""

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        total = torch.zeros((), device=ctx.labels.device)
        for weight, part in self.parts:
            assert isinstance(part, LossObjective)  # noqa: S101 - `_sum` made sure
            total = total + weight * part.loss(dataclasses.replace(ctx))
        return total


@dataclass(frozen=True)
class SummedSteps(Summed):
    """Objectives of which some propagate by themselves."""

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        total = torch.zeros((), device=ctx.labels.device)
        for place, (weight, part) in enumerate(self.parts):
            last = place == len(self.parts) - 1

            def propagate(loss: Tensor, weight: float = weight) -> None:
                ctx.propagate(weight * loss)

            # Gradients are averaged over devices once, in the last pass of the last part.
            with nullcontext() if last else ctx.silent():
                total += weight * train_on(part, dataclasses.replace(ctx, propagate=propagate))
        return total


@dataclass(frozen=True)
class Late:
    """An objective that begins after a share of the optimizer steps; plain training until then."""

    warmup: float
    inner: Objective

    def before_step(self, course: Course) -> None:
        """See `Remembering.before_step`."""
        if course.progress >= self.warmup and isinstance(self.inner, Remembering):
            self.inner.before_step(course)

    def now(self, ctx: StepContext) -> Objective:
        """What trains this batch."""
        return Plain() if ctx.course.progress < self.warmup else self.inner


@dataclass(frozen=True)
class LateLoss(Late):
    """One whose loss is a scalar."""

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        now = self.now(ctx)
        assert isinstance(now, LossObjective)  # noqa: S101 - `combine` made sure
        return now.loss(ctx)


@dataclass(frozen=True)
class LateStep(Late):
    """One that propagates by itself."""

    def step(self, ctx: StepContext) -> Tensor:
        """See `StepObjective.step`."""
        return train_on(self.now(ctx), ctx)

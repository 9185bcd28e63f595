"""Ordinary fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.objectives.base import StepContext


@dataclass(frozen=True)
class Plain:
    """Cross-entropy on the clean batch."""

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        return ctx.loss(ctx.logits())

"""Mixtures of the weights before and after a training, and the choice among them.

Between a model and one that was fine-tuned from it lies a path of models that work (Wortsman et
al., CVPR 2022, "WiSE-FT"). Along it a hardened model gives back robustness for clean accuracy, at a
better rate than a shorter training does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.selection import EpochRecord, choose, floor
from harness.training_plan import Selection

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Blend:
    """One mixture: the share of the trained weights, and what validation data say of it."""

    share: float
    record: EpochRecord

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"share": self.share, **self.record.to_dict()}


@dataclass(frozen=True)
class Blending:
    """The mixtures that were measured, and which was taken.

    Attributes:
        start_accuracy: validation accuracy of the weights that training started from.
        tried: those that were measured, in falling order of their share; the first are the trained
            weights alone.
        best: place in `tried`.
    """

    start_accuracy: float
    tried: tuple[Blend, ...]
    best: int

    @property
    def share(self) -> float:
        """Share of the trained weights that was taken."""
        return self.tried[self.best].share

    def warning(self, selection: Selection) -> str | None:
        """What is to be said where every mixture costs more clean accuracy than it may."""
        taken = self.tried[self.best]
        if selection.metric != "robust_accuracy" or taken.record.accuracy >= floor(
            self.start_accuracy, selection
        ):
            return None
        return (
            "Every mixture of the weights before and after costs more than "
            f"{selection.max_clean_drop} of validation accuracy: the best, of {taken.share:g} trained "
            f"weights, has {taken.record.accuracy:.3f}, and the model before it "
            f"{self.start_accuracy:.3f}. Smaller shares in selection.blend, more epochs, more data or a "
            "weaker adversary help."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "share": self.share,
            "start_accuracy": self.start_accuracy,
            "tried": [blend.to_dict() for blend in self.tried],
        }


def snapshot(model: Any) -> dict[str, torch.Tensor]:
    """A copy of the weights, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def mixed(start: State, end: State, share: float) -> dict[str, torch.Tensor]:
    """`share` of `end` and the rest of `start`; what is no floating-point number is `end`'s."""
    return {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in end.items()
    }


def blend(
    model: Any,
    start: State,
    trained: EpochRecord,
    selection: Selection,
    *,
    accuracy: Callable[[], float],
    measure: Callable[[float, float], EpochRecord],
) -> Blending:
    """Measure mixtures and leave `model` with the weights of the best.

    Robustness falls with the share of the trained weights. Where it is what is chosen by, mixtures are
    measured from the largest share down to the first that costs at most `max_clean_drop`: the others
    could only be less robust, and noise in a small attack would choose among them.

    Args:
        start: the weights that training started from; the model holds those that it ended with.
        trained: what those were measured to be.
        accuracy: validation accuracy of the weights that the model holds.
        measure: the whole measurement of them; it is told the share, and the accuracy from which
            they are worth attacking.
    """
    end = snapshot(model)
    model.load_state_dict(start)
    reference = accuracy()
    least = floor(reference, selection)
    tried = [Blend(1.0, trained)]
    for share in sorted(selection.blend, reverse=True):
        if selection.metric == "robust_accuracy" and tried[-1].record.accuracy >= least:
            break
        model.load_state_dict(mixed(start, end, share))
        tried.append(Blend(share, measure(share, least)))
    best = choose([item.record for item in tried], selection, reference)
    model.load_state_dict(mixed(start, end, tried[best].share))
    return Blending(reference, tuple(tried), best)

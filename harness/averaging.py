"""Averages of the weights along a training: what is evaluated, chosen and saved in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from harness.dividing import like, whole
from harness.training_plan import Averaging

COUNT = "count"
"""Beside the weights: how many updates an average has seen."""


class Average:
    """A moving average over steps (EMA), or the plain mean over the ends of epochs (SWA).

    EMA: average <- d * average + (1 - d) * weights after every optimizer step, with
    d = min(decay, (1 + t) / (10 + t)) so that the first steps are forgotten (as in TensorFlow's
    ExponentialMovingAverage). SWA: Izmailov et al., UAI 2018, equation 1, from `start_epoch` on.

    Args:
        weights: those that are trained, by name; asked for each time, as dividing them makes new ones.

    Attributes:
        state: the average and its count; saved with checkpoints, empty before the first update.
    """

    def __init__(
        self, settings: Averaging, weights: Callable[[], Mapping[str, torch.nn.Parameter]]
    ) -> None:
        self._settings, self._weights = settings, weights
        self.state: dict[str, Tensor] = {}

    def after_step(self) -> None:
        """An optimizer step was made."""
        if self._settings.method == "ema":
            count = int(self.state.get(COUNT, torch.zeros((), dtype=torch.int64)))
            decay = min(self._settings.decay, (1 + count) / (10 + count))
            self._update(count, 1 - decay)

    def after_epoch(self, epoch: int) -> None:
        """An epoch, counted from 0, has ended."""
        if self._settings.method == "swa" and epoch >= self._settings.start_epoch:
            count = int(self.state.get(COUNT, torch.zeros((), dtype=torch.int64)))
            self._update(count, 1 / (count + 1))

    @contextmanager
    def in_place(self) -> Iterator[bool]:
        """The model holds the average in here, where there is one yet; says whether it does."""
        if not self.state:
            yield False
            return
        weights = self._weights()
        kept = {name: weight.detach().clone() for name, weight in weights.items()}
        try:
            load(weights, self.state)
            yield True
        finally:
            load(weights, kept)

    def saved(self) -> dict[str, Tensor]:
        """The state with nothing divided; called by all processes together."""
        return {name: whole(value) for name, value in self.state.items()}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take over what `saved` gave, each tensor divided as its weight is."""
        weights = self._weights()
        for name, value in saved.items():
            self.state[name] = like(value, weights[name]) if name in weights else value

    def _update(self, count: int, share: float) -> None:
        for name, weight in self._weights().items():
            value = weight.detach()
            if name in self.state:
                self.state[name].lerp_(value, share)
            else:
                self.state[name] = value.clone()
        self.state[COUNT] = torch.tensor(count + 1)


def load(weights: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Copy tensors into the weights of their names."""
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(state[name])

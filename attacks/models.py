"""What the scheduler asks of a model, whether it is the victim or serves a constraint."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Inputs = tuple[str, ...]
"""One input: the string of every field, in the order of `attacks.text.Text.fields`."""

Floats = npt.NDArray[np.float32]


class Model(Protocol):
    """A batched function from inputs to rows of numbers.

    `encode` and `run` are apart so that a text is tokenized once, on arrival, and the scheduler can
    sort by length (`len()` of an encoding is its cost, in tokens) before it fills a batch.
    """

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the outputs: two models that share it share a cache."""

    def encode(self, inputs: Sequence[Inputs]) -> Sequence[Sized]:
        """One encoding an input, in order."""

    def run(self, batch: Sequence[Any]) -> Floats:
        """Outputs of shape (len(batch), width), float32, rows in the order of the batch."""


class Victim(Model, Protocol):
    """The model under attack. `run` returns logits of shape (n, len(labels)).

    A victim that knows only probabilities returns their logarithm.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names; a label's number is its place here."""

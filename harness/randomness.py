"""Global random states: saved, restored, kept."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


class TorchState:
    """A copy of torch's generators, of the CPU and of the device in use."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._host = torch.get_rng_state()
        self._there = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        """Put the generators back to where they were when the copy was made."""
        torch.set_rng_state(self._host)
        if self._there is not None:
            torch.cuda.set_rng_state(self._there, self._device)


@contextmanager
def untouched(device: torch.device) -> Iterator[None]:
    """Whatever runs inside leaves no trace in the global generators.

    Attacks and evaluations inside a training run under it, so that the weights do not depend on whether
    they were made in this process or read back after a restart.
    """
    state, python, numpy = TorchState(device), random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        state.restore()
        random.setstate(python)
        np.random.set_state(numpy)


def derived(seed: int, *role: object) -> int:
    """A 63-bit seed for one role in a run, e.g. `derived(seed, "augment", epoch)`."""
    text = "\x1f".join(str(part) for part in (seed, *role))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

"""A victim that answers by chance, asked several times: the mean of its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from attacks.models import Truncating, Victim
from attacks.questions import Floats, Inputs
from attacks.rounding import SMALLEST, softmax


class Averaged:
    """The expectation of a randomised victim's probabilities, over so many answers to each text.

    An attack on single draws wins or loses by luck: what is attacked must be the expectation (Athalye,
    Carlini and Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018, section 4.2). It
    can only be asked: gradients of an expectation are not had from here.

    Args:
        victim: answers anew each time that it is run.
        repeats: answers to each text, 2 or more; so many times it costs.
    """

    def __init__(self, victim: Victim, repeats: int) -> None:
        if repeats < 2:
            raise ValueError(f"a mean is over two answers or more, and not {repeats}")
        self._victim = victim
        self.repeats = repeats
        self.labels = victim.labels
        self.fingerprint = hashlib.sha256(f"{victim.fingerprint}*{repeats}".encode()).hexdigest()

    def encode(self, inputs: Sequence[Any]) -> Sequence[Sized]:
        """As the victim's own."""
        return self._victim.encode(inputs)

    def run(self, batch: Sequence[Any]) -> Floats:
        """Logarithms of the mean probabilities, shape (len(batch), len(labels))."""
        drawn = [
            softmax(np.asarray(self._victim.run(batch), dtype=np.float32), 1.0)
            for _ in range(self.repeats)
        ]
        logits: Floats = np.log(np.maximum(np.mean(drawn, axis=0), SMALLEST)).astype(np.float32)
        return logits

    def reach(self, strings: Inputs) -> tuple[int, ...]:
        """See `attacks.models.Truncating`: all there is where the victim reads all."""
        if isinstance(self._victim, Truncating):
            return self._victim.reach(strings)
        return tuple(map(len, strings))


def expected(victim: Victim, repeats: int) -> Victim:
    """The victim, or the mean of its answers where each text is to be asked about more than once."""
    return victim if repeats == 1 else Averaged(victim, repeats)

"""How numbers are compared, so that float noise decides nothing."""

from __future__ import annotations

import numpy as np

from attacks.questions import Floats

DECIMALS = 6
"""Scores are compared after rounding to this many decimals.

Float32 softmax differs by about 1e-7 between batch shapes; ties that it would break are broken by the
order of the candidates instead, so that an outcome does not depend on the batch it was scored in.
"""

MARGIN_DECIMALS = 4
"""The same for differences of logits, which have the noise of numbers of about 10."""

SMALLEST = 1e-30
"""Probabilities are held above this before their logarithm is taken (float32 ends near 1e-38)."""

GAIN_DECIMALS = 4
"""First-order estimates are compared after rounding to so many decimals of the largest."""


def predicted(probabilities: Floats) -> int:
    """Number of the most probable label after rounding; the lowest number among equals."""
    return int(probabilities.round(DECIMALS).argmax())


def comparable(row: Floats) -> list[float]:
    """Estimates relative to the largest and rounded, so that float noise decides nothing."""
    largest = float(np.abs(row).max(initial=0.0)) or 1.0
    found: list[float] = (row.astype(np.float64) / largest).round(GAIN_DECIMALS).tolist()
    return found


def softmax(logits: Floats, temperature: float) -> Floats:
    """Class probabilities of logits / temperature, over the last axis, in float64 internally."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    exponentials = np.exp(scaled)
    probabilities: Floats = (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(
        np.float32
    )
    return probabilities

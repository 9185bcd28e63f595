"""Soft labels: what the starting model says of the unaltered training texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attacks.outcomes import Example
from harness.calibration import softmax
from reports.storage import write_atomic

NAME = "answers"


def soft_targets(
    share: float,
    examples: Sequence[Example],
    predict: Callable[[Sequence[Example]], Any],
    path: Path,
) -> list[tuple[float, ...]]:
    """One target an example: `share` of the model's probabilities and the rest of the label.

    Args:
        predict: logits of the examples under the starting weights, shape (n, classes).
        path: a safetensors file that keeps the probabilities, so that a restart has the same bits.
    """
    from safetensors.numpy import load, save

    if path.exists():
        answers = load(path.read_bytes())[NAME]
    else:
        answers = softmax(predict(examples)).astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, save({NAME: answers}))
    gold = np.eye(answers.shape[1], dtype=np.float32)[[example.label for example in examples]]
    return [tuple(row) for row in (share * answers + (1 - share) * gold).tolist()]

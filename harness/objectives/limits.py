"""Checks of an objective's parameters."""

from __future__ import annotations

import math
from typing import Any

from harness.errors import HarnessError


def check(objective: Any, *, name: str, counts: str = "", numbers: str = "") -> None:
    """Raise HarnessError unless `counts` are 1 or more and `numbers` finite and not below 0.

    Both are attribute names, separated by spaces.
    """
    for key in counts.split():
        if getattr(objective, key) < 1:
            raise HarnessError(
                f"{name}: {key} must be 1 or more; given: {getattr(objective, key)}."
            )
    for key in numbers.split():
        value = getattr(objective, key)
        if not (math.isfinite(value) and value >= 0):
            raise HarnessError(f"{name}: {key} must be a number from 0; given: {value}.")

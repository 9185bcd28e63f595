"""Foreign code that asks in the middle of its work, run aside until it does.

TextAttack's searches call the model and wait for its answer. In coroutines of their own (greenlets)
they can wait while other searches go on, so that the scheduler sees all their questions together.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import greenlet
import numpy as np
import torch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """What the foreign code waits for: the answer of `model` to `inputs`."""

    model: str
    inputs: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What the foreign code returned."""

    value: T


class Aside(Generic[T]):
    """`work`, to be resumed with an answer until it has ended.

    The code draws from the random generators of `random`, numpy and torch. It is given their states as
    they were when it was interrupted, and others theirs back, so that what it draws depends on `seed`
    alone and not on what else is going on.
    """

    def __init__(self, work: Callable[[], T], seed: int) -> None:
        self._greenlet = greenlet.greenlet(work)
        self._states = _seeded(seed)
        self._started = False

    def resume(self, answer: Any = None) -> Question | Ended[T]:
        """Go on with the answer to the last question. Raises whatever `work` raises."""
        before = _states()
        _restore(self._states)
        try:
            found = self._greenlet.switch(answer) if self._started else self._switch_first()
        finally:
            self._states = _states()
            _restore(before)
        return Ended(found) if self._greenlet.dead else found

    def _switch_first(self) -> Any:
        self._started = True
        return self._greenlet.switch()

    def close(self) -> None:
        """Give the work up."""
        if self._started and not self._greenlet.dead:
            self._greenlet.throw()


def ask(question: Question) -> Any:
    """Called by the code that runs aside: wait for the answer."""
    parent = greenlet.getcurrent().parent
    assert parent is not None  # noqa: S101 - only ever called inside Aside
    return parent.switch(question)


_States = tuple[Any, Any, torch.Tensor]


def _states() -> _States:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _restore(states: _States) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def _seeded(seed: int) -> _States:
    before = _states()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    states = _states()
    _restore(before)
    return states

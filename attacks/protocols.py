"""The parts that a recipe combines, as small interfaces.

A search is a generator: it yields an `Ask` whenever it needs a model and is resumed with the model's
rows. It handles one example and knows nothing of batches; the scheduler keeps many searches in flight
and merges what they ask for. Whatever needs a model inside a search is a generator as well (`Steps`),
entered by `yield from`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from attacks.models import Floats, Question
from attacks.text import Candidate

if TYPE_CHECKING:
    from attacks.engine.attempt import Attempt

VICTIM = "victim"
"""Name of the model under attack in the scheduler's table of models."""
FIRST_ORDER = "first_order"
NEAREST_WORDS = "nearest_words"
"""Names of its gradients and its word vectors in the same table (see `attacks.models.WhiteBox`)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Have `model` run on `inputs`; it is resumed with one answer an input, in order.

    Rows of numbers come as one array, shape (len(inputs), width); other answers in a list.
    """

    model: str
    inputs: tuple[Question, ...]


T = TypeVar("T")
Steps = Generator[Ask, Any, T]


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with the victim's answer.

    `score` is the goal's: higher is nearer to success; rounded, so that float noise decides nothing.
    """

    candidate: Candidate
    score: float
    succeeded: bool
    predicted: int
    confidence: float


class Goal(Protocol):
    """What the attack is after."""

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """(score, succeeded) for one row of class probabilities, shape (labels,)."""


class Transformation(Protocol):
    """Ways to rewrite one word."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """Strings to try in the place of word `index`, in a stated order, without the word itself."""


class ModelTransformation(Protocol):
    """Ways to rewrite one word that need a model: batched by the scheduler."""

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[str]]:
        """As `Transformation.replacements`, by asking."""


def proposals(
    part: Transformation | ModelTransformation,
    current: Candidate,
    index: int,
    rng: np.random.Generator,
) -> Steps[Sequence[str]]:
    """What either kind of transformation proposes."""
    if hasattr(part, "propose"):  # isinstance of a protocol takes ten times as long
        found: Sequence[str] = yield from part.propose(current, index, rng)
        return found
    return part.replacements(current, index, rng)


class Protection(Protocol):
    """Words that must not be touched (a pre-constraint: it is asked before anything is proposed)."""

    def allows(self, current: Candidate, index: int) -> bool:
        """Whether word `index` of the original may be edited."""


@runtime_checkable
class Constraint(Protocol):
    """A condition on a candidate that needs no model."""

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """Whether `candidate`, made from `previous` by one more edit, is still acceptable."""


@runtime_checkable
class ModelConstraint(Protocol):
    """A condition that needs a model: batched by the scheduler, asked after the cheap ones."""

    def filter(self, candidates: Sequence[Candidate], previous: Candidate) -> Steps[Sequence[bool]]:
        """Which candidates are acceptable, in order."""


class Search(Protocol):
    """The order in which candidates are tried."""

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """Look for a success with `attempt.propose` and `attempt.score`; return the best found.

        It scores the original first, by `attempt.start` or `attempt.first_order`.
        """

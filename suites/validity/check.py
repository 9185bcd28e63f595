"""What a check is: a count of examples with the bound that the count should meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model, Victim
from attacks.outcomes import Event, Example, Finished, Status
from attacks.questions import Inputs
from attacks.recipe import Recipe
from attacks.rounding import DECIMALS, softmax
from harness.prediction import rows_of
from reports.records import OutcomeRecord

Kind = Literal["doubt", "weakness"]
About = Literal["failures", "successes"]


@dataclass(frozen=True)
class Asked:
    """What a check may look at.

    Attributes:
        attacked: the examples that the attacks are run on.
        test: all test examples; `train` training examples.
        predicted: label numbers that the victim gave to the unaltered test examples, by id, as they are
            on record (None: no finite answer).
        models: constraint models by name, for attacks.
    """

    victim: Victim
    attacked: Sequence[Example]
    test: Sequence[Example]
    train: Sequence[Example]
    predicted: Mapping[str, int | None]
    seed: int = 0
    models: Mapping[str, Model] = field(default_factory=dict)
    config: EngineConfig = EngineConfig()
    cache: Cache = field(default_factory=Cache)

    def probabilities(self, texts: Sequence[Inputs], batch_size: int = 64) -> np.ndarray[Any, Any]:
        """Class probabilities, shape (texts, labels), rounded as the engine compares them; no cache."""
        if not texts:
            return np.zeros((0, len(self.victim.labels)))
        rows = np.stack(rows_of(self.victim, texts, batch_size=batch_size))
        return softmax(rows, 1.0).round(DECIMALS)

    def answers(self, texts: Sequence[Inputs]) -> list[int | None]:
        """The label number that each text is given; None where the answer is not finite."""
        rows = self.probabilities(texts)
        return [int(row.argmax()) if np.isfinite(row).all() else None for row in rows]

    def right(self, most: int) -> list[Example]:
        """The first `most` attacked examples that the victim answers rightly."""
        return [e for e in self.attacked if self.predicted.get(e.id) == e.label][:most]


@dataclass(frozen=True)
class Counted:
    """What a check saw: `count` of `n` examples.

    Attributes:
        facts: plain values that its sentence names.
        examples: ids of examples that count, or that do not where the bound is a lower one: those to
            look at.
        reason: why nothing could be counted, where n is 0.
    """

    n: int
    count: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """What is counted and how much of it is too much, or too little.

    Attributes:
        kind: a "doubt" is about the evidence and makes a pass inconclusive; a "weakness" is the model's.
        title: what is counted, for tables.
        means: what follows where the bound is missed: a clause, with {facts} put in.
        at_most, at_least: one of the two; it is missed where the whole 95% interval lies beyond it.
        source: where check and bound come from.
        about: what a doubt is about: an attack's failures, so that the model looks too robust, or its
            successes, so that it looks too broken.
    """

    name: str
    kind: Kind
    title: str
    means: str
    source: str
    at_most: float | None = None
    at_least: float | None = None
    about: About = "failures"


@dataclass(frozen=True)
class ModelCheck(Check):
    """A check of the victim or of the data. `measure` looks and counts."""

    measure: Callable[[Asked], Counted] = field(kw_only=True)


@dataclass(frozen=True)
class AttackCheck(Check):
    """A check of one attack, after it was run. `measure` is given its outcomes too."""

    measure: Callable[[Asked, Recipe, Sequence[OutcomeRecord]], Counted] = field(kw_only=True)


class CheckError(Exception):
    """A check could not be carried out to the end."""


def succeeded(events: Iterable[Event]) -> set[str]:
    """Ids of the examples on which a search of a check succeeded.

    Raises CheckError where it errored on one: neither a success nor a failure, and nothing to count.
    """
    found = set()
    for event in events:
        if isinstance(event, Finished):
            outcome = event.outcome
            if outcome.status == Status.ERRORED:
                raise CheckError(f"example {outcome.example_id} errored:\n{outcome.error}")
            if outcome.status == Status.SUCCEEDED:
                found.add(outcome.example_id)
    return found

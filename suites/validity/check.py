"""What a check is: a count of examples with the bound that the count should meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model, Victim
from attacks.outcomes import Example
from attacks.questions import Inputs
from attacks.recipe import Recipe
from attacks.rounding import DECIMALS, softmax
from harness.prediction import rows_of
from reports.records import OutcomeRecord

Kind = Literal["doubt", "weakness"]


@dataclass(frozen=True)
class Asked:
    """What a check may look at.

    Attributes:
        attacked: the examples that the attacks are run on.
        test: all test examples; `train` training examples.
        models: constraint models by name, for attacks.
    """

    victim: Victim
    attacked: Sequence[Example]
    test: Sequence[Example]
    train: Sequence[Example]
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

    def right(self, examples: Sequence[Example], most: int) -> list[Example]:
        """The first `most` of them that the victim answers rightly."""
        found = self.probabilities([example.text.strings for example in examples[: 4 * most]])
        answered = zip(examples, found, strict=False)
        return [e for e, row in answered if int(row.argmax()) == e.label][:most]


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
    """

    name: str
    kind: Kind
    title: str
    means: str
    source: str
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True)
class ModelCheck(Check):
    """A check of the victim or of the data. `measure` looks and counts."""

    measure: Callable[[Asked], Counted] = field(kw_only=True)


@dataclass(frozen=True)
class AttackCheck(Check):
    """A check of one attack, after it was run. `measure` is given its outcomes too."""

    measure: Callable[[Asked, Recipe, Sequence[OutcomeRecord]], Counted] = field(kw_only=True)

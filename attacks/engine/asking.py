"""Questions through the scheduler without an attack behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from attacks.engine import scheduler
from attacks.engine.attempt import Attempt, NothingToAttack
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job
from attacks.goals import Untargeted
from attacks.models import Model
from attacks.outcomes import Example, Finished, Tick
from attacks.protocols import Ask, Scored, Steps
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.transformations import Composite

WAITING = 16
"""Full batches of inputs that wait at once, so that those of one length fill a batch."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of some questions.

    Attributes:
        answers: of each `Ask` that was answered whole, by its place, in the form that `Ask` promises.
        errors: of each other, by its place, what went wrong.
        scored: inputs that the victim really ran; `cached` those that were answered without it.
    """

    answers: Mapping[int, Any]
    errors: Mapping[int, str]
    scored: int
    cached: int


def ask_all(
    asks: Sequence[Ask],
    models: Mapping[str, Model],
    config: EngineConfig = EngineConfig(),
    cache: Cache | None = None,
) -> Asked:
    """Have every `Ask` answered.

    Inputs are batched by length, batches are halved when memory ends, and an input that its model cannot
    answer spoils the one `Ask` that it stands in.

    Raises AttackError where a model is missing.
    """
    answers: dict[int, Any] = {}
    errors: dict[int, str] = {}
    last = Tick(0, 0, 0.0, 0.0)
    longest = max((len(ask.inputs) for ask in asks), default=1)
    window = max(config.window, WAITING * config.batch_size // max(1, longest))
    jobs = (
        Job(Example(str(place), Text.of(""), 0), _recipe(ask, place, answers))
        for place, ask in enumerate(asks)
    )
    for event in scheduler.run(jobs, models, replace(config, window=window), cache):
        if isinstance(event, Tick):
            last = event
        elif isinstance(event, Finished) and event.outcome.error is not None:
            errors[int(event.outcome.example_id)] = event.outcome.error
    return Asked(answers, errors, last.scored, last.cached)


@dataclass(frozen=True)
class _Put:
    """A search that asks what it was given and notes the answer."""

    ask: Ask
    place: int
    answers: dict[int, Any]

    def run(self, attempt: Attempt) -> Steps[Scored]:
        self.answers[self.place] = yield self.ask
        raise NothingToAttack


def _recipe(ask: Ask, place: int, answers: dict[int, Any]) -> Recipe:
    return Recipe(
        name="asking",
        family="sentence",
        source="none: nothing is attacked",
        goal=Untargeted(),
        transformation=Composite(()),
        search=_Put(ask, place, answers),
        needs=(ask.model,),
    )

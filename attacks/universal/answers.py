"""What a victim answers to texts, with a trigger or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attacks.engine.asking import ask_all
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Victim
from attacks.outcomes import Example
from attacks.protocols import VICTIM, Ask
from attacks.questions import Inputs
from attacks.rounding import predicted, softmax
from attacks.universal.trigger import Trigger


def answers(
    examples: Sequence[Example],
    victim: Victim,
    trigger: Trigger | Callable[[Example], Trigger] | None = None,
    *,
    config: EngineConfig = EngineConfig(),
    cache: Cache | None = None,
) -> list[int | None]:
    """The label that the victim predicts for each example; None where it has no answer.

    `trigger` stands before every text; a function gives each example one of its own.
    """

    def shown(example: Example) -> Inputs:
        its = trigger(example) if callable(trigger) else trigger
        text = example.text
        return text.strings if its is None else its.before(text, text.strings)

    asks = [Ask(VICTIM, (shown(example),)) for example in examples]
    rows = ask_all(asks, {VICTIM: victim}, config, cache).answers
    return [
        predicted(softmax(rows[place], 1.0)[0]) if place in rows else None
        for place in range(len(examples))
    ]

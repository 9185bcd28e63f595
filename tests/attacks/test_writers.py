"""Victims that write, and goals that judge what they write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from attacks.engine.scheduler import Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import AnyGoal
from attacks.questions import Inputs, Written
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.text import Text
from attacks.victims.function import FunctionVictim, FunctionWriter
from tests.attacks.small import Others

SPOKEN = {"a": "one", "b": "two", "c": "one"}


@dataclass(frozen=True)
class Differs:
    """As many words as possible differ from the reference, at least two."""

    def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
        pairs = zip(written.text.split(), (reference or "").split(), strict=True)
        wrong = sum(a != b for a, b in pairs)
        return float(wrong), wrong >= 2


def translate(texts: Sequence[str] | Sequence[Inputs]) -> list[str]:
    return [" ".join(SPOKEN[word] for word in text.split()) for text in texts]  # type: ignore[union-attr]


WRITER = FunctionWriter(translate, writes="translations")
RECIPE = Recipe("w", "word", "a test", Differs(), Others(), Beam())


def attack(recipe: Recipe = RECIPE, text: str = "a a c", reference: str = "one one one") -> Outcome:
    example = Example("x", Text.of(text), 0, reference=reference)
    events = run([Job(example, recipe)], {"victim": WRITER})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    return found


def test_a_search_ends_with_what_the_victim_wrote() -> None:
    found = attack()
    assert found.status is Status.SUCCEEDED
    assert found.reference == found.written_before == "one one one"
    assert found.written_after is not None
    assert found.written_after.split().count("two") == 2
    assert found.predicted_before is found.predicted_after is found.confidence_before is None


def test_an_example_that_meets_the_goal_already_is_skipped() -> None:
    found = attack(text="b b a")
    assert found.status is Status.SKIPPED
    assert (found.written_before, found.queries) == ("two two one", 1)


@pytest.mark.parametrize("goal", [Untargeted(), Differs()])
def test_a_goal_for_victims_of_the_other_kind_is_refused(goal: AnyGoal) -> None:
    labels = FunctionVictim(lambda texts: [[0.5, 0.5]] * len(texts), ("a", "b"))
    victim = WRITER if isinstance(goal, Untargeted) else labels
    job = Job(Example("x", Text.of("a b c"), 0), replace(RECIPE, goal=goal))
    with pytest.raises(AttackError, match="Use an attack or a goal for"):
        list(run([job], {"victim": victim}))


@pytest.mark.parametrize("answer", ["one", ["one"], ["one"] * 3])
def test_a_function_that_returns_another_number_of_texts_is_an_error(answer: list[str]) -> None:
    with pytest.raises(AttackError, match="was given 2 texts; it must return a list of as many"):
        FunctionWriter(lambda _: answer).run([("a",), ("b",)])

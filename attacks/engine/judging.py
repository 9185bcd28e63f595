"""What the victim is asked of a candidate, and what its answer is worth."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from attacks.outcomes import Example
from attacks.protocols import AnyGoal, ContinuationGoal, TextGoal, WrittenGoal
from attacks.questions import Question
from attacks.text import Candidate


def judging(
    goal: AnyGoal, example: Example, reference: Callable[[], str | None]
) -> Callable[[Candidate, Any], tuple[float, bool]]:
    """What judges a candidate and the victim's answer to it.

    Kinds of goal are told apart once: to ask a protocol for every candidate would cost more than the
    judgement.
    """
    label = example.label
    if isinstance(goal, WrittenGoal):
        judge_written = goal.judge_written
        return lambda _, written: judge_written(written, reference())
    if isinstance(goal, TextGoal):
        judge_text = goal.judge_text
        return lambda candidate, probabilities: judge_text(candidate, probabilities, label)
    judge = goal.judge
    return lambda _, probabilities: judge(probabilities, label)


def asking(goal: AnyGoal, example: Example) -> Callable[[Candidate], Question]:
    """What the victim is asked of a candidate."""
    if isinstance(goal, ContinuationGoal):
        question, stem, reference = goal.question, example.text.strings, example.reference
        return lambda candidate: question(candidate.strings, stem, reference)
    return attrgetter("strings")

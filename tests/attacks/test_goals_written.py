"""Goals for victims that write, beside TextAttack's and NLTK's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from attacks import goals
from attacks.bridge.importing import textattack
from attacks.engine.scheduler import Job, run
from attacks.errors import AttackError
from attacks.goals_written import JudgedWritten, MinimumBleu, NonOverlapping, bleu, words
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import WrittenGoal
from attacks.questions import Written
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.text import Text
from attacks.victims.function import FunctionWriter
from tests.attacks.small import Others

sentences = st.lists(
    st.sampled_from(["the", "a", "cat", "Cat", "sat", "it's", "well-made", ",", "on", "3"]),
    max_size=9,
).map(" ".join)


def theirs(name: str, written: str, reference: str) -> tuple[float, bool]:
    """What TextAttack's goal function says of a text."""
    goal: Any = object.__new__(getattr(textattack().goal_functions, name))
    goal.ground_truth_output, goal.target_bleu = reference, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(goal._get_score(written, reference)), bool(
            goal._is_goal_complete(written, reference)
        )


@settings(deadline=None)  # the first use imports TextAttack
@given(sentences, sentences)
@example("the cat sat on the cat", "the cat sat on a cat , it's the cat")
def test_bleu_is_textattack_s_with_the_two_texts_in_their_places(a: str, b: str) -> None:
    """TextAttack hands NLTK what was written as the reference."""
    assume(len(words(a)) >= 4)
    assume(words(b))
    score, succeeded = theirs("MinimizeBleu", a, b)
    found = MinimumBleu().judge_written(Written(b), a)
    assert found == (pytest.approx(score, abs=1e-6), succeeded)


@settings(deadline=None)
@given(sentences, sentences)
def test_overlap_is_textattack_s(a: str, b: str) -> None:
    score, succeeded = theirs("NonOverlappingOutput", a, b) if words(b) else (0.0, False)
    found = NonOverlapping().judge_written(Written(a), b)
    assert found == (pytest.approx(score, abs=1e-6), succeeded)


@settings(deadline=None)  # NLTK
@given(sentences, sentences)
def test_bleu_is_one_of_the_reference_alone_and_smoothing_only_adds(a: str, b: str) -> None:
    assert bleu(a, a) == bleu(a, a, smoothed=False) == 1
    for smoothed in (True, False):
        assert 0 <= bleu(a, b, smoothed=smoothed) <= 1
    assert bleu(a, b, smoothed=False) <= bleu(a, b)


@pytest.mark.parametrize(
    ("goal", "written", "reference", "expected"),
    [
        (MinimumBleu(), "one two three four", "one two three four", (0.0, False)),
        (MinimumBleu(), "one two three five", "one two three four", (1.0, True)),
        (MinimumBleu(smoothed=True), "one two three five", "one two three four", (0.405396, False)),
        (MinimumBleu(0.6, True), "one two three five", "one two three four", (0.405396, True)),
        (MinimumBleu(), "one two", "one two", (0.0, False)),
        (MinimumBleu(), "two one", "one two", (1.0, True)),
        (MinimumBleu(), "", "one two", (1.0, True)),
        (MinimumBleu(), "one two", None, (0.0, False)),
        (NonOverlapping(), "two one", "one two", (1.0, True)),
        (NonOverlapping(), "two", "one two", (0.5, False)),
        (NonOverlapping(), "two one", None, (0.0, False)),
        (NonOverlapping(), "two", "", (0.0, False)),
        (NonOverlapping(), "我你爱", "我爱你", (0.666667, False)),
        (JudgedWritten(lambda a, b: (len(a) / 3, a == b), "x"), "a", "a", (0.333333, True)),
    ],
)
def test_judgements(
    goal: WrittenGoal, written: str, reference: str | None, expected: tuple[float, bool]
) -> None:
    assert goal.judge_written(Written(written), reference) == expected


def attack(goal: WrittenGoal, text: str = "a a a a a", reference: str | None = None) -> Outcome:
    """Against a victim that repeats what it is given."""
    recipe = Recipe("w", "word", "a test", goal, Others(), Beam())
    job = Job(Example("x", Text.of(text), 0, reference=reference), recipe)
    events = run([job], {"victim": FunctionWriter(lambda texts: [str(t) for t in texts])})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    return found


def test_without_a_reference_it_is_what_was_written_first() -> None:
    found = attack(NonOverlapping())
    assert (found.status, found.reference) == (Status.SUCCEEDED, None)
    assert found.written_before == "a a a a a"
    assert "a" not in (found.written_after or "a").split()
    few = attack(MinimumBleu())
    assert few.status is Status.SUCCEEDED
    assert len(few.changes) == 1, "one word in the middle leaves no four in a row"


def test_a_reference_that_is_missed_already_leaves_nothing_to_attack() -> None:
    assert attack(NonOverlapping(), reference="b b b b b").status is Status.SKIPPED


def test_a_function_decides_by_both_texts() -> None:
    seen = set()

    def shorter(written: str, reference: str | None) -> tuple[float, bool]:
        seen.add(reference)
        return written.count("b"), written.count("b") == 3

    found = attack(JudgedWritten(shorter, "three-b"))
    assert (found.status, len(found.changes)) == (Status.SUCCEEDED, 3)
    assert seen == {None, "a a a a a"}
    broken = attack(JudgedWritten(lambda a, b: (float("inf"), False), "endless"))
    assert "'endless' gave the score inf" in (broken.error or "")


@pytest.mark.parametrize(
    ("spec", "goal"),
    [
        ("minimize-bleu", MinimumBleu()),
        ("minimize-bleu:0.25", MinimumBleu(0.25)),
        ("non-overlapping", NonOverlapping()),
    ],
)
@pytest.mark.parametrize("labels", [(), ("no", "yes")])
def test_goals_have_names(spec: str, goal: WrittenGoal, labels: tuple[str, ...]) -> None:
    assert goals.parsed(spec, labels) == goal


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("minimize-bleu:", "no BLEU"),
        ("minimize-bleu:low", "'low' is no BLEU"),
        ("minimize-bleu:1", "lies between 0 and 1"),
        ("minimize-bleu:nan", "lies between 0 and 1"),
        ("overlapping", r"Allowed: for models that write: minimize-bleu\[:TARGET\]"),
    ],
)
def test_other_names_are_refused(spec: str, message: str) -> None:
    with pytest.raises(AttackError, match=message):
        goals.parsed(spec, ())

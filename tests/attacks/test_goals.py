"""What counts as success, and that any recipe can be after it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from attacks import goals, recipes
from attacks.constraints import NoRepeat
from attacks.engine.scheduler import Job, run
from attacks.errors import AttackError
from attacks.goals import HardLabel, Judged, Reduced, Targeted, Untargeted
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import FIRST_ORDER, NEAREST_WORDS, RELAXED, Goal, Search
from attacks.questions import Floats
from attacks.recipe import Recipe
from attacks.searches import Beam, WordImportance
from attacks.text import Text
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from attacks.victims.huggingface import HuggingFaceVictim
from tests.attacks.small import Others, Table, tables
from tests.harness import tiny

LABELS = ("low", "middle", "high")
GREEDY = Beam()


def row(*probabilities: float) -> Floats:
    return np.array(probabilities, dtype=np.float32)


def by_counts(texts: list[str]) -> list[list[float]]:
    """Low for as many "a" as there are, middle for "b", high for "c"."""
    counts = np.array([[1 + 2 * text.split().count(word) for word in "abc"] for text in texts])
    found: list[list[float]] = (counts / counts.sum(1, keepdims=True)).tolist()
    return found


def attack(
    goal: Goal, search: Search = GREEDY, text: str = "a a a b b c c", label: int = 0
) -> Outcome:
    """A text of each of three classes by the words in it; attacks swap its words."""
    recipe = Recipe("g", "word", "a test", goal, Others(), search, (NoRepeat(),))
    victim = FunctionVictim(by_counts, LABELS)
    events = run([Job(Example("x", Text.of(text), label), recipe)], {"victim": victim})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    return found


@pytest.mark.parametrize(
    ("goal", "probabilities", "expected"),
    [
        (Untargeted(), (0.5, 0.2, 0.3), (0.5, False)),
        (Untargeted(), (0.2, 0.5, 0.3), (0.8, True)),
        (Untargeted(0.6), (0.2, 0.5, 0.3), (0.8, False)),
        (Targeted(2), (0.5, 0.2, 0.3), (0.3, False)),
        (Targeted(2), (0.2, 0.5, 0.3), (0.3, False)),
        (Targeted(2), (0.2, 0.3, 0.5), (0.5, True)),
        (Targeted(1), (0.5, 0.5, 0.0), (0.5, False)),
        (HardLabel(), (0.5, 0.2, 0.3), (0.0, False)),
        (HardLabel(), (0.4, 0.41, 0.19), (1.0, True)),
        (HardLabel(), (0.5, 0.5, 0.0), (0.0, False)),
        (Judged(lambda p, label: (float(p[1] - p[label]), p[1] > 0.4), "x"), (0.5, 0.4, 0.1), None),
    ],
)
def test_judgements(
    goal: Goal, probabilities: tuple[float, ...], expected: tuple[float, bool] | None
) -> None:
    assert goal.judge(row(*probabilities), 0) == (expected or (-0.1, False))


def test_a_targeted_attack_is_content_with_its_target_alone() -> None:
    assert attack(Untargeted()).predicted_after == 1, "one word is enough, the first in order"
    found = attack(Targeted(2))
    assert (found.status, found.predicted_after) == (Status.SUCCEEDED, 2)
    assert {change.after for change in found.changes} == {"c"}


def test_an_example_of_the_target_is_skipped_though_it_is_right() -> None:
    found = attack(Targeted(0))
    assert (found.status, found.predicted_before, found.label) == (Status.SKIPPED, 0, 0)
    assert (found.perturbed, found.queries) == (None, 1)
    wrong = attack(Targeted(2), label=1)
    assert (wrong.status, wrong.predicted_before) == (Status.SKIPPED, 0)


def test_a_target_that_is_no_label_ends_the_campaign() -> None:
    with pytest.raises(AttackError, match="label number 3, and the victim has 3"):
        attack(Targeted(3))
    with pytest.raises(AttackError, match="0 or more"):
        Targeted(-1)


@given(tables)
def test_a_beam_over_everything_succeeds_by_labels_alone(logits: list[float]) -> None:
    recipe = Recipe("h", "word", "a test", HardLabel(), Others(), Beam(27), (NoRepeat(),))
    job = Job(Example("x", Text.of("a a a"), 1), recipe)
    events = run([job], {"victim": Table(logits)})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    assert (found.status is Status.SUCCEEDED) == (min(logits) < 0)


def test_what_keeps_only_what_helps_tries_single_words_without_probabilities() -> None:
    text = "a a a a b"
    search = WordImportance("delete")
    assert attack(Untargeted(), search, text).status is Status.SUCCEEDED
    found = attack(HardLabel(), search, text)
    assert found.status is Status.FAILED
    assert found.queries == 1 + 5 + 10, "the text, each word left out, two rewrites a word"


def test_a_function_decides() -> None:
    def sure_of_high(probabilities: Floats, label: int) -> tuple[float, bool]:
        assert (probabilities == probabilities.round(6)).all()
        return float(probabilities[2]), bool(probabilities[2] >= 0.7)

    goal = Judged(sure_of_high, "sure-of-high")
    found = attack(goal, Beam(27))
    assert found.status is Status.SUCCEEDED
    assert by_counts([(found.perturbed or ("",))[0]])[0][2] >= 0.7
    assert recipes.load("pwws").aimed_at(goal).parameters()["goal"] == {
        "kind": "Judged",
        "name": "sure-of-high",
    }


def test_a_score_that_is_no_number_is_an_error_of_the_example() -> None:
    found = attack(Judged(lambda probabilities, label: (float("nan"), False), "broken"))
    assert found.status is Status.ERRORED
    assert "'broken' gave the score nan" in (found.error or "")


@pytest.mark.parametrize(
    ("spec", "labels", "goal"),
    [
        ("untargeted", LABELS, Untargeted()),
        ("hard-label", LABELS, HardLabel()),
        ("targeted:high", LABELS, Targeted(2)),
        ("targeted:0", LABELS, Targeted(0)),
        ("targeted:1", ("1", "0"), Targeted(0)),
        ("targeted:a:b", ("c", "a:b"), Targeted(1)),
    ],
)
def test_goals_have_names(spec: str, labels: tuple[str, ...], goal: Goal) -> None:
    assert goals.parsed(spec, labels) == goal


@pytest.mark.parametrize(
    "spec",
    ["", "target", "targeted", "targeted:", "targeted:hgih", "targeted:3", "targeted:-1", "²"],
)
def test_other_goals_are_refused_with_all_that_are_allowed(spec: str) -> None:
    with pytest.raises(AttackError, match=r"hard-label.*low, middle, high.*0 to 2"):
        goals.parsed(spec, LABELS)


@pytest.mark.parametrize("name", sorted(set(recipes.BUILTIN) - {"gcg"}))
@pytest.mark.parametrize("goal", [Targeted(1), HardLabel(), Untargeted()])
def test_every_recipe_takes_every_goal(name: str, goal: Goal) -> None:
    recipe = recipes.load(name)
    if isinstance(goal, HardLabel) and {FIRST_ORDER, RELAXED} & set(recipe.needs):
        with pytest.raises(
            AttackError, match=f"'{name}' follows gradients, and the goal HardLabel"
        ):
            recipe.aimed_at(goal)
        return
    aimed = recipe.aimed_at(goal)
    assert aimed.name == name
    written = json.dumps(aimed.parameters())
    assert written.count('"goal"') == written.count(f'"kind": "{type(goal).__name__}"')


@pytest.mark.parametrize("name", ["hotflip", "gradient-step", "a2t"])
def test_gradients_lead_to_the_target_and_not_only_away_from_the_label(name: str) -> None:
    """Of two labels the other is the only wrong one: both goals must come to the same."""
    victim = HuggingFaceVictim(
        tiny.classifier(dropout=0.0).eval(), tiny.tokenizer(), ("no", "yes"), fingerprint="t"
    )
    texts = ("the film was good and the plot is warm", "a bad film and a dull plot")
    needs = tuple(n for n in recipes.load(name).needs if n in (FIRST_ORDER, NEAREST_WORDS))
    recipe = replace(recipes.load(name), constraints=(), needs=needs)
    models: dict[str, Model] = equipped(victim, {}, [recipe])
    changed = 0
    for label in (0, 1):
        examples = [Example(str(n), Text.of(text), label) for n, text in enumerate(texts)]
        away, towards = (
            [
                event.outcome
                for event in run([Job(example, aimed) for example in examples], models)
                if isinstance(event, Finished)
            ]
            for aimed in (recipe, recipe.aimed_at(Targeted(1 - label)))
        )
        assert away == towards
        changed += sum(len(outcome.changes) for outcome in away)
    assert changed > 1


def test_a_slope_has_a_label_and_a_sign() -> None:
    goals_of_class_1 = (Untargeted(), Targeted(2), Reduced())
    assert [goal.slope(1) for goal in goals_of_class_1] == [(1, 1), (2, -1), (1, -1)]


@pytest.mark.parametrize("gradients", [False, True])
def test_a_text_is_reduced_though_the_model_reads_but_its_beginning(gradients: bool) -> None:
    victim = HuggingFaceVictim(
        tiny.classifier(dropout=0.0).eval(),
        tiny.tokenizer(),
        ("no", "yes"),
        fingerprint="t",
        max_length=8,
    )
    recipe = recipes.load("input-reduction", gradients=gradients)
    models: dict[str, Model] = equipped(victim, {}, [recipe])
    text = Text.of("the film was good and the plot is warm " * 2)
    jobs = [Job(Example(str(label), text, label), recipe) for label in (0, 1)]
    found = [e.outcome for e in run(jobs, models) if isinstance(e, Finished)]
    (skipped,) = (o for o in found if o.status is Status.SKIPPED)
    (other,) = (o for o in found if o is not skipped)
    assert other.predicted_after == other.label
    left = len((other.perturbed or ("",))[0].split())
    assert left < 9, "words behind the cut have gone as well"
    assert (other.status is Status.SUCCEEDED) == (left == 1)
    assert left == 1 or not gradients


def test_a_text_is_not_reduced_to_nothing() -> None:
    with pytest.raises(AttackError, match="at least 1 word"):
        Reduced(0)

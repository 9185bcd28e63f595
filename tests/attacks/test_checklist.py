"""The CheckList attack on victims that mind a name, a number, a place or a contraction."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from attacks import recipes
from attacks.corruptions import CONTRACTIONS, ENTITIES
from attacks.corruptions.rewrites import Rewrites
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import proposals
from attacks.recipe import edits
from attacks.resources.names import kind_of
from attacks.text import Candidate, Text
from attacks.transformations import Composite, NeighbouringKey, OtherNumber
from attacks.victims.function import FunctionVictim

REVIEW = "In Paris it is said that Anna saw 12 films. I don't think that Anna's films are dull"


def attack(
    right: Callable[[str], bool], texts: Sequence[str | Text] = (REVIEW,), window: int = 4
) -> list[Outcome]:
    """Against a victim that is right of a text, or wrong."""

    def answer(given: list[str]) -> list[list[float]]:
        return [[0.1, 0.9] if right(text) else [0.8, 0.2] for text in given]

    victim = FunctionVictim(answer, ("no", "yes"))  # type: ignore[arg-type]
    jobs = [
        Job(Example(str(n), text if isinstance(text, Text) else Text.of(text), 1), CHECKLIST)
        for n, text in enumerate(texts)
    ]
    events = run(jobs, {"victim": victim}, EngineConfig(window=window))
    found = [event.outcome for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda outcome: int(outcome.example_id))


CHECKLIST = recipes.load("checklist")


@pytest.mark.parametrize(
    ("needed", "words"),
    [
        ("Anna saw", {"Anna", "Anna's"}),
        ("Anna's", {"Anna", "Anna's"}),
        ("Paris", {"Paris"}),
        ("12", {"12"}),
        ("it is", {"it", "is"}),
        ("don't", {"don't"}),
    ],
)
def test_a_victim_that_minds_one_thing_falls_to_a_change_of_it(
    needed: str, words: set[str]
) -> None:
    (outcome,) = attack(lambda text: needed in text)
    assert outcome.status is Status.SUCCEEDED
    assert {change.before for change in outcome.changes} == words


@pytest.mark.parametrize("needed", ["films", "dull", "I ", "think that", "."])
def test_a_victim_that_minds_nothing_of_the_kind_stands(needed: str) -> None:
    (outcome,) = attack(lambda text: needed in text)
    assert outcome.status is Status.FAILED
    assert outcome.queries > 1


def test_changes_add_up_and_no_word_is_changed_twice() -> None:
    kept = ("Anna saw", "Paris", "12", "don't", "it is")
    (outcome,) = attack(lambda text: any(part in text for part in kept))
    assert outcome.status is Status.SUCCEEDED
    assert outcome.perturbed is not None
    assert " it's said " in outcome.perturbed[0]
    assert " do not " in outcome.perturbed[0]
    assert len({change.index for change in outcome.changes}) == len(outcome.changes) == 7


def test_a_text_without_any_of_it_is_asked_once() -> None:
    (outcome,) = attack(lambda text: True, ["a fine film"])
    assert (outcome.status, outcome.queries) == (Status.FAILED, 1)


def test_frozen_fields_stay() -> None:
    text = Text.of({"premise": "Anna sleeps", "hypothesis": "Anna rests"}, frozen=["premise"])

    def answer(given: list[tuple[str, str]]) -> list[list[float]]:
        assert {premise for premise, _ in given} == {"Anna sleeps"}
        return [[0.1, 0.9] if "Anna" in second else [0.9, 0.1] for _, second in given]

    victim = FunctionVictim(answer, ("no", "yes"))  # type: ignore[arg-type]
    events = run([Job(Example("x", text, 1), CHECKLIST)], {"victim": victim})
    (outcome,) = (event.outcome for event in events if isinstance(event, Finished))
    assert [change.index for change in outcome.changes] == [2]


def test_outcomes_do_not_depend_on_neighbours() -> None:
    texts = [REVIEW, "Michael went to New York in 1999", "They have seen Berlin", REVIEW + "!"]

    def right(text: str) -> bool:
        return len(text) % 3 != 0 or "New York" in text

    alone = attack(right, texts, window=1)
    assert attack(right, texts, window=4) == alone
    assert attack(right, texts[:1], window=1) == alone[:1]


def proposed(part: object, candidate: Candidate, index: int, seed: int = 0) -> list[object]:
    rng = np.random.default_rng(seed)
    steps = proposals(part, candidate, index, rng)  # type: ignore[arg-type]
    try:
        next(steps)
    except StopIteration as end:
        return list(end.value)
    raise AssertionError("it asks a model")


def test_a_group_is_left_alone_once_any_of_it_is_changed() -> None:
    text = Text.of("it is not so").candidate
    part = Rewrites(CONTRACTIONS)
    assert [c.strings for c in proposed(part, text, 0)] == [("it's not so",)]  # type: ignore[attr-defined]
    assert [c.strings for c in proposed(part, text, 1)] == [("it isn't so",)]  # type: ignore[attr-defined]
    assert proposed(part, text.replace(1, "was"), 0) == []
    kept = proposed(part, text.replace(3, "dull"), 0)
    assert [c.strings for c in kept] == [("it's not dull",)]  # type: ignore[attr-defined]


def test_a_name_is_proposed_where_it_stands_first_and_as_often_as_drawn() -> None:
    text = Text.of("Then Buenos Aires, old Buenos Aires").candidate
    part = Composite((Rewrites(ENTITIES),) * 5)
    assert [len(proposed(part, text, index)) > 0 for index in range(6)] == [
        *(False, True, False),
        *(False, False, False),
    ]
    found = proposed(part, text, 1)
    assert 2 <= len(found) == len(set(found)) <= 5
    for candidate in found:
        first, second = candidate.strings[0].removeprefix("Then ").split(", old ")  # type: ignore[attr-defined]
        assert first == second != "Buenos Aires"
        assert kind_of(tuple(first.split())) == "city"


def test_repeats_are_those_of_one_draw_and_more() -> None:
    text = Text.of("12 films").candidate
    for seed in range(10):
        (one,) = proposed(OtherNumber(), text, 0, seed)
        many = proposed(Composite((OtherNumber(),) * 20), text, 0, seed)
        assert many[0] == one
        assert 10 < len(many) == len(set(many)) <= 20
    every = Composite((NeighbouringKey(every=True),))
    assert proposed(Composite((every,) * 3), text, 1) == proposed(every, text, 1)


def test_more_draws_ask_more() -> None:
    asked = []
    for draws in (1, 3, 8):
        recipe = recipes.load("checklist", draws=draws)
        victim = FunctionVictim(lambda texts: [[0.1, 0.9] for _ in texts], ("no", "yes"))
        events = run([Job(Example("x", Text.of("Anna"), 1), recipe)], {"victim": victim})
        asked += [event.outcome.queries for event in events if isinstance(event, Finished)]
    assert asked[0] == 2 < asked[1] < asked[2]
    with pytest.raises(AttackError, match="at least 1"):
        recipes.load("checklist", draws=0)


def test_its_kinds_of_edit_are_told() -> None:
    parameters = json.loads(json.dumps(CHECKLIST.parameters()))
    assert edits(parameters) == {"Contractions", "Names", "OtherNumber"}

"""Searches that keep many texts: what holds of all, and what makes each of them the one it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.constraints import MaxWordsChanged
from attacks.engine.attempt import Attempt
from attacks.engine.scheduler import EngineConfig
from attacks.goals import Untargeted
from attacks.outcomes import Example, Status
from attacks.protocols import Ask, Scored, Search, Steps, together
from attacks.recipe import Recipe
from attacks.searches import (
    DifferentialEvolution,
    Draws,
    Genetic,
    ImprovedGenetic,
    LevySwarm,
    ParticleSwarm,
)
from attacks.searches.genetic import Member
from attacks.searches.particle_swarm import FASTEST, LEVY_INERTIA, _turned, flight_between
from attacks.searches.population import mixed
from attacks.text import Candidate, Text
from tests.attacks.small import Others, Table, attack, attack_all, tables

SEARCHES: tuple[Search, ...] = (
    Genetic(population=8, generations=4),
    ImprovedGenetic(population=8, generations=4),
    ParticleSwarm(particles=8, iterations=4),
    LevySwarm(particles=8, iterations=4),
    DifferentialEvolution(edits=2, population=8, generations=4),
    Draws(tries=4),
)
names = [type(search).__name__ for search in SEARCHES]
# Every "b" is worth 1 and every "c" nothing: the label falls with the third word alone.
NEEDLE = [2.5 - text.count("b") for text in Table([0.0] * 27).logits]


@pytest.mark.parametrize("search", SEARCHES, ids=names)
@given(logits=tables)
@settings(max_examples=25)
def test_what_is_found_is_the_best_that_was_asked(search: Search, logits: list[float]) -> None:
    victim = Table(logits)
    outcome = attack(victim, search)
    best = min(victim.asked, key=victim.logits.__getitem__)
    assert (outcome.status is Status.SUCCEEDED) == (victim.logits[best] < 0)
    assert outcome.perturbed == ((best,) if best != "a a a" else None)
    assert len(set(victim.asked)) == outcome.unique_queries


@pytest.mark.parametrize("search", SEARCHES, ids=names)
@given(logits=tables, window=st.integers(1, 7), batch=st.integers(1, 9))
@settings(max_examples=15)
def test_outcomes_are_the_same_in_any_company(
    search: Search, logits: list[float], window: int, batch: int
) -> None:
    alone = attack_all(Table(logits), search, 6)
    crowd = attack_all(Table(logits), search, 6, EngineConfig(window=window, batch_size=batch))
    assert crowd == alone


@pytest.mark.parametrize("search", SEARCHES, ids=names)
@given(logits=tables)
@settings(max_examples=15)
def test_mixtures_obey_the_constraints_too(search: Search, logits: list[float]) -> None:
    victim = Table(logits)
    attack(victim, search, (MaxWordsChanged(0.0, at_least=2),))
    assert all(text.split().count("a") >= 1 for text in victim.asked)


@pytest.mark.parametrize("search", SEARCHES, ids=names)
@given(logits=tables, budget=st.integers(1, 12))
@settings(max_examples=15)
def test_no_query_beyond_the_budget(search: Search, logits: list[float], budget: int) -> None:
    victim = Table(logits)
    outcome = attack(victim, search, query_budget=budget)
    assert len(set(victim.asked)) == outcome.unique_queries <= budget


@pytest.mark.parametrize(
    "search",
    [
        Genetic(population=8, generations=4),
        ImprovedGenetic(population=8, generations=4),
        ParticleSwarm(particles=30, iterations=10),
        LevySwarm(particles=8, iterations=4),
    ],
    ids=names[:4],
)
def test_they_climb_where_one_edit_is_not_enough(search: Search) -> None:
    outcomes = attack_all(Table(NEEDLE), search, 20)
    assert Counter(o.status for o in outcomes)[Status.SUCCEEDED] >= 18
    assert {o.perturbed for o in outcomes if o.status is Status.SUCCEEDED} == {("b b b",)}


def test_fit_parents_are_preferred() -> None:
    recipe = Recipe("small", "word", "a test", Untargeted(), Others(), Genetic())
    attempt = Attempt(Example("x", Text.of("a a a"), 1), recipe, seed=0)
    texts = [attempt.original.replace(0, "b"), attempt.original.replace(0, "c")]
    row = np.array([0.5, 0.5], dtype=np.float32)
    fit, unfit = (
        Member(Scored(text, score, False, 1, 1 - score, row), {0: 1.0, 1: 1.0, 2: 1.0})
        for text, score in zip(texts, (0.4, 0.1), strict=True)
    )
    chosen: Counter[str] = Counter()

    class Counting(Genetic):
        def _child(self, attempt: Attempt, one: Member, other: Member) -> Steps[Member]:
            chosen.update(member.scored.candidate.word(0) for member in (one, other))
            return super()._child(attempt, one, other)

    Counting(population=2001)._children(attempt, [fit, unfit])
    # e^(0.4 / 0.3) to e^(0.1 / 0.3): 2.72 to 1.
    assert 2.4 < chosen["b"] / chosen["c"] < 3.1


def test_particles_turn_to_the_better_text_where_they_differ() -> None:
    swarm = ParticleSwarm()
    towards, stay = swarm.turning(np.array([FASTEST, -FASTEST]))
    assert (round(float(towards), 3), round(float(stay), 3)) == (0.953, 0.047)
    assert LevySwarm().turning(np.array([0.0, 0.0, 0.0, 0.0])).tolist() == [0.25] * 4


def test_a_move_takes_words_of_the_better_text_by_their_chances() -> None:
    recipe = Recipe("small", "word", "a test", Untargeted(), Others(), ParticleSwarm())
    attempt = Attempt(Example("x", Text.of("a a a"), 1), recipe, seed=0)
    here, better = attempt.original.replace(0, "c"), attempt.original.replace(1, "b")
    for chances, expected in (((1, 1, 1), "a b a"), ((0, 0, 0), "c a a"), ((0, 1, 0), "c b a")):
        steps = _turned(attempt, here, better, [0, 1, 2], np.array(chances, dtype=float), retries=0)
        _, moved = drain(steps)
        assert moved.strings == (expected,)


def test_flights_keep_within_their_bounds_and_reach_all_of_them() -> None:
    rng = np.random.default_rng(0)
    steps = np.array([flight_between(*LEVY_INERTIA, rng) for _ in range(500)])
    assert ((steps >= LEVY_INERTIA[0]) & (steps <= LEVY_INERTIA[1])).all()
    assert steps.min() < 0.52
    assert steps.max() > 0.78


def ask(model: str, *rounds: Sequence[str]) -> Steps[list[Any]]:
    answers = []
    for inputs in rounds:
        answers.append((yield Ask(model, tuple((text,) for text in inputs))))
    return answers


def drain(steps: Steps[Any]) -> tuple[list[Ask], Any]:
    """What was asked, and what was returned when every answer is its question in capitals."""
    asked: list[Ask] = []
    answer: Any = None
    while True:
        try:
            asked.append(steps.send(answer))
        except StopIteration as end:
            return asked, end.value
        answer = [text.upper() for (text,) in asked[-1].inputs]


def test_questions_of_the_same_moment_are_asked_at_once() -> None:
    asked, answers = drain(
        together([ask("m", ["a"], ["b", "c"]), ask("n", ["d"]), ask("m", ["e"]), ask("m")])
    )
    assert [(a.model, [text for (text,) in a.inputs]) for a in asked] == [
        ("m", ["a", "e"]),
        ("m", ["b", "c"]),
        ("n", ["d"]),
    ]
    assert answers == [[["A"], ["B", "C"]], [["D"]], [["E"]], []]


def test_after_an_error_what_was_asked_is_answered_and_nothing_more() -> None:
    log: list[str] = []

    def patient(name: str) -> Steps[None]:
        try:
            log.extend((yield Ask("m", ((name,),))))
            yield Ask("m", (("more",),))
        finally:
            log.append(f"{name} closed")

    def broken() -> Steps[None]:
        raise KeyError("c")
        yield Ask("m", ())

    asked: list[Ask] = []

    def watched() -> Steps[None]:
        steps = together([patient("a"), broken(), patient("b")])
        answer: Any = None
        while True:
            asked.append(steps.send(answer))
            answer = yield asked[-1]

    with pytest.raises(KeyError):
        drain(watched())
    assert [a.inputs for a in asked] == [(("a",),)]
    assert log == ["A", "a closed"]


def test_a_candidate_with_many_words_changed_is_mixed_word_by_word() -> None:
    text = Text.of("a b c d")
    one = text.candidate.replace(0, "w").replace(2, "y")
    other = text.candidate.replace(2, "z").replace(3, "q")
    assert mixed(one, other, [0, 3]) == Candidate(text).replace(2, "y").replace(3, "q")

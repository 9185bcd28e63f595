"""Attacks one after the other: each on what the others have left, and as it would be alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes
from attacks.constraints import MaxWordsChanged
from attacks.engine.scheduler import Job, run
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import Search
from attacks.recipe import Recipe, edits
from attacks.searches import Beam, Draws, Genetic, InTurn, Stage
from attacks.text import Text
from tests.attacks.small import Others, Table, tables


def recipe(name: str, search: Search, words: int = 3) -> Recipe:
    """An attack on the small world that changes so many words at the most."""
    bound = (MaxWordsChanged(0.0, at_least=words),)
    return Recipe(name, "word", "a test", Untargeted(), Others(), search, (), bound)


def attack(victim: Table, attack: Recipe, budget: int | None = None) -> Outcome:
    jobs = [Job(Example("x", Text.of("a a a"), 1), attack, query_budget=budget)]
    (outcome,) = (e.outcome for e in run(jobs, {"victim": victim}) if isinstance(e, Finished))
    return outcome


ONE = recipe("one", Beam(width=27, rounds=1), words=1)
DRAWN = recipe("drawn", Draws(tries=3))
BRED = recipe("bred", Genetic(population=6, generations=3))


def in_turn(*stages: Stage) -> Recipe:
    return recipe("turns", InTurn(stages))


@given(tables)
@settings(max_examples=50)
def test_it_succeeds_where_any_stage_would_alone(logits: list[float]) -> None:
    alone = [attack(Table(logits), each) for each in (ONE, DRAWN, BRED)]
    whole = attack(Table(logits), in_turn(*(Stage(each, 100) for each in (ONE, DRAWN, BRED))))
    won = [o for o in alone if o.status is Status.SUCCEEDED]
    assert (whole.status is Status.SUCCEEDED) == bool(won)
    if won:
        assert whole.perturbed == won[0].perturbed
    assert whole.unique_queries <= sum(o.unique_queries for o in alone)


@given(tables)
@settings(max_examples=25)
def test_stages_behind_a_success_ask_nothing(logits: list[float]) -> None:
    first, both = Table(logits), Table(logits)
    one = attack(first, ONE)
    attack(both, in_turn(Stage(ONE, 100), Stage(BRED, 100)))
    if one.status is Status.SUCCEEDED:
        assert both.asked == first.asked
    else:
        assert set(both.asked) >= set(first.asked)


@given(logits=tables, queries=st.integers(0, 10))
@settings(max_examples=50)
def test_a_stage_keeps_to_its_queries_and_makes_room_for_the_next(
    logits: list[float], queries: int
) -> None:
    victim = Table(logits)
    outcome = attack(victim, in_turn(Stage(BRED, queries), Stage(ONE, 100)))
    # The original, what the first stage may ask, and the six texts of the second.
    assert outcome.unique_queries == len(set(victim.asked)) <= 1 + queries + 6
    if attack(Table(logits), ONE).status is Status.SUCCEEDED:
        assert outcome.status is Status.SUCCEEDED


@given(logits=tables, budget=st.integers(1, 12))
@settings(max_examples=50)
def test_the_budget_of_the_whole_ends_all_stages(logits: list[float], budget: int) -> None:
    victim = Table(logits)
    outcome = attack(victim, in_turn(Stage(BRED, 100), Stage(ONE, 100)), budget)
    assert outcome.unique_queries == len(set(victim.asked)) <= budget
    assert outcome.queries >= outcome.unique_queries


def test_an_example_that_is_wrong_already_is_skipped() -> None:
    outcome = attack(Table([-1.0] * 27), in_turn(Stage(ONE, 100)))
    assert (outcome.status, outcome.queries) == (Status.SKIPPED, 1)


def test_the_standard_ensemble_says_all_that_decides_its_outcomes() -> None:
    standard = recipes.load("standard")
    kinds = edits(standard.parameters())
    for name in ("deepwordbug", "pwws", "textfooler", "bae"):
        assert edits(recipes.load(name).parameters()) <= kinds
        assert set(recipes.load(name).needs) <= set(standard.needs)
    stages = standard.parameters()["search"]["stages"]
    assert [stage["queries"] for stage in stages] == [60, 60, 150, 400, 400, 150, 100]
    assert [stage["recipe"]["name"] for stage in stages[2:5]] == [
        "deepwordbug",
        "pwws",
        "textfooler",
    ]
    black = recipes.load("standard", gradients=False)
    assert "first_order" not in black.needs
    assert len(black.parameters()["search"]["stages"]) == 5

"""Does an attack find what a search without eyes finds?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from attacks.constraints import MaxWordsChanged
from attacks.engine.scheduler import Job, run
from attacks.goals import Untargeted
from attacks.protocols import Search
from attacks.questions import Relaxation
from attacks.recipe import Recipe
from attacks.searches import (
    Beam,
    Blind,
    Exhaustive,
    Genetic,
    GradientBeam,
    ImprovedGenetic,
    InTurn,
    LevySwarm,
    OneStep,
    ParticleSwarm,
    RelaxedSamples,
    Stage,
    WeightedSaliency,
    WordImportance,
)
from attacks.victims import equipped
from reports.records import OutcomeRecord
from suites.validity.check import Asked, AttackCheck, Counted, succeeded

STEERED = (
    *(Beam, Exhaustive, GradientBeam, OneStep, WeightedSaliency, WordImportance),
    *(Genetic, ImprovedGenetic, LevySwarm, ParticleSwarm),
)
"""Searches that rewrite whatever the transformation and the constraints permit. Others hold edits back
themselves, by a dose of noise, say: to chance more would be open than to them."""
COEFFICIENTS = (14.0, 12.0, 10.0, 8.0, 6.0)
"""What a text's own tokens weigh in distributions that nothing was fitted to. A token changes with the
probability (V - 1) / (exp(c) + V - 1) for V tokens: 2% to 99% for 30,000 of them, 17% to 99.8% for
250,000."""
MOST = 48
"""Attackable examples that are looked at."""


def measure(asked: Asked, recipe: Recipe, outcomes: Sequence[OutcomeRecord]) -> Counted:
    """Search at random with the same edits, constraints and queries where the attack failed.

    Counted are, of all attackable examples, those that only the blind search breaks: by so much robust
    accuracy is too high at the least.
    """
    if not isinstance(recipe.goal, Untargeted):
        return Counted(0, 0, reason="its goal is not that an answer turns")
    if blinded(recipe, 1) is None:
        return Counted(0, 0, reason="its search chooses no words that chance could choose")
    by_id = {example.id: example for example in asked.attacked}
    tried = ("succeeded", "failed", "out_of_budget")
    attackable = [o for o in outcomes if o.status in tried and o.example_id in by_id][:MOST]
    withstood = [o for o in attackable if o.status != "succeeded" and o.unique_queries > 1]
    if not attackable:
        return Counted(0, 0, reason="no example could be attacked")
    twins = [
        (outcome, twin)
        for outcome in withstood
        if (twin := blinded(recipe, max(1, len(outcome.changes)))) is not None
    ]
    jobs = [
        Job(by_id[o.example_id], twin, asked.seed, query_budget=o.unique_queries)
        for o, twin in twins
    ]
    models = equipped(asked.victim, asked.models, [twin for _, twin in twins] or [recipe])
    fell = succeeded(run(jobs, models, asked.config, asked.cache))
    names = tuple(outcome.example_id for outcome in withstood if outcome.example_id in fell)
    return Counted(len(attackable), len(fell), {}, names)


def blinded(recipe: Recipe, words: int) -> Recipe | None:
    """The recipe with a search that no answer and no gradient steers; None where there is none.

    Of attacks in turn every stage that chance can stand in for, with the queries that it has.

    Args:
        words: a text drawn from a distribution that was to be fitted has as many other words at the
            most. What holds such an attack back is a term of its loss, which chance has not.
    """
    search = recipe.search
    blind: Search
    if isinstance(search, InTurn):
        stages = [(blinded(stage.recipe, words), stage.queries) for stage in search.stages]
        known = tuple(Stage(twin, queries) for twin, queries in stages if twin is not None)
        if not known:
            return None
        blind = InTurn(known)
    elif isinstance(search, RelaxedSamples):
        blind = InTurn(
            tuple(
                Stage(_unfitted(recipe, search.how, coefficient, words), search.how.passes)
                for coefficient in COEFFICIENTS
            )
        )
    elif isinstance(search, STEERED):
        blind = Blind(most=_words(search))
    else:
        return None
    return dataclasses.replace(recipe, name=f"{recipe.name}, blind", search=blind, draft=None)


def _unfitted(recipe: Recipe, how: Relaxation, coefficient: float, words: int) -> Recipe:
    """Texts from the distribution as it was before any gradient, about the original's tokens."""
    drawn = dataclasses.replace(
        how, iterations=0, coefficient=coefficient, samples=Blind.tries // len(COEFFICIENTS)
    )
    return dataclasses.replace(
        recipe,
        name=f"{recipe.name}, blind, {coefficient:g}",
        search=RelaxedSamples(drawn),
        constraints=(MaxWordsChanged(0.0, words), *recipe.constraints),
    )


def _words(search: Search) -> int | None:
    """Most words that a search rewrites, where it says so."""
    for name in ("rounds", "edits"):
        if isinstance(most := getattr(search, name, None), int):
            return most
    return None


BLIND = AttackCheck(
    "blind",
    "doubt",
    "Texts that only a blind search of equal budget breaks",
    "the attack is weaker than chance: its search is misled, so that robust accuracy is too high",
    "Carlini et al., On Evaluating Adversarial Robustness, 2019, section 4.2; a twentieth is ours: "
    "greedy searches leave some combinations untried",
    at_most=0.05,
    measure=measure,
)

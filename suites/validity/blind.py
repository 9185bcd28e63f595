"""Does an attack find what a search without eyes finds?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from attacks.engine.scheduler import Job, run
from attacks.goals import Untargeted
from attacks.protocols import Search
from attacks.recipe import Recipe
from attacks.searches import (
    Beam,
    Blind,
    Exhaustive,
    Genetic,
    GradientBeam,
    ImprovedGenetic,
    LevySwarm,
    ParticleSwarm,
    WeightedSaliency,
    WordImportance,
)
from attacks.victims import equipped
from reports.records import OutcomeRecord
from suites.validity.check import Asked, AttackCheck, Counted, succeeded

STEERED = (
    *(Beam, Exhaustive, GradientBeam, WeightedSaliency, WordImportance),
    *(Genetic, ImprovedGenetic, LevySwarm, ParticleSwarm),
)
"""Searches that rewrite whatever the transformation and the constraints permit. Others hold edits back
themselves, by a dose of noise or a gradient: to chance more would be open than to them."""
MOST = 48
"""Attackable examples that are looked at."""


def measure(asked: Asked, recipe: Recipe, outcomes: Sequence[OutcomeRecord]) -> Counted:
    """Search at random with the same edits, constraints and queries where the attack failed.

    Counted are, of all attackable examples, those that only the blind search breaks: by so much robust
    accuracy is too high at the least.
    """
    if not isinstance(recipe.goal, Untargeted):
        return Counted(0, 0, reason="its goal is not that an answer turns")
    if not isinstance(recipe.search, STEERED):
        return Counted(0, 0, reason="its search chooses no words that chance could choose")
    by_id = {example.id: example for example in asked.attacked}
    tried = ("succeeded", "failed", "out_of_budget")
    attackable = [o for o in outcomes if o.status in tried and o.example_id in by_id][:MOST]
    withstood = [o for o in attackable if o.status != "succeeded" and o.unique_queries > 1]
    if not attackable:
        return Counted(0, 0, reason="no example could be attacked")
    blind = dataclasses.replace(
        recipe, name=f"{recipe.name}, blind", search=Blind(most=_words(recipe.search)), draft=None
    )
    jobs = [
        Job(
            by_id[outcome.example_id],
            blind,
            asked.seed,
            query_budget=outcome.unique_queries,
        )
        for outcome in withstood
    ]
    models = equipped(asked.victim, asked.models, [blind])
    fell = succeeded(run(jobs, models, asked.config, asked.cache))
    names = tuple(outcome.example_id for outcome in withstood if outcome.example_id in fell)
    return Counted(len(attackable), len(fell), {}, names)


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

"""A twin of the victim that every attack must break: its answer turns with the first changed word."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from attacks.engine.scheduler import Job, run
from attacks.goals import Untargeted
from attacks.outcomes import Example
from attacks.protocols import ABILITIES
from attacks.questions import Inputs
from attacks.recipe import Recipe
from attacks.searches import InTurn
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from reports.records import OutcomeRecord
from suites.validity.check import Asked, AttackCheck, Counted, succeeded

MOST = 24
LONGEST = 500
"""Words of a text beyond which it is passed over: a twin reads all of them, and cuts nothing off."""


def measure(asked: Asked, recipe: Recipe, outcomes: Sequence[OutcomeRecord]) -> Counted:
    """Run the attack against a twin for each of some examples; count those that it breaks."""
    if not isinstance(recipe.goal, Untargeted):
        return Counted(0, 0, reason="its goal is not that an answer turns")
    outside = from_outside(recipe)
    if outside is None:
        return Counted(0, 0, reason="it looks inside the victim, which a twin cannot show")
    recipe = outside
    examples = [e for e in asked.attacked if 0 < len(e.text.words) <= LONGEST][:MOST]
    if not examples:
        return Counted(0, 0, reason=f"every text has more than {LONGEST} words, or none")
    broken: set[str] = set()
    for example in examples:
        twin = planted(example, len(asked.victim.labels))
        jobs = [Job(example, recipe, asked.seed)]
        broken |= succeeded(run(jobs, equipped(twin, asked.models, [recipe]), asked.config))
    held = tuple(example.id for example in examples if example.id not in broken)
    return Counted(len(examples), len(broken), {}, held)


def from_outside(recipe: Recipe) -> Recipe | None:
    """The recipe, or of attacks in turn those that only ask; None where nothing is left."""
    search = recipe.search
    if not isinstance(search, InTurn):
        return recipe if _only_asks(recipe) else None
    stages = tuple(stage for stage in search.stages if _only_asks(stage.recipe))
    if not stages:
        return None
    needs = tuple(dict.fromkeys(need for stage in stages for need in stage.recipe.needs))
    return dataclasses.replace(recipe, search=InTurn(stages), needs=needs)


def _only_asks(recipe: Recipe) -> bool:
    return not any(need in ABILITIES for need in recipe.needs)


def planted(example: Example, labels: int) -> FunctionVictim:
    """A victim that has the example right and turns with the first word that changes; more changed
    words make it surer.
    """
    origin = example.text
    words = Counter(word for value in origin.strings for word in value.split())

    def answer(texts: Sequence[str] | Sequence[Inputs]) -> list[list[float]]:
        rows = []
        for text in texts:
            strings = (text,) if isinstance(text, str) else tuple(text)
            changed = 0
            if strings != origin.strings:  # white space alone is a change too
                found = Counter(word for value in strings for word in value.split())
                changed = max(1, (words - found).total())
            gold = max(0.05, 0.9 - 0.6 * changed)
            other = (example.label + 1) % labels
            row = [0.0] * labels
            row[example.label], row[other] = gold, 1.0 - gold
            rows.append(row)
        return rows

    return FunctionVictim(answer, tuple(map(str, range(labels))))


TWIN = AttackCheck(
    "twin",
    "doubt",
    "Texts on which it breaks a twin that any change breaks",
    "on the other texts it changed nothing, so that its failures say nothing about the model",
    "ours, after Zimmermann et al., NeurIPS 2022 (an attack must break what is known to be breakable); "
    "half, because strict attacks leave some texts alone by design",
    at_least=0.5,
    measure=measure,
)

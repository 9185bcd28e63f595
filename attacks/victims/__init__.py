"""Victims behind one protocol (`attacks.models.Victim`), and what else can be had of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attacks.errors import AttackError
from attacks.models import Drafting, Model, Victim, WhiteBox, Writer
from attacks.protocols import ABILITIES, FIRST_ORDER, GRADIENT_DRAFT, VICTIM, WrittenGoal
from attacks.recipe import Recipe


def equipped(
    victim: Victim, models: Mapping[str, Model], recipes: Iterable[Recipe]
) -> dict[str, Model]:
    """The models of a campaign: constraint models, the victim and what recipes need of it.

    Raises AttackError where a recipe needs to look inside the victim and cannot, or is after labels and
    the victim writes, or the other way round.
    """
    found: dict[str, Model] = {**models, VICTIM: victim}
    for recipe in recipes:
        check_goal(recipe, victim)
        for need in recipe.needs:
            if need not in ABILITIES or need in found:
                continue
            model = _inside(victim, need)
            if model is None:
                raise AttackError(
                    f"The attack '{recipe.name}' looks inside the model (it needs '{need}'), and "
                    f"a victim of "
                    f"type {type(victim).__name__} can only be asked. Use an attack that only "
                    f"asks, or a "
                    "transformers model."
                )
            found[need] = model
    return found


def _inside(victim: Victim, need: str) -> Model | None:
    if need == GRADIENT_DRAFT:
        return victim.gradient_draft() if isinstance(victim, Drafting) else None
    if not isinstance(victim, WhiteBox):
        return None
    return victim.first_order() if need == FIRST_ORDER else victim.nearest_words()


def check_goal(recipe: Recipe, victim: Model) -> None:
    """Raise AttackError unless the recipe's goal judges the kind of answer that the victim gives."""
    judges_text = isinstance(recipe.goal, WrittenGoal)
    goal = type(recipe.goal).__name__
    if isinstance(victim, Writer) and not judges_text:
        raise AttackError(
            f"The attack '{recipe.name}' is after the labels of a classifier (its goal is {goal}), and "
            f"this model writes {victim.writes}. Use an attack or a goal for models that write."
        )
    if judges_text and not isinstance(victim, Writer):
        raise AttackError(
            f"The attack '{recipe.name}' is after what a model writes (its goal is {goal}), and this "
            "one answers with labels. Use an attack or a goal for classifiers."
        )

"""Victims behind one protocol (`attacks.models.Victim`), and what else can be had of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attacks.errors import AttackError, no_trigger
from attacks.models import Continuing, Drafting, Model, Relaxable, TokenWhiteBox, WhiteBox, Writer
from attacks.protocols import (
    ABILITIES,
    FIRST_ORDER,
    GRADIENT_DRAFT,
    NEAREST_WORDS,
    RELAXED,
    ROUNDED_DRAFT,
    SPELLING,
    TOKEN_GRADIENTS,
    TRIGGER,
    VICTIM,
    ContinuationGoal,
    WrittenGoal,
)
from attacks.recipe import Recipe

SERVING: Mapping[str, type] = {
    FIRST_ORDER: WhiteBox,
    GRADIENT_DRAFT: Drafting,
    NEAREST_WORDS: WhiteBox,
    RELAXED: Relaxable,
    ROUNDED_DRAFT: Drafting,
    SPELLING: TokenWhiteBox,
    TOKEN_GRADIENTS: TokenWhiteBox,
}
"""What a victim must be to serve each of the `ABILITIES`."""


def equipped(
    victim: Model, models: Mapping[str, Model], recipes: Iterable[Recipe]
) -> dict[str, Model]:
    """The models of a campaign: constraint models, the victim and what recipes need of it.

    Raises AttackError where a recipe needs to look inside the victim and cannot, lacks its trigger, or
    is after labels and the victim writes, or the other way round.
    """
    found: dict[str, Model] = {**models, VICTIM: victim}
    for recipe in recipes:
        check_goal(recipe, victim)
        for need in recipe.needs:
            if need == TRIGGER:
                raise AttackError(no_trigger(recipe.name))
            if need not in ABILITIES or need in found:
                continue
            if not isinstance(victim, SERVING[need]):
                kind = "causal language" if SERVING[need] is TokenWhiteBox else "transformers"
                raise AttackError(
                    f"The attack '{recipe.name}' looks inside the model (it needs '{need}'), and a "
                    f"victim of type {type(victim).__name__} can only be asked. Use an attack that only "
                    f"asks, or a {kind} model."
                )
            found[need] = getattr(victim, need)()
    return found


def check_goal(recipe: Recipe, victim: Model) -> None:
    """Raise AttackError unless the recipe's goal judges the kind of answer that the victim gives."""
    writes = victim.writes if isinstance(victim, Writer) else None
    check_answers(recipe, writes, continues=isinstance(victim, Continuing))


def check_answers(recipe: Recipe, writes: str | None, *, continues: bool = False) -> None:
    """As `check_goal`, by what the victim writes (None: it answers with labels), and whether it is asked
    about a given text (`attacks.models.Continuing`).
    """
    judges_text = isinstance(recipe.goal, WrittenGoal)
    goal = type(recipe.goal).__name__
    if writes is not None and not judges_text:
        raise AttackError(
            f"The attack '{recipe.name}' is after the labels of a classifier (its goal is {goal}), and "
            f"this model writes {writes}. Use an attack or a goal for models that write, such as "
            "minimize-bleu or non-overlapping."
        )
    if judges_text and writes is None:
        raise AttackError(
            f"The attack '{recipe.name}' is after what a model writes (its goal is {goal}), and this "
            "one answers with labels. Use an attack or a goal for classifiers, such as untargeted."
        )
    if isinstance(recipe.goal, ContinuationGoal) and not continues:
        raise AttackError(
            f"The attack '{recipe.name}' makes a given text likely (its goal is {goal}), and this model "
            "does not say how likely a text is. Use it on a causal language model."
        )
    if continues and not isinstance(recipe.goal, ContinuationGoal):
        raise AttackError(
            f"The attack '{recipe.name}' is after what a model writes to the end (its goal is {goal}), "
            "and this one is asked only whether it goes on with a given text. Use an attack on causal "
            "language models (gcg)."
        )

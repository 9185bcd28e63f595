"""Victims behind one protocol (`attacks.models.Victim`), and what else can be had of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attacks.errors import AttackError, no_trigger
from attacks.models import Model, Relaxable, Victim, WhiteBox
from attacks.protocols import FIRST_ORDER, NEAREST_WORDS, RELAXED, TRIGGER, VICTIM
from attacks.recipe import Recipe

ABILITIES: Mapping[str, type] = {
    FIRST_ORDER: WhiteBox,
    NEAREST_WORDS: WhiteBox,
    RELAXED: Relaxable,
}
"""Needs of recipes that the victim itself serves, by the method of that name, and what it must be for
that; all others are constraint models.
"""


def equipped(
    victim: Victim, models: Mapping[str, Model], recipes: Iterable[Recipe]
) -> dict[str, Model]:
    """The models of a campaign: constraint models, the victim and what recipes need of it.

    Raises AttackError where a recipe needs to look inside the victim and cannot, or lacks its trigger.
    """
    found: dict[str, Model] = {**models, VICTIM: victim}
    for recipe in recipes:
        for need in recipe.needs:
            if need == TRIGGER:
                raise AttackError(no_trigger(recipe.name))
            if need not in ABILITIES or need in found:
                continue
            if not isinstance(victim, ABILITIES[need]):
                raise AttackError(
                    f"The attack '{recipe.name}' looks inside the model (it needs '{need}'), and "
                    f"a victim of "
                    f"type {type(victim).__name__} can only be asked. Use an attack that only "
                    f"asks, or a "
                    "transformers model."
                )
            found[need] = getattr(victim, need)()
    return found

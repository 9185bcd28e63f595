"""Checks of the evidence itself: that an attack works, that a victim can be measured.

An attack that changes nothing, a victim that answers by chance, scores that no search can follow: each
makes a model look robust that is not. Every check asks a little and counts; `suites.validity.judging`
says what the counts mean. A doubt makes a pass inconclusive, a weakness is shown and can be gated.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from attacks.errors import AttackError, unknown_name
from suites.validity.blind import BLIND
from suites.validity.budget import BUDGET
from suites.validity.check import AttackCheck, Check, ModelCheck
from suites.validity.gradient import GRADIENT
from suites.validity.leak import LEAK
from suites.validity.reach import REACH
from suites.validity.recased import RECASED
from suites.validity.repeatable import REPEATABLE, of_a_mean
from suites.validity.signal import SIGNAL
from suites.validity.trigger import TRIGGER
from suites.validity.twin import TWIN

GROUP = "withstand.checks"
"""Entry points of this group add checks: each names a `ModelCheck` or an `AttackCheck`."""

BUILTIN: Mapping[str, ModelCheck | AttackCheck] = {
    check.name: check
    for check in (
        *(REPEATABLE, SIGNAL, REACH, TWIN, BLIND, GRADIENT),
        *(TRIGGER, RECASED, LEAK, BUDGET),
    )
}


def names() -> tuple[str, ...]:
    """The checks that there are: the built-in ones in their order, then others by name."""
    others = sorted({entry.name for entry in entry_points(group=GROUP)} - set(BUILTIN))
    return (*BUILTIN, *others)


def load(name: str, repeats: int = 1) -> ModelCheck | AttackCheck:
    """One check, for a victim whose answers are means of so many.

    Raises AttackError for a name that nothing has, or that has no check behind it.
    """
    if name == REPEATABLE.name and repeats > 1:
        return of_a_mean(REPEATABLE)
    if name in BUILTIN:
        return BUILTIN[name]
    for entry in entry_points(group=GROUP, name=name):
        found = entry.load()
        if not isinstance(found, ModelCheck | AttackCheck):
            raise AttackError(
                f"{entry.value}, which is called '{name}' in the group {GROUP}, is a "
                f"{type(found).__name__}. It must be a ModelCheck or an AttackCheck."
            )
        return found
    raise unknown_name("check", name, names())


__all__ = ["BUILTIN", "GROUP", "AttackCheck", "Check", "ModelCheck", "load", "names"]

"""A recipe: goal, transformation, constraints and search under one name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attacks.errors import AttackError
from attacks.protocols import (
    FIRST_ORDER,
    TOKEN_GRADIENTS,
    AnyGoal,
    Composed,
    Constraint,
    ContinuationGoal,
    ModelConstraint,
    ModelTransformation,
    Protection,
    Search,
    Sloped,
    Transformation,
)

TEXTATTACK = "textattack:"
"""What the names of TextAttack's attacks begin with: `textattack:pwws`, `textattack:FILE.py:NAME`."""


@dataclass(frozen=True)
class Recipe:
    """A published combination, or anybody's own.

    Attributes:
        name: as given on the command line.
        family: what it edits, "character", "word", "sentence" or "token"; "mixed" for an ensemble.
        source: paper, venue, year.
        constraints: in the order from cheap to dear; those that need a model come last.
        needs: names of constraint models that the scheduler must have beside the victim.
        deviations: every way in which it differs from the paper, in words.

    Raises AttackError where it follows gradients and its goal has none, or none that it can follow.
    """

    name: str
    family: str
    source: str
    goal: AnyGoal
    transformation: Transformation | ModelTransformation
    search: Search
    protections: tuple[Protection, ...] = ()
    constraints: tuple[Constraint | ModelConstraint, ...] = ()
    needs: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if FIRST_ORDER in self.needs and not isinstance(self.goal, Sloped):
            raise AttackError(
                f"The attack '{self.name}' follows gradients, and the goal {type(self.goal).__name__} "
                "has none to follow. Use an attack that only asks, or the goal untargeted or targeted."
            )
        if TOKEN_GRADIENTS in self.needs and not isinstance(self.goal, ContinuationGoal):
            raise AttackError(
                f"The attack '{self.name}' makes a language model write a given text, and the goal "
                f"{type(self.goal).__name__} is another. Leave the goal out."
            )

    def aimed_at(self, goal: AnyGoal) -> Recipe:
        """The same recipe with another goal.

        Raises AttackError where it follows gradients and the goal has none.
        """
        search = self.search.aimed_at(goal) if isinstance(self.search, Composed) else self.search
        return dataclasses.replace(self, goal=goal, search=search)

    def parameters(self) -> dict[str, Any]:
        """Every resolved parameter as plain JSON values: what decides the outcomes of the recipe."""
        parts = {
            "goal": self.goal,
            "transformation": self.transformation,
            "search": self.search,
            "protections": self.protections,
            "constraints": self.constraints,
        }
        return {key: _plain(value) for key, value in parts.items()}


def edits(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The kinds of edit that a recipe makes, from its parameters: every elementary transformation.

    Two attacks that share one can propose the same texts, whatever their searches and constraints.
    """

    def kinds(value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            inner = [kind for item in value.values() for kind in kinds(item)]
            yield from inner or ([value["kind"]] if "kind" in value else [])
        elif isinstance(value, list):
            for item in value:
                yield from kinds(item)

    return frozenset(kinds(parameters["transformation"]))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {
            f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr
        }
        return {"kind": type(value).__name__, **shown}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    return value

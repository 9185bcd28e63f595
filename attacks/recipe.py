"""A recipe: goal, transformation, constraints and search under one name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attacks.errors import AttackError
from attacks.protocols import (
    ABILITIES,
    FIRST_ORDER,
    GRADIENT_DRAFT,
    RELAXED,
    TOKEN_GRADIENTS,
    TRIGGER,
    VICTIM,
    AnyGoal,
    Composed,
    Constraint,
    ContinuationGoal,
    Draft,
    ModelConstraint,
    ModelTransformation,
    Protection,
    Search,
    Sloped,
    Transformation,
)
from attacks.resources.own import Exchangeable, Own

TEXTATTACK = "textattack:"
"""What the names of TextAttack's attacks begin with: `textattack:pwws`, `textattack:FILE.py:NAME`."""
FROM_FILE = "universal-trigger"
"""The attack whose name a file may follow: `universal-trigger:FILE`."""


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
        draft: what guesses which candidates are worth a query (None: all of them are asked).
        made_for: fingerprint of the victim that it was fitted to; empty where it was fitted to none.

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
    draft: Draft | None = None
    made_for: str = ""

    def __post_init__(self) -> None:
        gradients = {FIRST_ORDER, GRADIENT_DRAFT, RELAXED}
        if gradients & set(self.needs) and not isinstance(self.goal, Sloped):
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
        aimed = dataclasses.replace(self, goal=goal)  # first, so that an error names the whole
        if isinstance(self.search, Composed):
            aimed = dataclasses.replace(aimed, search=self.search.aimed_at(goal))
        return aimed

    def using(self, own: Own) -> Recipe:
        """The same recipe with a user's resources in the place of the built-in ones that it reads.

        What it does not read is passed over (see `reads`).
        """
        used = {name: value for name, value in own.items() if self.reads(name)}
        if not used:
            return self
        told = tuple(
            f"The resource '{name}' is the user's own, {value.identity}: what is said of the built-in "
            "one does not hold."
            for name, value in used.items()
        )
        changed: Recipe = _exchanged(self, used)
        return dataclasses.replace(changed, deviations=(*told, *self.deviations))

    def reads(self, name: str) -> bool:
        """Whether a resource of the user's own (see `attacks.resources.own`) has a place in it."""
        return any(field == name for field, _ in _exchangeable(self))

    @property
    def resources(self) -> tuple[str, ...]:
        """What it needs beside the victim, as `attacks.resources.registry` names it, models included."""
        parts = (self.goal, self.transformation, self.search, self.protections, self.constraints)
        models = (need for need in self.needs if need not in (*ABILITIES, TRIGGER))
        return tuple(dict.fromkeys([*_read_by(parts), *models]))

    @property
    def draftable(self) -> bool:
        """Whether there is something that a draft could save."""
        return isinstance(self.search, Composed) or getattr(self.search, "drafts", False)

    @property
    def _constrained_greedy(self) -> bool:
        """Whether models of constraints are asked about rewrites of which the search keeps one."""
        dear = any(not isinstance(constraint, Constraint) for constraint in self.constraints)
        return dear and getattr(self.search, "greedy", False)

    def drafted(self, draft: Draft) -> Recipe:
        """The same recipe, in which the victim is asked only about what `draft` finds promising.

        Raises AttackError where its search asks about nothing that could be left out, its goal has no
        gradient and the draft is one, or the draft is exact and would not be.
        """
        if draft.exact and not self._constrained_greedy:
            raise AttackError(
                f"The attack '{self.name}' cannot be drafted exactly: that takes constraints that ask a "
                "model, and a search that keeps the best rewrite of a word or none, such as "
                "textfooler's. Run it with another draft, or without."
            )
        search = self.search
        if isinstance(search, Composed):
            search = search.drafted(draft)
        elif not self.draftable:
            raise AttackError(
                f"The attack '{self.name}' cannot be drafted: its search ({type(search).__name__}) does "
                "not choose among the rewrites of a word. Run it without a draft."
            )
        own = (draft.needs,) if draft.needs != VICTIM else ()
        needs = tuple(dict.fromkeys((*self.needs, *own)))
        return dataclasses.replace(self, search=search, needs=needs, draft=draft)

    def parameters(self) -> dict[str, Any]:
        """Every resolved parameter as plain JSON values: what decides the outcomes of the recipe."""
        parts: dict[str, Any] = {
            "goal": self.goal,
            "transformation": self.transformation,
            "search": self.search,
            "protections": self.protections,
            "constraints": self.constraints,
        }
        if self.draft is not None:
            parts["draft"] = self.draft
        return {key: _plain(value) for key, value in parts.items()}


def edits(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The kinds of edit that a recipe makes, from its parameters: every elementary transformation.

    Two attacks that share one can propose the same texts, whatever their searches and constraints.
    """

    def kinds(value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            # What a protection spares it does not edit.
            parts = (item for key, item in value.items() if key != "protection")
            inner = [kind for item in parts for kind in kinds(item)]
            yield from inner or ([value["kind"]] if "kind" in value else [])
        elif isinstance(value, list):
            for item in value:
                yield from kinds(item)

    return frozenset(kinds(parameters["transformation"]))


def _exchangeable(part: Any) -> Iterator[tuple[str, Exchangeable]]:
    """The resources that a part and the parts inside it hold as values, with the names of the fields."""
    if isinstance(part, tuple):
        for item in part:
            yield from _exchangeable(item)
    elif dataclasses.is_dataclass(part):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Exchangeable):
                yield field.name, value
            else:
                yield from _exchangeable(value)


def _exchanged(part: Any, own: Own) -> Any:
    """A part with other resources in their fields; the part itself where it holds none of them."""
    if isinstance(part, tuple):
        return tuple(_exchanged(item, own) for item in part)
    if not any(name in own for name, _ in _exchangeable(part)):
        return part
    changed = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        held = isinstance(value, Exchangeable)
        new = own.get(field.name, value) if held else _exchanged(value, own)
        if new is not value:
            changed[field.name] = new
    return dataclasses.replace(part, **changed)


def _read_by(part: Any) -> Iterator[str]:
    """The resources that a part and the parts inside it read."""
    if isinstance(part, tuple):
        for item in part:
            yield from _read_by(item)
    elif isinstance(part, Recipe):
        yield from part.resources
    elif dataclasses.is_dataclass(part):
        yield from getattr(part, "resources", ())
        yield from _read_by(tuple(getattr(part, f.name) for f in dataclasses.fields(part)))


def _plain(value: Any) -> Any:
    if isinstance(value, Exchangeable):
        return value.identity
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

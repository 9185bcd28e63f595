"""Training losses by name.

Built-in ones are listed here; any distribution adds its own under the entry-point group
`withstand.objectives` (a name and a frozen dataclass with `loss`, `step` or `around`, see `base`).
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.objectives.base import Objective, Wrapper

GROUP = "withstand.objectives"

BUILTIN = {
    "plain": "harness.objectives.plain:Plain",
    "neftune": "harness.objectives.neftune:NEFTune",
    "r-drop": "harness.objectives.r_drop:RDrop",
    "fgm": "harness.objectives.fgm:FGM",
    "pgd": "harness.objectives.pgd:PGD",
    "freelb": "harness.objectives.freelb:FreeLB",
    "freelb++": "harness.objectives.freelb_plus_plus:FreeLBPlusPlus",
    "vat": "harness.objectives.vat:VAT",
    "trades": "harness.objectives.trades:TRADES",
    "mart": "harness.objectives.mart:MART",
    "r3f": "harness.objectives.r3f:R3F",
    "smart": "harness.objectives.smart:SMART",
    "tavat": "harness.objectives.tavat:TAVAT",
    "infobert": "harness.objectives.infobert:InfoBERT",
    "ascc": "harness.objectives.ascc:ASCC",
    "dne": "harness.objectives.dne:DNE",
    "mixada": "harness.objectives.mixada:MixADA",
    "distillation": "harness.objectives.distillation:Distillation",
    "awp": "harness.objectives.awp:AWP",
}
"""Where each built-in objective is defined; nothing is imported before it is asked for."""


def names() -> tuple[str, ...]:
    """Every objective that can be loaded, sorted."""
    return tuple(sorted({*BUILTIN, *(entry.name for entry in entry_points(group=GROUP))}))


def find(name: str) -> type[Any]:
    """The class of an objective.

    Raises HarnessError with the nearest valid name.
    """
    if name in BUILTIN:
        module, attribute = BUILTIN[name].split(":")
        found: type[Any] = getattr(import_module(module), attribute)
        return found
    for entry in entry_points(group=GROUP, name=name):
        loaded: type[Any] = entry.load()
        return loaded
    raise _unknown("objective", name, names())


def describe(name: str) -> str:
    """First line of the objective's documentation."""
    return (inspect.getdoc(find(name)) or "").split("\n", 1)[0]


def load(
    name: str, parameters: Mapping[str, float | int | bool | str] | None = None
) -> Objective | Wrapper:
    """An objective with its parameters; those left out keep the defaults of its paper.

    Raises HarnessError for an unknown name or parameter (with the nearest valid one) and for a value
    of the wrong type or out of range.
    """
    kind = find(name)
    known = {field.name: field for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in (parameters or {}).items():
        if key not in known:
            raise _unknown(f"parameter of the objective '{name}'", key, tuple(sorted(known)))
        values[key] = _checked(name, key, value, known[key].default)
    made: Objective | Wrapper = kind(**values)
    return made


def _checked(name: str, key: str, value: object, default: object) -> object:
    """The value in the type of the parameter's default; a whole number is taken for a float."""
    wanted = type(default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if default is dataclasses.MISSING or type(value) is wanted:
        return value
    raise HarnessError(
        f"The parameter '{key}' of the objective '{name}' is of type {wanted.__name__}; "
        f"given: {value!r}."
    )


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> HarnessError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    listed = f"Known: {', '.join(known)}." if known else "It takes none."
    return HarnessError(f"There is no {kind} called '{name}'.{hint} {listed}")

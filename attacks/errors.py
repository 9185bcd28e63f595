"""Errors that a user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AttackError(Exception):
    """Something is wrong with what the caller gave. The message says what, where and what to do.

    `exit_code` is what the command line ends with (2: usage, configuration, cannot load).
    """

    exit_code = 2


def unknown_name(kind: str, name: str, known: Iterable[str]) -> AttackError:
    """The error for a name that is not in a catalogue: lists what is, nearest first."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return AttackError(f"There is no {kind} called '{name}'.{hint} Known: {', '.join(names)}.")


def no_trigger(name: str) -> str:
    """What to do about an attack that lacks its trigger."""
    return (
        f"The attack '{name}' needs a trigger, and has none. Find one (withstand trigger MODEL --data "
        f"DATA --target LABEL --out FILE), then name it: {name}:FILE, or the parameter file."
    )

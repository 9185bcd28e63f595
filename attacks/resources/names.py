"""Common names of persons and places by kind, from our own list `names.txt`.

Names that are everyday words too (Will, Rose, Turkey) are left out, as are those of more than one kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from attacks.resources.registry import NAMES, read

Name = tuple[str, ...]
"""The words of a name: ("New", "York")."""


def kind_of(name: Name) -> str | None:
    """ "female" or "male" (first names), "surname", "city" or "country"; None where it is not listed."""
    return _kinds().get(name)


@cache
def names(kind: str) -> tuple[str, ...]:
    """All names of a kind, in alphabetical order."""
    return tuple(" ".join(name) for name, its in _kinds().items() if its == kind)


@cache
def longest() -> int:
    """Words in the longest name."""
    return max(map(len, _kinds()))


@cache
def _kinds() -> Mapping[Name, str]:
    lines = (line.split("\t") for line in read(NAMES).decode("ascii").splitlines())
    return {tuple(name.split("_")): kind for kind, listed in lines for name in listed.split()}

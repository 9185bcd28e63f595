"""Where recorded results differ from those that their records give."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROSE = frozenset(
    {
        *("explanation", "limits", "means", "method", "problems", "reason", "reasons"),
        *("attribution", "says", "source", "title", "label", "about", "counted_by"),
    }
)
"""Keys of words for people. A release may word them otherwise, so they are not compared: whether the
verdict stands is told by its value, its gates and their numbers."""
DERIVED = frozenset(
    {
        *("low", "high", "p_value", "p_adjusted", "examples_needed"),
        *("verdict.value", "verdict.exit_code", "gates.verdict"),
    }
)
"""What follows from how a release counts (`reports.results.REVISION`), by key or by its last two."""
GROWING = frozenset({"checks", "gaps"})
"""Lists that later releases add entries to. Those of others are evidence: none may be more or fewer."""
NAMES = ("name", "attack", "split", "metric")
CLOSE = 1e-9
"""Numbers nearer than this, relative to their size, are one: another processor adds up otherwise."""


@dataclass(frozen=True)
class Difference:
    """One place where they differ, as a path into results.json (`attacks.0.robust_accuracy.value`)."""

    path: str
    recorded: Any
    recounted: Any


@dataclass(frozen=True)
class Compared:
    """What a comparison came to.

    Attributes:
        numbers: how many numbers were compared.
        differences: where the two differ, in the order of results.json.
        otherwise: what an earlier release made of the same counts by other rules.
        unknown: paths of what the record lacks and this release counts.
    """

    numbers: int
    differences: tuple[Difference, ...]
    otherwise: tuple[Difference, ...]
    unknown: tuple[str, ...]


def compared(recorded: Mapping[str, Any], recounted: Mapping[str, Any]) -> Compared:
    """Everything in the record against the recount, but words for people and the time of the end.

    Where the record was counted by another revision, shares and counts are compared, and intervals and
    verdicts that differ are told apart.
    """
    same = recorded.get("counted_by", 0) == recounted.get("counted_by", 0)
    walk = _Walk(same)
    walk.into((), dict(recorded), dict(recounted))
    return Compared(
        walk.numbers, tuple(walk.differences), tuple(walk.otherwise), tuple(walk.unknown)
    )


class _Walk:
    def __init__(self, same_revision: bool) -> None:
        self.numbers = 0
        self.differences: list[Difference] = []
        self.otherwise: list[Difference] = []
        self.unknown: list[str] = []
        self._same_revision = same_revision

    def into(self, path: tuple[str, ...], recorded: Any, recounted: Any) -> None:
        if isinstance(recorded, Mapping) and isinstance(recounted, Mapping):
            self._objects(path, recorded, recounted)
        elif isinstance(recorded, list) and isinstance(recounted, list):
            self._lists(path, recorded, recounted)
        else:
            number = isinstance(recorded, int | float) and not isinstance(recorded, bool)
            self.numbers += number
            if not _same(recorded, recounted):
                self._differ(path, recorded, recounted)

    def _objects(
        self, path: tuple[str, ...], recorded: Mapping[str, Any], other: Mapping[str, Any]
    ) -> None:
        for key, value in recorded.items():
            where = (*path, key)
            if key in PROSE or where[-2:] == ("run", "finished"):
                continue
            if key in other:
                self.into(where, value, other[key])
            else:
                self._differ(where, value, None)
        self.unknown += [_written((*path, key)) for key in other if key not in recorded]

    def _lists(self, path: tuple[str, ...], recorded: Sequence[Any], other: Sequence[Any]) -> None:
        if path[-1] in GROWING and not self._same_revision:
            known = {_name(entry): entry for entry in other}
            names = [_name(entry) for entry in recorded]
            self.unknown += [_written((*path, name)) for name in known if name not in names]
            other = [known[name] for name in names if name in known]
        if len(recorded) != len(other):
            self._differ(path, f"{len(recorded)} entries", f"{len(other)} entries")
            return
        if path[-1].endswith("_ids"):  # in whatever order they were found
            other = _in_step(recorded, other)
        for number, pair in enumerate(zip(recorded, other, strict=True)):
            self.into((*path, str(number)), *pair)

    def _differ(self, path: tuple[str, ...], recorded: Any, recounted: Any) -> None:
        last = [part for part in path if not part.isdigit()][-2:]
        derived = last[-1] in DERIVED or ".".join(last) in DERIVED
        found = self.otherwise if derived and not self._same_revision else self.differences
        found.append(Difference(_written(path), recorded, recounted))


def _in_step(recorded: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """The entries of `other` in the order of `recorded`, and those that it lacks in the places left."""
    mine, theirs = Counter(map(repr, recorded)), Counter(map(repr, other))
    both = mine & theirs
    lacking = both.copy()
    rest = [entry for entry in other if not _taken(lacking, entry)]
    return [entry if _taken(both, entry) else rest.pop(0) for entry in recorded]


def _taken(counts: Counter[str], entry: Any) -> bool:
    """Whether there is one of it left, which is then one less."""
    counts[repr(entry)] -= 1
    return counts[repr(entry)] >= 0


def _written(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _name(entry: Mapping[str, Any]) -> str:
    return " ".join(str(entry[key]) for key in NAMES if entry.get(key) is not None)


def _same(one: Any, other: Any) -> bool:
    numbers = [x for x in (one, other) if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) == 2:
        return math.isclose(*numbers, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(one == other)

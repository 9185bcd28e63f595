"""The same examples under the same attack in two runs, a page of them at a time.

Of all examples the status alone is kept; the texts are read of those on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import items
from reports.dashboard.index import Entry
from reports.errors import ReportError
from reports.excerpts import LONGEST, marked
from reports.records import OutcomeRecord
from reports.tables import STATUS_WORDS
from reports.view import Piece

PAGE = 50
SHOWN = {
    "broken": "newly broken",
    "fixed": "newly fixed",
    "both": "broken in both",
    "held": "held in both",
    "errored": "errored in one",
}
"""What can be asked for, counted as `withstand compare` counts: an example holds that was right and was
not broken, so one that was wrong to begin with counts with the broken ones."""

_STATUS = ("record", "check", "example_id", "status", "label", "predicted_before")
_TEXT = ("record", "check", "example_id", "original", "perturbed")


@dataclass(frozen=True, slots=True)
class _Status:
    """How one attack on one example ended, and whether the example held."""

    word: str
    held: bool


@dataclass(frozen=True, slots=True)
class Side:
    """What one run's attack left of an example."""

    status: str
    word: str
    texts: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One example: its text, and what both attacks left. `same` is False where the texts differ."""

    example: str
    original: tuple[str, ...]
    a: Side
    b: Side
    same: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of pairs, with how many there are of each sort, and of those on one side only."""

    pairs: tuple[Pair, ...]
    counts: dict[str, int]
    alone: int
    number: int
    pages: int


def checks_of(entry: Entry) -> list[str]:
    """The attacks that a run has examples of, as its records name them; ReportError where none."""
    found: dict[str, None] = {}
    for row in items.rows(_table(entry), ("record", "check")):
        if row["record"] == OutcomeRecord.event:
            found[str(row["check"])] = None
    if not found:
        raise _empty(entry)
    return list(found)


def page(a: Entry, b: Entry, check: str, sort: str, number: int) -> Page:
    """One page of the examples of a sort, in the order of run A; beyond the last page is the last."""
    left, right = _statuses(a, check), _statuses(b, check)
    both = [key for key in left if key in right]
    by_sort: dict[str, list[str]] = {name: [] for name in SHOWN}
    for key in both:
        by_sort[_sort(left[key], right[key])].append(key)
    chosen = by_sort[sort]
    pages = max(1, -(-len(chosen) // PAGE))
    number = min(max(number, 1), pages)
    wanted = chosen[(number - 1) * PAGE : number * PAGE]
    texts_a, texts_b = _texts(a, check, wanted), _texts(b, check, wanted)
    pairs = tuple(
        _pair(key, left[key], right[key], texts_a[key], texts_b[key])
        for key in wanted
        if key in texts_a and key in texts_b
    )
    counts = {name: len(keys) for name, keys in by_sort.items()}
    return Page(pairs, counts, len(left.keys() ^ right.keys()), number, pages)


def _sort(a: _Status, b: _Status) -> str:
    if "errored" in (a.word, b.word):
        return "errored"
    return {
        (True, False): "broken",
        (False, True): "fixed",
        (False, False): "both",
        (True, True): "held",
    }[a.held, b.held]


def _statuses(entry: Entry, check: str) -> dict[str, _Status]:
    return {
        str(row["example_id"]): _Status(
            str(row["status"]),
            row["status"] in ("failed", "out_of_budget")
            # Left alone by the goal, though right.
            or (row["status"] == "skipped" and row["predicted_before"] == row["label"]),
        )
        for row in items.rows(_table(entry), _STATUS, _outcomes(check))
    }


def _texts(entry: Entry, check: str, wanted: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    return {
        str(row["example_id"]): row
        for row in items.rows(_table(entry), _TEXT, {**_outcomes(check), "example_id": wanted})
    }


def _pair(
    key: str, status_a: _Status, status_b: _Status, a: Mapping[str, Any], b: Mapping[str, Any]
) -> Pair:
    return Pair(
        example=key,
        original=tuple(map(str, a["original"] or ())),
        a=_side(status_a, a),
        b=_side(status_b, b),
        same=a["original"] == b["original"],
    )


def _side(status: _Status, row: Mapping[str, Any]) -> Side:
    original, left = row["original"] or [], row["perturbed"] or []
    texts: list[tuple[Piece, ...]] = []
    if len(original) == len(left):
        for before, after in zip(original, left, strict=True):
            before, after = str(before), str(after)
            long = max(len(before), len(after)) > LONGEST
            texts.append((Piece("ins", after),) if long else marked(before, after))
    return Side(status.word, STATUS_WORDS.get(status.word, status.word), tuple(texts))


def _outcomes(check: str) -> dict[str, tuple[str, ...]]:
    return {"record": (OutcomeRecord.event,), "check": (check,)}


def _table(entry: Entry) -> Any:
    path = entry.path / items.NAME
    if not path.is_file():
        raise _empty(entry)
    return path


def _empty(entry: Entry) -> ReportError:
    return ReportError(
        f"The run {entry.folder} holds no examples: it is made of other runs that hold them. Choose an "
        "attack or an audit."
    )

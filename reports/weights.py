"""What the words of a broken example add to its label, as marked text with a table behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from reports import wording as w
from reports.view import Cell, Column, Table, Weighing, Word

LEVELS = 4
FAINT = 0.05
"""Words with less than this share of the largest weight are not marked."""
MOST = 400
"""Words of a text that are shown; of a longer one those that weigh most, in their order."""
ROWS = 12
SIDES = (("before", "as it was"), ("after", "as the attack left it"))


def by_example(found: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Entries by the outcome that they belong to."""
    return {(str(one["check"]), str(one["example_id"])): one for one in found}


def weighing(found: Mapping[str, Any], label: str) -> Weighing:
    """One explanation as a reader sees it.

    Args:
        label: name of the label that the words speak for or against.
    """
    largest = max(
        (abs(word["score"]) for side, _ in SIDES for word in found[side]["words"]), default=0
    )
    sides = tuple((title, _marked(found[side]["words"], largest)) for side, title in SIDES)
    before, after = found["before"], found["after"]
    intro = (
        f"How much each word adds to the score of {label}, by integrated gradients: "
        f"{_score(before['logit'])} in all before, {_score(after['logit'])} after (logits; with every "
        f"word masked {_score(before['empty'])} and {_score(after['empty'])}). It says what the model "
        "made of its input, and not why people would."
    )
    return Weighing(intro, sides, _table(before["words"], after["words"], label))


def _marked(words: Sequence[Mapping[str, Any]], largest: float) -> tuple[Word, ...]:
    kept = range(len(words))
    if len(words) > MOST:
        heaviest = sorted(kept, key=lambda n: -abs(words[n]["score"]))[:MOST]
        kept = sorted(heaviest)  # type: ignore[assignment]
    return tuple(Word(str(words[n]["text"]), _level(words[n]["score"], largest)) for n in kept)


def _level(score: float, largest: float) -> int:
    share = abs(score) / largest if largest else 0.0
    if share < FAINT:
        return 0
    return int(math.copysign(max(1, math.ceil(LEVELS * share)), score))


def _table(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], label: str
) -> Table:
    """The words that weigh most on either side."""
    caption = f"Words by what they add to {label}"
    columns = (
        *(Column("Before"), Column("Adds", True)),
        *(Column("After"), Column("Adds", True)),
    )
    heaviest = (
        sorted(words, key=lambda word: -abs(word["score"]))[:ROWS] for words in (before, after)
    )
    rows = [
        tuple(cell for word in pair for cell in _cells(word)) for pair in zip_longest(*heaviest)
    ]
    return Table(caption, columns, tuple(rows))


def _cells(word: Mapping[str, Any] | None) -> tuple[Cell, Cell]:
    if word is None:
        return Cell(w.NONE), Cell(w.NONE)
    return Cell(str(word["text"])), Cell(_score(word["score"]))


def _score(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\u2212")

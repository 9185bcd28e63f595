"""Two texts in pieces, aligned by difflib in bounded time."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import Literal

MOST_PAIRS = 250_000
"""Pairs of equal pieces that are looked at. Two texts of one word, a thousand times each, have a
million, and the time grows with their square."""

Opcode = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
"""As `difflib.SequenceMatcher.get_opcodes` gives it."""


def aligned(a: Sequence[str], b: Sequence[str]) -> list[Opcode]:
    """How to make one list of pieces of another.

    Where they say the same too often, what is the same at both ends is passed over first, then the
    pieces that are everywhere; where that does not help either, all that is left counts as changed.
    """
    if _pairs(a, b, popular=True) <= MOST_PAIRS:
        return difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    shortest = min(len(a), len(b))
    head = next((n for n in range(shortest) if a[n] != b[n]), shortest)
    rest = shortest - head
    tail = next((n for n in range(rest) if a[-n - 1] != b[-n - 1]), rest)
    ends = len(a) - tail, len(b) - tail
    inner: list[Opcode] = [
        (kind, head + a0, head + a1, head + b0, head + b1)
        for kind, a0, a1, b0, b1 in _between(a[head : ends[0]], b[head : ends[1]])
    ]
    first: list[Opcode] = [("equal", 0, head, 0, head)] if head else []
    last: list[Opcode] = [("equal", ends[0], len(a), ends[1], len(b))] if tail else []
    return [*first, *inner, *last]


def _between(a: Sequence[str], b: Sequence[str]) -> list[Opcode]:
    crowded = _pairs(a, b, popular=True) > MOST_PAIRS
    if crowded and _pairs(a, b, popular=False) > MOST_PAIRS:
        return [("replace", 0, len(a), 0, len(b))]
    return difflib.SequenceMatcher(None, a, b, autojunk=crowded).get_opcodes()


def _pairs(a: Sequence[str], b: Sequence[str], *, popular: bool) -> int:
    """How often a piece of one stands against itself in the other; without those that are everywhere."""
    left, right = Counter(a), Counter(b)
    # What difflib calls popular: beyond one in a hundred pieces of a text of two hundred or more.
    most = len(b) if popular or len(b) < 200 else len(b) // 100 + 1
    return sum(n * right[piece] for piece, n in left.items() if right[piece] <= most)

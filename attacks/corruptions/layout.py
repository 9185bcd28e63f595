"""Corruptions of what stands between and behind words: marks, the end of a text, a text after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import ClassVar

import numpy as np

from attacks.corruptions.severity import (
    SENTENCES,
    SHARES,
    of_severity,
    shuffled,
    words_hit,
)
from attacks.resources.registry import ASIDES, read
from attacks.text import Candidate, Text, rewritten

# Marks before white space, a closing quotation mark or bracket, or the end; not those in "3.5".
_MARKS = re.compile(r"[.,;:!?…]+(?=[\s\"'”’)\]]|\Z)")
_STRAY = re.compile(r"(?<=\w)(?=\s+\w)")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
CONFUSED = {
    ",": (";", "."),
    ";": (",", ":"),
    ":": (";", ","),
    ".": (",", ";"),
    "!": (".",),
    "?": (".",),
}
"""Marks that people write for each other; none is made louder than it was."""


@dataclass(frozen=True)
class Punctuation:
    """Lose, double or confuse marks and lose apostrophes; when no more are left, add stray commas."""

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        strings = list(text.strings)
        wanted = words_hit(len(text.editable), severity)
        taken = list(islice(self._places(text, rng), wanted))
        for number, start, end, new in sorted(taken, reverse=True):
            strings[number] = strings[number][:start] + new + strings[number][end:]
        return rewritten(text, strings)

    def _places(self, text: Text, rng: np.random.Generator) -> Iterator[tuple[int, int, int, str]]:
        """Field number, start, end and what comes in the place."""
        there = [
            (number, *match.span())
            for number in _editable_fields(text)
            for pattern in (_MARKS, _APOSTROPHE)
            for match in pattern.finditer(text.strings[number])
        ]
        stray = [
            (number, *match.span())
            for number in _editable_fields(text)
            for match in _STRAY.finditer(text.strings[number])
        ]
        for number, start, end in shuffled(there, rng):
            mark = text.strings[number][start:end]
            ways = ("",) if mark in "'’" else ("", mark + mark[-1], *CONFUSED.get(mark, ()))
            yield number, start, end, ways[int(rng.integers(len(ways)))]
        for number, start, end in shuffled(stray, rng):
            yield number, start, end, ","


@dataclass(frozen=True)
class Truncation:
    """Keep the beginning of every field; the same words whatever is drawn."""

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        of_severity(SHARES, severity)
        strings = list(text.strings)
        for number in _editable_fields(text):
            ends = [word.end for word in text.words if word.field == number]
            if len(ends) > 1:
                kept = max(1, len(ends) - words_hit(len(ends), severity))
                strings[number] = strings[number][: ends[kept - 1]]
        return rewritten(text, strings)


@dataclass(frozen=True)
class Appended:
    """Append drawn sentences of our list `asides.txt`, which say nothing of any label."""

    resources: ClassVar[tuple[str, ...]] = (ASIDES,)

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        count = of_severity(SENTENCES, severity)
        fields = _editable_fields(text)
        if not fields:
            return text.candidate
        strings = list(text.strings)
        said = shuffled(asides(), rng)[:count]
        strings[fields[-1]] = " ".join(filter(None, (strings[fields[-1]].rstrip(), *said)))
        return rewritten(text, strings)


@cache
def asides() -> tuple[str, ...]:
    """Sentences that are beside any point."""
    return tuple(read(ASIDES).decode("ascii").splitlines())


def _editable_fields(text: Text) -> list[int]:
    return [n for n, (name, _) in enumerate(text.fields) if name not in text.frozen_fields]

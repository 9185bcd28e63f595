"""Corruptions of a few words at a time: names, word order, white space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np

from attacks.corruptions.severity import edited, joined, shuffled
from attacks.resources.names import Name, kind_of, longest, names
from attacks.resources.registry import NAMES
from attacks.text import Candidate, Edit, Text
from attacks.transformations.case import match_case

SHORTEST_SPLIT = 4
"""Letters of a word that a stray space may split."""
_POSSESSIVE = ("'s", "’s")
_VOWELS = "AEIOU"


@dataclass(frozen=True)
class WordOrder:
    """Swap neighbours of one sentence, as they are written; what stands between sentences stays."""

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        words = [word.string for word in text.words]
        pairs = [
            (Edit(i, words[i + 1]), Edit(i + 1, words[i]))
            for i in text.editable
            if joined(text, i) and words[i] != words[i + 1]
        ]
        return edited(text, severity, shuffled(pairs, rng))


@dataclass(frozen=True)
class Whitespace:
    """Lose the space behind a word, double it, or put a stray one into a longer word."""

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        return edited(text, severity, self._places(text, rng))

    def _places(self, text: Text, rng: np.random.Generator) -> Iterator[tuple[Edit, ...]]:
        for i in shuffled(text.editable, rng):
            word = text.words[i].string
            ways: list[tuple[Edit, ...]] = []
            if joined(text, i):
                lost = (Edit(i, word + text.words[i + 1].string), Edit(i + 1, ""))
                ways += [lost, (Edit(i, word + " "),)]
            if len(word) >= SHORTEST_SPLIT:
                middle = int(rng.integers(2, len(word) - 1))
                ways.append((Edit(i, f"{word[:middle]} {word[middle:]}"),))
            if ways:
                yield ways[int(rng.integers(len(ways)))]


@dataclass(frozen=True)
class Names:
    """Put another name of the same kind in the place of a person's or a place's, wherever it stands.

    A name is what is listed and written with a capital. Vowels at its beginning stay, for the sake of
    "a" and "an", and so does a possessive "'s".
    """

    resources: ClassVar[tuple[str, ...]] = (NAMES,)

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        return edited(text, severity, self._places(text, rng))

    def _places(self, text: Text, rng: np.random.Generator) -> Iterator[tuple[Edit, ...]]:
        for first in shuffled(list(_mentions(text)), rng):
            yield from self.rewrites(text, first, rng)

    def rewrites(
        self, text: Text, index: int, rng: np.random.Generator
    ) -> Iterator[tuple[Edit, ...]]:
        """See `attacks.corruptions.rewrites.Grouped`; a name has one, where it stands first."""
        if index not in _mentions(text):
            return
        name, starts = _mentions(text)[index]
        shown = " ".join(name)
        vowel = name[0][0] in _VOWELS
        others = [
            other
            for other in names(kind_of(name) or "")
            if other != shown and (other[0] in _VOWELS) == vowel
        ]
        if others:
            other = others[int(rng.integers(len(others)))]
            yield tuple(edit for at in starts for edit in _renamed(text, at, name, other))


@lru_cache(maxsize=256)
def _mentions(text: Text) -> Mapping[int, tuple[Name, tuple[int, ...]]]:
    """By the word where a name stands first: the name, and every word where it begins.

    Searches ask it for every word of a text, hence the cache.
    """
    starts: dict[Name, list[int]] = {}
    for start, name in _found(text):
        starts.setdefault(name, []).append(start)
    return {found[0]: (name, tuple(found)) for name, found in starts.items()}


def _found(text: Text) -> Iterator[tuple[int, Name]]:
    """Where a listed name begins, and the name; the longest that begins there."""
    free = 0
    for i in text.editable:
        if i < free:
            continue
        words: list[str] = []
        found: Name = ()
        for at in range(i, i + longest()):
            word, ending = _bare(text.words[at].string)
            words.append(word.title() if len(word) > 1 and word.isupper() else word)
            if kind_of(tuple(words)) is not None:
                found = tuple(words)
            if ending or not joined(text, at):
                break
        if found:
            free = i + len(found)
            yield i, found


def _bare(word: str) -> tuple[str, str]:
    """A word without a possessive ending, and the ending."""
    return (word[:-2], word[-2:]) if word.endswith(_POSSESSIVE) else (word, "")


def _renamed(text: Text, start: int, name: Name, other: str) -> Iterator[Edit]:
    words = [text.words[start + offset].string for offset in range(len(name))]
    ending = _bare(words[-1])[1]
    shown = match_case(other, _bare(words[0])[0])
    yield Edit(start, shown + ending)
    for offset in range(1, len(name)):
        yield Edit(start + offset, "")

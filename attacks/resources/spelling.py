"""Words as people write them by mistake: homophones and common misspellings.

`homophones.txt` is our own list; a line is a set of words that sound alike, or nearly ("then", "than").
`misspellings.txt.gz` is made by `scripts/make_misspellings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from attacks.resources.registry import HOMOPHONES, MISSPELLINGS, read


def homophones(word: str) -> tuple[str, ...]:
    """The other words of its set, in small letters; none where it has none."""
    return _homophones().get(word.lower().replace("’", "'"), ())


def misspellings(word: str) -> tuple[str, ...]:
    """How people misspell it, in small letters; nothing that is another word."""
    return _misspellings().get(word.lower(), ())


@cache
def _homophones() -> Mapping[str, tuple[str, ...]]:
    sets = [tuple(line.split()) for line in read(HOMOPHONES).decode("ascii").splitlines()]
    return {word: tuple(w for w in words if w != word) for words in sets for word in words}


@cache
def _misspellings() -> Mapping[str, tuple[str, ...]]:
    lines = read(MISSPELLINGS).decode("ascii").splitlines()
    pairs = (line.split("\t") for line in lines)
    return {right: tuple(wrong.split()) for right, wrong in pairs}

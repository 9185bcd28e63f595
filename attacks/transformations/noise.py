"""What goes wrong with single words in everyday text, each drawn or all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.resources.registry import HOMOPHONES, MISSPELLINGS
from attacks.resources.spelling import homophones, misspellings
from attacks.text import Candidate
from attacks.transformations.case import match_case

MISREAD = {
    "rn": ("m",),
    "m": ("rn",),
    "cl": ("d",),
    "d": ("cl",),
    "vv": ("w",),
    "w": ("vv",),
    "li": ("h",),
    "ri": ("n",),
    "fi": ("n",),
    "nn": ("rm",),
    "ti": ("h",),
    "h": ("b",),
    "b": ("h",),
    "c": ("e",),
    "e": ("c",),
    "u": ("n",),
    "n": ("u",),
    "a": ("o",),
    "f": ("t",),
    "t": ("f",),
    "i": ("l", "1", "j"),
    "l": ("1", "I", "i"),
    "I": ("l", "1"),
    "1": ("l", "I"),
    "o": ("0",),
    "O": ("0", "Q"),
    "0": ("O", "o"),
    "D": ("O",),
    "s": ("5",),
    "S": ("5", "8"),
    "5": ("S",),
    "B": ("8",),
    "8": ("B",),
    "g": ("9", "q"),
    "q": ("g",),
    "z": ("2",),
    "Z": ("2",),
    "2": ("Z",),
    "G": ("6", "C"),
    "6": ("G",),
    "E": ("F",),
    "y": ("v",),
}
"""Shapes that optical character recognition takes for each other. The list is ours: the pairs that are
named again and again where its output is corrected (rn and m, cl and d, O and 0, l and 1 and I)."""


@dataclass(frozen=True)
class Misread:
    """Read one or two characters as others of their shape, as a scan does: every single mistake."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        found = (
            word[:start] + shape + word[start + length :]
            for start in range(len(word))
            for length in (2, 1)
            if start + length <= len(word)
            for shape in MISREAD.get(word[start : start + length], ())
        )
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Homophones:
    """Write a word that sounds like it ("their" for "there")."""

    resources: ClassVar[tuple[str, ...]] = (HOMOPHONES,)

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        return tuple(match_case(other, word) for other in homophones(word))


@dataclass(frozen=True)
class Misspellings:
    """Misspell the word as people do."""

    resources: ClassVar[tuple[str, ...]] = (MISSPELLINGS,)

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        return tuple(match_case(other, word) for other in misspellings(word))


@dataclass(frozen=True)
class OtherCase:
    """Write the word in capitals, with one, and with none."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        lower = word.lower()
        forms = (word.upper(), lower[:1].upper() + lower[1:], lower)
        return tuple(form for form in dict.fromkeys(forms) if form != word)


NUMBER_WORDS = (
    ("two", "three", "four", "five", "six", "seven", "eight", "nine"),
    ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "eighteen"),
    ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
)
"""Numbers in words that may stand for each other; "one" is an article and a pronoun too."""
_DIGITS = re.compile(r"([0-9]{1,9})(s|-[A-Za-z].*)?", re.DOTALL)
_YEAR = re.compile(r"(?:1[5-9]|20)[0-9]{2}")
# A rating, a share, a score, a decimal, a time or a date says more than how many.
_BEFORE = re.compile(r"(?:[0-9]\s?[.,:/–]|/\s?|out of |rated |score of )\Z", re.IGNORECASE)
_AFTER = re.compile(
    r"[.,:–][0-9]|\s?[/%]|[-\s]?(?:stars?|points?|percent|per cent|out of|of [0-9])\b",
    re.IGNORECASE,
)
_SEEN = 16
"""Characters that are looked at before and behind a number."""


@dataclass(frozen=True)
class OtherNumber:
    """Write another number of as many digits: one that is drawn.

    A year stays within ten years and its century, a decade ("90s") a decade. Numbers in words change
    too. What may be a rating ("3/5", "two stars") or is part of a longer figure ("3.5", "10:30") stays.
    """

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        match = _DIGITS.fullmatch(word)
        number, rest = (match[1], match[2] or "") if match else (word, "")
        others: Sequence[int | str] = (
            _figures(number, rest == "s") if match else _number_words(word)
        )
        if not others:
            return ()
        field, start, end = current.span(index)
        value = current.strings[field]
        if _BEFORE.search(value[max(0, start - _SEEN) : start]) or _AFTER.match(
            rest + value[end : end + _SEEN]
        ):
            return ()
        here = others.index(int(number) if match else word.lower())
        other = others[
            here - 1 - int(rng.integers(len(others) - 1))
        ]  # any but the one that stands here
        return (match_case(str(other), word) + rest,)


def _number_words(word: str) -> Sequence[str]:
    return next((words for words in NUMBER_WORDS if word.lower() in words), ())


def _figures(digits: str, decade: bool) -> range:
    """Numbers that may stand for `digits`, this one among them; none where it is no number.

    "007" is an identifier, and so is all of more than nine digits.
    """
    number, step = int(digits), 10 if decade else 1
    if _YEAR.fullmatch(digits):
        century = number // 100 * 100
        reach = 30 if decade else 10
        return range(max(number - reach, century), min(number + reach + 1, century + 100), step)
    if str(number) != digits or number < 2:
        return range(0)
    least = 2 if len(digits) == 1 else 10 ** (len(digits) - 1)
    return range(least + number % step, 10 ** len(digits), step)

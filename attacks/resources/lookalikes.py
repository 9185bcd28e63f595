"""Characters that look like others: homoglyphs (UTS 39) and letters with marks.

`homoglyphs.txt` is made by `scripts/make_homoglyphs.py`.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

from attacks.resources.registry import HOMOGLYPHS, read


@cache
def homoglyphs(character: str) -> str:
    """Letters and digits that look like an ASCII letter or digit; those of other alphabets first."""
    return _table().get(character, "")


@cache
def marked(letter: str) -> str:
    """The letters that are `letter` with marks (é, ê, ẹ for e), by code point.

    They are those that Unicode names "… LETTER E WITH …", the description-based space of VIPER (DCES:
    Eger et al., NAACL 2019).
    """
    return _marked().get(letter, "")


@cache
def _table() -> dict[str, str]:
    return dict(line.split("\t") for line in read(HOMOGLYPHS).decode().splitlines())


@cache
def _marked() -> dict[str, str]:
    found: dict[str, str] = {}
    for number in range(128, sys.maxunicode + 1):
        character = chr(number)
        base, with_, _ = unicodedata.name(character, "").partition(" WITH ")
        if with_ and base.startswith("LATIN ") and " LETTER " in base:
            case, _, name = base.removeprefix("LATIN ").partition(" LETTER ")
            if len(name) == 1 and case in ("SMALL", "CAPITAL"):
                letter = name.lower() if case == "SMALL" else name
                found[letter] = found.get(letter, "") + character
    return found

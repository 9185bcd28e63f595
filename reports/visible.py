"""Text that hides nothing: what cannot be seen, or turns other text around, is shown by its name.

Attack texts hold anything: terminal escapes, NUL bytes, direction overrides that make a line read as
another one, characters of no width. Each becomes a mark that a reader can see and no program obeys.
Ordinary right-to-left letters stay what they are.
"""

from __future__ import annotations

import unicodedata

LONGEST = 4_000

# Characters without ink that are no format characters by category: fillers and the blank braille cell.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_VARIATION = range(0xFE00, 0xFE10)


def visible(text: str, longest: int | None = LONGEST) -> str:
    """The text with every unseen character as a mark like ⟦U+202E⟧, cut (and saying so) where long."""
    cut = ""
    if longest is not None and len(text) > longest:
        cut = f" … [{len(text):,} characters in all]"
        text = text[:longest]
    if text.isascii() and text.isprintable():
        return text + cut
    return "".join(_shown(character) for character in text) + cut


def one_line(text: str, longest: int | None = LONGEST) -> str:
    """The text in one line: line ends and tabs become spaces, the rest as in `visible`."""
    return visible(" ".join(text.split()) if text.split() else text, longest)


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟦U+{code:04X}⟧" if is_hidden(character) else character


def is_hidden(character: str) -> bool:
    """Whether a character cannot be seen, or turns others around; spaces can be seen."""
    code = ord(character)
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return True
    # U+FE0F stays: it asks for the emoji form of the character before it and hides nothing.
    return character in _BLANK or (code in _VARIATION and code != 0xFE0F)

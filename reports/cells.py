"""Text in the cells of a CSV file that people open: no formula, nothing hidden, nothing lost.

A spreadsheet runs what begins like a formula (OWASP, "CSV Injection"), and an attack's text may hold
anything. So a cell that begins with one of `FORMULA`, or an apostrophe, gets an apostrophe in front;
and what cannot be seen becomes a mark like ⟦U+202E⟧, a "⟦" that is there itself too. So does a
semicolon or a line end before one of `FORMULA`: a spreadsheet that separates by semicolons would begin
a cell there. Other line ends stay. `shown_again` gives the very text back.
"""

from __future__ import annotations

import re

from reports.visible import is_hidden

FORMULA = "=+-@＝＋－＠"
"""What begins a formula, also in its full-width form."""
_GUARD = "'"
# A line end at the start of a cell too: what follows may be read as its beginning.
_BEGINS = re.compile(rf"[;\n](?=\s*[{re.escape(FORMULA)}])|\A\n")
_MARK = re.compile(r"⟦U\+([0-9A-F]{4,6})⟧")


def cell(text: str) -> str:
    """The text as it can stand in a cell."""
    safe = "".join(_mark(c) if c == "⟦" or (c != "\n" and is_hidden(c)) else c for c in text)
    safe = _BEGINS.sub(lambda found: _mark(found[0]), safe)
    return _GUARD + safe if safe.lstrip()[:1] in (*FORMULA, _GUARD) else safe


def shown_again(found: str) -> str:
    """The text that `cell` was given."""
    return _MARK.sub(lambda mark: chr(int(mark[1], 16)), found.removeprefix(_GUARD))


def _mark(character: str) -> str:
    return f"⟦U+{ord(character):04X}⟧"

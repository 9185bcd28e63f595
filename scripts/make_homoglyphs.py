"""Make attacks/resources/homoglyphs.txt: characters that look like an ASCII letter or digit.

    python scripts/make_homoglyphs.py CONFUSABLES

CONFUSABLES is `confusable_homoglyphs/confusables.json` of PyPI confusable-homoglyphs 3.3.1 (MIT), which
holds the Unicode Consortium's confusables (UTS 39). Letters and digits of one code point are kept, those
of other alphabets before mere styles of the same letter (mathematical, fullwidth), then by code point.
"""

from __future__ import annotations

import json
import string
import sys
import unicodedata
from pathlib import Path

TARGET = Path(__file__).parents[1] / "attacks" / "resources" / "homoglyphs.txt"


def order(character: str) -> tuple[bool, int]:
    styled = unicodedata.normalize("NFKC", character) in string.printable
    return styled, ord(character)


def main() -> None:
    table = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lines = []
    for character in string.ascii_letters + string.digits:
        alike = {item["c"] for item in table.get(character, ()) if len(item["c"]) == 1}
        kept = [c for c in alike if unicodedata.category(c)[0] in "LN" and c != character]
        if kept:
            lines.append(f"{character}\t{''.join(sorted(kept, key=order))}\n")
    TARGET.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()

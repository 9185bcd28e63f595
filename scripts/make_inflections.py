"""Make attacks/resources/inflections.txt.gz from LemmInflect's look-up file (PyPI lemminflect 0.2.3).

    python scripts/make_inflections.py SITE_PACKAGES/lemminflect/resources/infl_lu.csv.gz

A line for every word of our WordNet table whose forms the spelling rules of
`attacks.resources.inflection` miss: lemma, part of speech, then a column a slot with its forms apart by
"/". The first is written; the others ("burnt" beside "burned") are only recognised. An empty column:
there is no such form.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from attacks.resources.inflection import SLOTS, regular

FOLDER = Path(__file__).parents[1] / "attacks" / "resources"
TARGET = FOLDER / "inflections.txt.gz"
POS = {"noun": "n", "verb": "v", "aux": "v", "adj": "a", "adv": "r"}
FORM = re.compile(r"[a-z]+(?:['-][a-z]+)*")


def vocabulary() -> set[str]:
    """Every word that a look-up in WordNet can start from or end in."""
    lines = gzip.decompress((FOLDER / "wordnet.txt.gz").read_bytes()).decode().splitlines()
    words = set()
    for _, lemma, _, rest in (line.split("\t") for line in lines):
        words.update((lemma, *rest.replace("|", " ").split()))
    return words


def columns(pos: str, cells: list[str]) -> list[list[str]]:
    """Alternatives a slot, in the order of SLOTS; a participle like the past is left out in the file."""
    cells = [*cells, "", "", "", ""]
    if pos == "v":
        past, participle, gerund, third = cells[:4]
        cells = [past, participle or past, gerund, third]
    wanted = cells[: len(SLOTS[pos])]
    return [[form for form in cell.split("/") if FORM.fullmatch(form)] for cell in wanted]


def lines(path: Path, known: set[str]) -> Iterator[str]:
    for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
        lemma, category, *cells = line.split(",")
        pos = POS.get(category)
        if pos is None or lemma not in known or not FORM.fullmatch(lemma):
            continue
        slots = columns(pos, cells)
        by_rule = [regular(lemma, slot) for slot in SLOTS[pos]]
        if slots == [[form] if form else [] for form in by_rule]:
            continue
        # The file's alternatives stand in no order of preference; the regular one is the safe one.
        ordered = [
            sorted(forms, key=lambda form: form != rule)
            for forms, rule in zip(slots, by_rule, strict=True)
        ]
        yield "\t".join((lemma, pos, *("/".join(forms) for forms in ordered)))


def main(path: Path) -> None:
    kept = sorted(set(lines(path, vocabulary())))
    data = ("\n".join(kept) + "\n").encode("ascii")
    TARGET.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {len(kept):,} lines")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Make attacks/resources/misspellings.txt.gz from nlpaug's list (PyPI nlpaug 1.1.11, MIT).

    python scripts/make_misspellings.py WHEEL

WHEEL is the file nlpaug-1.1.11-py3-none-any.whl; another one is refused. Its list holds much that is no
misspelling (luck: like, look), so that few pairs of it are kept. The right word

- has five letters or more, all small, and is known to our tables;

and the wrong one

- is known to none of our tables, so that it is no other word and no American spelling,
- is one edit away, or two where the word has seven letters or more (a swap of two letters is one),
- sounds alike in its consonants, begins with the same letter and ends in a vowel like the right one.

A line: the word, a tab, and up to four misspellings. Those that double a letter, leave a double out or
swap two letters come first, then in the order of the list.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attacks.constraints.edit_distance import levenshtein
from attacks.resources import inflection, neighbours, wordnet
from attacks.resources.stopwords import LISTS, stopwords

TARGET = Path(__file__).parents[1] / "attacks" / "resources" / "misspellings.txt.gz"
SHA256 = "01d3befce09e46cb7d990839e0b7dd80ba3e991485f772e678d329ffeb97fd80"
MEMBER = "nlpaug/res/word/spelling/spelling_en.txt"
SHORTEST, LONG, MOST = 5, 7, 4
# How consonants sound: enough to tell a misspelling from a slip of the finger.
SOUNDS = (
    (r"ph", "f"),
    (r"ck", "k"),
    (r"gh", "g"),
    (r"c(?=[eiy])", "s"),
    (r"[cq]", "k"),
    (r"x", "ks"),
    (r"z", "s"),
    (r"[aeiouyhw]", ""),
    (r"(.)\1+", r"\1"),
)


@cache
def forms() -> frozenset[str]:
    """Every word of our tables with all its inflected forms."""
    tables = wordnet.tables()
    words = set(neighbours.vocabulary()).union(*(stopwords(name) for name in LISTS))
    for table in (tables.synonyms, tables.antonyms):
        for (lemma, pos), values in table.items():
            slots = (inflection.inflect(lemma, slot) for slot in inflection.SLOTS[pos])
            words.update((lemma, *values.replace("|", " ").split()), filter(None, slots))
    for (lemma, _), columns in inflection._table().items():
        words.update((lemma,), *columns)
    return frozenset(words)


def known(word: str) -> bool:
    return word in forms() or any(wordnet.base_forms(word, p) for p in wordnet.PARTS_OF_SPEECH)


def sound(word: str) -> str:
    for pattern, replacement in SOUNDS:
        word = re.sub(pattern, replacement, word)
    return word


def swapped(right: str, wrong: str) -> bool:
    """Whether two adjacent letters changed places, and nothing else did."""
    apart = [i for i, (a, b) in enumerate(zip(right, wrong, strict=False)) if a != b]
    return (
        len(right) == len(wrong)
        and len(apart) == 2
        and apart[1] == apart[0] + 1
        and sorted(right) == sorted(wrong)
    )


def plausible(right: str, wrong: str) -> bool:
    edits = 1 if swapped(right, wrong) else levenshtein(right, wrong)
    vowels = {word[-1] in "aeiouy" for word in (right, wrong)}
    return (
        re.fullmatch("[a-z]+", wrong) is not None
        and re.search(r"(.)\1\1", wrong) is None
        and right[0] == wrong[0]
        and len(vowels) == 1
        and 0 < edits <= (1 if len(right) < LONG else 2)
        and sound(right) == sound(wrong)
        and not known(wrong)
    )


def rank(right: str, wrong: str) -> int:
    once = {re.sub(r"(.)\1", r"\1", word) for word in (right, wrong)}
    return 0 if len(once) == 1 or swapped(right, wrong) else 1


def lines(text: str) -> Iterator[str]:
    found: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        right, *wrong = line.split()
        if re.fullmatch(f"[a-z]{{{SHORTEST},}}", right) and known(right):
            kept = (word for word in wrong if plausible(right, word))
            found.setdefault(right, {}).update(dict.fromkeys(kept))
    for right, words in sorted(found.items()):
        if words:
            best = sorted(words, key=lambda wrong: rank(right, wrong))[:MOST]
            yield f"{right}\t{' '.join(best)}"


def main(wheel: Path) -> None:
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{wheel} is not nlpaug 1.1.11.")
    with zipfile.ZipFile(wheel) as archive:
        kept = list(lines(archive.read(MEMBER).decode("utf-8")))
    data = ("\n".join(kept) + "\n").encode("ascii")
    TARGET.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {len(kept):,} words")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

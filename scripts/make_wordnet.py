"""Make attacks/resources/wordnet.txt.gz from WordNet 3.0's own files.

    python scripts/make_wordnet.py /usr/share/wordnet

The folder is what Debian's package `wordnet-base` (1:3.0-37) installs. Formats: wndb(5WN), the manual
page in the same package. The result is a text file of lines of four columns:

    s  lemma  pos  synonyms: senses in WordNet's order, apart by "|"; words of a sense apart by a space
    a  lemma  pos  antonyms
    i  form   pos  base forms of an irregular form
    o  words  pos  words of the opposite meaning; on either side, after "|", those of similar meaning
    e  kind   pos  members of a closed set, apart by "|"; names of a member apart by a space

Left out: phrases, names of one or two letters ("t" for thymine), words with digits or full stops. What
is left out here can be proposed by no attack.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).parents[1] / "attacks" / "resources" / "wordnet.txt.gz"
PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
# Two letters or fewer are symbols and abbreviations ("In", "ma"), which no reader takes for a synonym.
WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
SHORTEST = 3
CLOSED = {
    "country": ({"country", "state", "land"}, {"country", "state", "nation"}),
    "color": ({"chromatic_color"}, {"achromatic_color"}),
}
"""Kinds of which a thing is one at the most, by words of the meanings that stand above their members:
countries are instances of theirs, colours lie directly below."""


def usable(word: str, shortest: int = SHORTEST) -> bool:
    return len(word) >= shortest and WORD.fullmatch(word) is not None


def records(path: Path) -> Iterator[list[str]]:
    """Fields of the lines that are no part of the licence, which is indented."""
    with path.open(encoding="ascii") as file:
        for line in file:
            if not line.startswith(" "):
                yield line.split(" | ")[0].split()


@dataclass(frozen=True)
class Synset:
    """Words of one meaning.

    `antonyms`: (own word number, target offset, target word number). `similar`: offsets of an
    adjective's satellites; `below` and `instances`: of a noun's kinds, and of the individuals of it.
    """

    words: list[str]
    antonyms: list[tuple[int, str, int]]
    similar: list[str]
    below: list[str]
    instances: list[str]


def read_synsets(path: Path) -> dict[str, Synset]:
    """The synsets of a data file by their offset."""
    synsets = {}
    for fields in records(path):
        count = int(fields[3], 16)
        # The syntactic marker of an adjective is written on the word: "galore(ip)".
        words = [re.sub(r"\(\w+\)$", "", word) for word in fields[4 : 4 + 2 * count : 2]]
        at = 4 + 2 * count
        antonyms = []
        others: dict[str, list[str]] = {"&": [], "~": [], "~i": []}
        for pointer in range(int(fields[at])):
            symbol, offset, _, places = fields[at + 1 + 4 * pointer : at + 5 + 4 * pointer]
            if symbol == "!":
                antonyms.append((int(places[:2], 16) - 1, offset, int(places[2:], 16) - 1))
            elif symbol in others:
                others[symbol].append(offset)
        synsets[fields[0]] = Synset(words, antonyms, *others.values())
    return synsets


def joined(words: Iterable[str]) -> str:
    """Usable words, each once, in small letters: what may stand in a text and so be replaced."""
    return " ".join(dict.fromkeys(word.lower() for word in words if usable(word, 2)))


def opposites(synsets: dict[str, Synset], pos: str) -> Iterator[str]:
    """Lines of meanings that are opposed: one word of either is an antonym of one of the other."""

    def side(offset: str) -> str:
        near = [word for other in synsets[offset].similar for word in synsets[other].words]
        return f"{joined(synsets[offset].words)}|{joined(near)}".rstrip("|")

    pairs = {
        (min(offset, other), max(offset, other))
        for offset, synset in synsets.items()
        for _, other, _ in synset.antonyms
    }
    for left, right in sorted(pairs):
        if side(left) and side(right):
            yield f"o\t{side(left)}\t{pos}\t{side(right)}"


def closed_sets(nouns: dict[str, Synset]) -> Iterator[str]:
    """Lines of the kinds in `CLOSED`."""

    def everything_below(offset: str) -> Iterator[str]:
        yield offset
        for other in nouns[offset].below:
            yield from everything_below(other)

    for kind, words in CLOSED.items():
        above = [o for o, synset in nouns.items() if any(w <= set(synset.words) for w in words)]
        found = {other for offset in above for other in nouns[offset].below}
        if kind == "country":
            below = {other for offset in above for other in everything_below(offset)}
            found = {other for offset in below for other in nouns[offset].instances}
        members = filter(None, (joined(nouns[other].words) for other in sorted(found)))
        yield f"e\t{kind}\tn\t{'|'.join(members)}"


def part_lines(folder: Path, part: str, pos: str) -> Iterator[str]:
    synsets = read_synsets(folder / f"data.{part}")
    antonyms: dict[str, dict[str, None]] = {}
    for synset in synsets.values():
        for own, offset, place in synset.antonyms:
            pair = synset.words[own], synsets[offset].words[place]
            if usable(pair[0]) and usable(pair[1]):
                antonyms.setdefault(pair[0].lower(), {}).setdefault(pair[1])
    opposed = list(opposites(synsets, pos))
    yield from opposed
    if pos == "n":
        yield from closed_sets(synsets)
    known = set(antonyms) | {word for line in opposed for word in re.findall(r"[^\s|]+", line)[1:]}
    for fields in records(folder / f"index.{part}"):
        lemma, count = fields[0], int(fields[2])
        # As keys the verbs "be", "do" and "go" are wanted; the nouns of two letters are symbols.
        if not usable(lemma, 2 if pos == "v" else SHORTEST):
            continue
        senses = [synsets[offset].words for offset in fields[-count:]]
        seen = {lemma}
        columns = []
        for words in senses:
            new = [w for w in words if usable(w) and w.lower() not in seen]
            seen.update(w.lower() for w in new)
            columns.append(" ".join(new))
        if any(columns):
            known.add(lemma)
            yield f"s\t{lemma}\t{pos}\t{'|'.join(columns).rstrip('|')}"
    for lemma, others in sorted(antonyms.items()):
        yield f"a\t{lemma}\t{pos}\t{' '.join(others)}"
    for form, *bases in records(folder / f"{part}.exc"):
        kept = [base for base in bases if base in known and base != form]
        if kept and usable(form):
            yield f"i\t{form}\t{pos}\t{' '.join(dict.fromkeys(kept))}"


def main(folder: Path) -> None:
    lines = [line for part, pos in PARTS.items() for line in part_lines(folder, part, pos)]
    lines.sort(key=lambda line: line.split("\t")[:3])
    data = ("\n".join(lines) + "\n").encode("ascii")
    # No time stamp: the same input gives the same bytes.
    TARGET.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))
    kinds = {kind: sum(line.startswith(kind) for line in lines) for kind in "saioe"}
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, lines {kinds}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

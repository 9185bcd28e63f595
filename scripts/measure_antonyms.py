"""Measure how many proposals of each source of synonyms are antonyms by lists that it was not made from.

    python scripts/measure_antonyms.py LEXICON

LEXICON holds wordnet_antonyms.txt and ppdb_antonyms.txt of the counter-fitting repository (Mrkšić et
al., NAACL 2016; lines of two words with a prefix "en_"). Every word of those pairs is looked up, by
itself, at the thresholds of the recipes. Printed are the antonyms proposed / all words proposed, with
examples.

Then what keeping antonyms out costs: of all neighbours in the table how many go, and how many of these
are listed as synonyms by ppdb_synonyms.txt (same repository) or stand in counterfitted_neighbors.json
(the substitution sets of Jia et al. 2019).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from attacks.resources import neighbours
from attacks.resources.antonyms import opposed
from attacks.text import Text
from attacks.transformations import WordNetSynonyms

Pairs = set[tuple[str, str]]
THRESHOLDS = (0.4, 0.5, 0.6, 0.68, 0.8)


def listed(path: Path) -> Pairs:
    """Both directions of every pair."""
    words = (line.replace("en_", "").split() for line in path.read_text().splitlines())
    return {pair for a, b, *_ in words for pair in ((a.lower(), b.lower()), (b.lower(), a.lower()))}


def from_wordnet(same_part_of_speech: bool) -> Callable[[str], Iterable[str]]:
    part = WordNetSynonyms(same_part_of_speech, inflect=same_part_of_speech)
    rng = np.random.default_rng(0)
    return lambda word: part.replacements(Text.of(word).candidate, 0, rng)


def from_vectors(least: float) -> Callable[[str], Iterable[str]]:
    return lambda word: [n.word for n in neighbours.nearest(word) if n.cosine >= least]


def cost(lexicon: Path) -> None:
    """Print what is left out of the table of neighbours."""
    sets = json.loads((lexicon / "counterfitted_neighbors.json").read_text())
    published = {(word, near) for word, listed in sets.items() for near in listed}
    synonyms = listed(lexicon / "ppdb_synonyms.txt")
    everything = [(word, n) for word in neighbours.vocabulary() for n in neighbours.listed(word)]
    for least in THRESHOLDS:
        pairs = [(word, n.word) for word, n in everything if n.cosine >= least]
        gone = {pair for pair in pairs if opposed(*pair)}
        print(f"  neighbours, cosine {least:4}       {len(gone):5} / {len(pairs):<7}", end="")
        for name, kept in (("synonyms of PPDB", synonyms), ("published", published)):
            print(f" {name} {len(gone & kept)} / {len(kept.intersection(pairs))}", end="")
        print()


def main(lexicon: Path) -> None:
    sources = {
        "WordNet, part of speech": from_wordnet(True),
        "WordNet, all (TextAttack)": from_wordnet(False),
        **{f"neighbours, cosine {c}": from_vectors(c) for c in THRESHOLDS},
    }
    for name in ("wordnet_antonyms.txt", "ppdb_antonyms.txt"):
        antonyms = listed(lexicon / name)
        words = sorted({a for a, _ in antonyms})
        print(f"{name}: {len(words)} words")
        for source, proposed in sources.items():
            pairs = [(word, new.lower()) for word in words for new in proposed(word)]
            wrong = [pair for pair in pairs if pair in antonyms]
            shown = ", ".join(f"{a}/{b}" for a, b in wrong[:6])
            print(f"  {source:26} {len(wrong):5} / {len(pairs):<7} {shown}")
    print("What that costs")
    cost(lexicon)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

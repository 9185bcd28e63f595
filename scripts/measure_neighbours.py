"""Measure the table of neighbours against published word relations.

    python scripts/measure_neighbours.py LEXICON VECTORS

LEXICON holds SimLex-999.txt (Hill et al. 2015), counterfitted_neighbors.json (the substitution sets
of Jia et al. 2019, from the counter-fitted vectors that TextFooler uses) and wordnet_antonyms.txt (of
the counter-fitting repository). They are yardsticks: nothing of them enters the table. VECTORS is what
make_neighbours.py wrote with --fitted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

Floats = npt.NDArray[np.float32]
TOP = 8  # the published sets hold at most eight words
THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


def published_sets(lexicon: Path, words: set[str]) -> dict[str, list[str]]:
    """Word -> published neighbours, for words of the vocabulary with one in the vocabulary."""
    sets = json.loads((lexicon / "counterfitted_neighbors.json").read_text())
    return {w: [n for n in near if n in words] for w, near in sets.items() if w in words}


def simlex(lexicon: Path, rows: dict[str, int], vectors: Floats) -> tuple[float, int]:
    """Spearman's rho with SimLex-999 and the number of pairs in the vocabulary."""
    lines = (lexicon / "SimLex-999.txt").read_text().splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    known = [(rows[c[0]], rows[c[1]], float(c[3])) for c in cells if {c[0], c[1]} <= rows.keys()]
    scores = [float(vectors[a] @ vectors[b]) for a, b, _ in known]
    return float(spearmanr(scores, [gold for _, _, gold in known]).statistic), len(known)


def antonym_cosine(lexicon: Path, rows: dict[str, int], vectors: Floats) -> float:
    """Mean cosine of WordNet's antonyms."""
    lines = (lexicon / "wordnet_antonyms.txt").read_text().splitlines()
    pairs = [[word.removeprefix("en_") for word in line.split()] for line in lines]
    return float(
        np.mean([vectors[rows[a]] @ vectors[rows[b]] for a, b in pairs if {a, b} <= rows.keys()])
    )


def against_published(
    published: dict[str, list[str]], near: dict[str, list[tuple[str, float]]], least: float
) -> dict[str, Any]:
    """How the neighbours with a cosine of at least `least` compare with the published sets."""
    ours = {w: [n for n, cosine in near.get(w, []) if cosine >= least] for w in published}
    hits = sum(len(set(published[w]) & set(ours[w][:TOP])) for w in published)
    return {
        "recall": hits / sum(map(len, published.values())),
        "precision": hits / max(1, sum(len(n[:TOP]) for n in ours.values())),
        "mean of ours, at most 8": float(np.mean([len(n[:TOP]) for n in ours.values()])),
        "mean of the published": float(np.mean([len(n) for n in published.values()])),
        "mean of ours": float(np.mean([len(n) for n in ours.values()])),
    }


def main(lexicon: Path, vectors: Floats) -> None:
    from attacks.resources import neighbours

    words = neighbours.vocabulary()
    published = published_sets(lexicon, set(words))
    near = {w: [(n.word, n.cosine) for n in neighbours.nearest(w)] for w in words}
    print(f"{len(words):,} words, {len(published):,} of them in the published file")
    rows = {word: row for row, word in enumerate(words)}
    rho, pairs = simlex(lexicon, rows, vectors)
    print(f"SimLex-999 rho {rho:.3f} (n={pairs})")
    print(f"antonyms, mean cosine {antonym_cosine(lexicon, rows, vectors):+.3f}")
    for least in THRESHOLDS:
        row = against_published(published, near, least)
        print(least, "  ".join(f"{key} {value:.3f}" for key, value in row.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), np.load(sys.argv[2]))

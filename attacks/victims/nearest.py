"""The words that a transformers model holds close, by its own embedding table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from attacks.questions import Inputs, Words
from attacks.victims.embedding import called_embedding
from attacks.victims.pieces import Pieces, pieces

MOST = 32
"""Words in an answer."""
SHORTEST = 3
"""Letters of a word that may be proposed; shorter ones are symbols and pieces of others."""
DECIMALS = 4
ITSELF = -2.0
"""In the place of a word's cosine with itself: below every other."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens that are whole words: their numbers, ascending, and how they are written."""

    ids: tuple[int, ...]
    words: tuple[str, ...]


@lru_cache(maxsize=4)
def whole_words(tokenizer: Any, shortest: int = SHORTEST) -> Vocabulary:
    """The whole words of at least `shortest` letters among a tokenizer's tokens.

    Where some tokens begin with a mark for the space before them ("Ġ", "▁"), those are the words;
    else all that do not continue a word ("##").
    """
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    mark = space_mark(tokenizer)
    special = set(tokenizer.all_special_ids)
    found = []
    for number, token in enumerate(tokens):
        if token is None or number in special or token.startswith("##"):
            continue
        if mark and not token.startswith(mark):
            continue
        word = token.removeprefix(mark or "")
        if mark == "Ġ":  # byte-level: written in other letters than the ones it stands for
            word = tokenizer.convert_tokens_to_string([token]).strip()
        if len(word) >= shortest and word.isalpha():
            found.append((number, word))
    return Vocabulary(tuple(n for n, _ in found), tuple(word for _, word in found))


def space_mark(tokenizer: Any) -> str | None:
    """What stands in a token for the space before it; None where those that continue one are marked."""
    written = tokenizer.tokenize("a a")
    return next((m for m in ("Ġ", "▁") if any(t.startswith(m) for t in written)), None)


class HuggingFaceNearestWords:
    """The table is read once, when the first word is asked: it is for weights that stand still.

    Args:
        model: a transformers model; only its input embedding is used.
        fingerprint: SHA-256 of the weights.
    """

    def __init__(self, model: Any, tokenizer: Any, *, fingerprint: str) -> None:
        self._module = called_embedding(model)
        self._tokenizer = tokenizer
        self.fingerprint = fingerprint

    def encode(self, inputs: Sequence[Inputs]) -> list[Pieces]:
        """Token ids of each word, as it is written inside a text."""
        words = [f" {word}" for (word,) in inputs]
        known = pieces(self._tokenizer, words)
        return [known[word] for word in words]

    @torch.no_grad()
    def run(self, batch: Sequence[Pieces]) -> list[Words]:
        """Up to `MOST` words an encoding, with cosines; none for one of several tokens."""
        single = [n for n, ids in enumerate(batch) if len(ids) == 1]
        answers = [Words((), np.zeros(0, dtype=np.float32))] * len(batch)
        if not single:
            return answers
        table, ids, words = self._table
        asked = torch.tensor([batch[n][0] for n in single], device=table.device)
        # One at a time, for a product of other shape is rounded otherwise: what shares the batch decides
        # nothing.
        cosines = torch.stack([table @ vector for vector in self._vectors(asked)])
        cosines[ids == asked.unsqueeze(1)] = ITSELF
        # Rounded and ordered by number among equals, for other machines and thread counts.
        scores = (cosines * 10**DECIMALS).round()
        top = scores.topk(min(MOST, scores.shape[1]), dim=1)
        for n, values, places in zip(
            single, top.values.tolist(), top.indices.tolist(), strict=True
        ):
            found = [
                pair for pair in zip(values, places, strict=True) if pair[0] > ITSELF * 10**DECIMALS
            ]
            order = sorted(found, key=lambda pair: (-pair[0], pair[1]))
            answers[n] = Words(
                tuple(words[place] for _, place in order),
                np.array([value / 10**DECIMALS for value, _ in order], dtype=np.float32),
            )
        return answers

    @cached_property
    def _table(self) -> tuple[torch.Tensor, torch.Tensor, tuple[str, ...]]:
        """Unit vectors of the whole words, shape (words, width), their token ids, and the words."""
        vocabulary = whole_words(self._tokenizer)
        device = next(self._module.parameters()).device
        ids = torch.tensor(vocabulary.ids, device=device)
        with torch.no_grad():
            return self._vectors(ids), ids, vocabulary.words

    def _vectors(self, ids: torch.Tensor) -> torch.Tensor:
        # forward, not a call: hooks on the module are for texts.
        vectors: torch.Tensor = self._module.forward(ids.unsqueeze(0))[0].float()
        return torch.nn.functional.normalize(vectors, dim=1)

"""Which tokens of a tokenizer stand for words of like meaning: the corners of a word's convex hull."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from attacks.resources import neighbours
from attacks.victims.nearest import space_mark, whole_words

SHORTEST = 2
"""Letters of a word that has substitutes."""


@dataclass(frozen=True)
class Substitutes:
    """A table over the vocabulary.

    Attributes:
        ids: token numbers, shape (vocabulary, 1 + most): the token itself, its substitutes, nearest
            first, and itself again in what is left of the row.
        hops: 0 for the token itself, 1 for a substitute, 2 for a substitute of one, -1 where there is
            nothing; shape as `ids`.
        continues: whether a token goes on with the word before it, shape (vocabulary,).
    """

    ids: Tensor
    hops: Tensor
    continues: Tensor

    def of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The rows `ids` and `hops` of every token of a batch, shape (batch, tokens, 1 + most).

        A token that the next one continues is a part of a word and stands for itself alone.
        """
        follows = torch.zeros_like(ids, dtype=torch.bool)
        follows[:, :-1] = self.continues.to(ids.device)[ids[:, 1:]]
        corners, hops = self.ids.to(ids.device)[ids], self.hops.to(ids.device)[ids]
        alone = torch.full_like(hops[0, 0], -1)
        alone[0] = 0
        return corners, torch.where(follows.unsqueeze(-1), alone, hops)


@lru_cache(maxsize=4)
def substitutes(tokenizer: Any, rows: int, most: int, hops: int = 1) -> Substitutes:
    """The substitutes of every whole word that is one token, among such words.

    Args:
        rows: of the model's embedding table, which may be longer than the tokenizer's vocabulary.
        most: substitutes of a token, at the most.
        hops: 2: substitutes of substitutes as well, behind the others.
    """
    vocabulary = whole_words(tokenizer, SHORTEST)
    numbers = dict(zip(vocabulary.words, vocabulary.ids, strict=True))
    ids = torch.arange(rows).unsqueeze(1).repeat(1, 1 + most)
    far = torch.full_like(ids, -1)
    far[:, 0] = 0

    @cache
    def near(word: str) -> Sequence[str]:
        shape = _capitals(word)
        found = (shape(n.word) for n in neighbours.nearest(word.lower()))
        return [other for other in found if other in numbers and other != word]

    for word, number in numbers.items():
        first = list(near(word))[:most]
        second: list[str] = []
        if hops > 1:
            known = {word, *first}
            second = list(dict.fromkeys(b for a in first for b in near(a) if b not in known))
        corners = [*first, *second][:most]
        for place, other in enumerate(corners, start=1):
            ids[number, place] = numbers[other]
            far[number, place] = 1 if place <= len(first) else 2
    continues = torch.tensor(_continuing(tokenizer, rows))
    return Substitutes(ids, far, continues)


def _capitals(word: str) -> Callable[[str], str]:
    if word.islower():
        return str.lower
    return str.capitalize if word.istitle() else str.upper


def _continuing(tokenizer: Any, rows: int) -> list[bool]:
    """Where tokens that begin a word are marked, the unmarked ones that begin with a letter go on."""
    mark = space_mark(tokenizer)
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_ids)
    found = [
        token is not None
        and number not in special
        and (token[:1].isalpha() and not token.startswith(mark) if mark else token.startswith("##"))
        for number, token in enumerate(tokens)
    ]
    return (found + [False] * rows)[:rows]

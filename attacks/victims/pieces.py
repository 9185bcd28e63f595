"""The tokens of single words, looked up once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

MOST = 200_000
"""Words that are remembered for a tokenizer; then it begins anew."""

Pieces = tuple[int, ...]


def pieces(tokenizer: Any, words: Iterable[str]) -> dict[str, Pieces]:
    """Token ids of each word by itself, without special tokens; new ones are tokenized all at once.

    Weights change often while a model is trained, its tokenizer never does: what was looked up for one
    victim serves the next.
    """
    wanted = list(dict.fromkeys(words))
    known = _known(tokenizer)
    new = [word for word in wanted if word not in known]
    if new:
        if len(known) > MOST:
            known.clear()
            new = wanted
        ids = tokenizer(new, add_special_tokens=False)["input_ids"]
        known.update(zip(new, map(tuple, ids), strict=True))
    return {word: known[word] for word in wanted}


@lru_cache(maxsize=4)
def _known(tokenizer: Any) -> dict[str, Pieces]:
    return {}

"""Near words by counter-fitted cosine: what stands in for TextFooler's word vectors.

The table is made by `scripts/make_neighbours.py`, where it is told how; how near it comes to the
published vectors is in the deviations of the recipe `textfooler`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from attacks.resources.antonyms import opposed
from attacks.resources.registry import VECTORS, identity, read

MOST = 50
"""Neighbours kept of a word: TextFooler's N (Jin et al. 2020, section "Synonym extraction")."""
FLOOR = 0.4
"""Least cosine in the table."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A near word and its cosine, rounded down to 1/255."""

    word: str
    cosine: float


def knows(word: str) -> bool:
    """Whether `word` has a vector, in whatever capitals."""
    return word.lower() in _table().rows


def vocabulary() -> tuple[str, ...]:
    """Every word of the table, most frequent first."""
    return _table().words


@lru_cache(maxsize=2**12)
def nearest(word: str) -> tuple[Neighbour, ...]:
    """Up to `MOST` words whose cosine with `word` is at least `FLOOR`, nearest first; no antonyms."""
    return tuple(near for near in listed(word) if not opposed(word, near.word))


def listed(word: str) -> tuple[Neighbour, ...]:
    """The same as the table has them, antonyms among them."""
    table = _table()
    row = table.rows.get(word.lower())
    if row is None:
        return ()
    part = slice(int(table.ends[row - 1]) if row else 0, int(table.ends[row]))
    return tuple(
        Neighbour(table.words[number], int(cosine) / 255)
        for number, cosine in zip(table.ids[part], table.cosines[part], strict=True)
    )


def cosine(a: str, b: str) -> float | None:
    """The cosine of two words; 1 of a word with itself, None where neither lists the other."""
    a, b = a.lower(), b.lower()
    if a == b:
        return 1.0
    for one, other in ((a, b), (b, a)):
        for neighbour in nearest(one):
            if neighbour.word == other:
                return neighbour.cosine
    return None


class Vectors(Protocol):
    """Where near words come from: the built-in table, or `attacks.resources.vectors.WordVectors`."""

    most: ClassVar[int | None]
    """Neighbours that can be had of a word."""
    floor: ClassVar[float]
    """Cosines below are not known."""

    @property
    def identity(self) -> str:
        """See `attacks.resources.own.Exchangeable.identity`."""

    def knows(self, word: str) -> bool:
        """Whether `word` has a vector, in whatever capitals."""

    def nearest(self, word: str, most: int) -> tuple[Neighbour, ...]:
        """At most so many words, nearest first; no antonyms."""

    def cosine(self, a: str, b: str) -> float | None:
        """The cosine of two words; None where it is not known, which is below `floor`."""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """The table as a value that a part of a recipe holds."""

    resources: ClassVar[tuple[str, ...]] = (VECTORS,)
    most: ClassVar[int | None] = MOST
    floor: ClassVar[float] = FLOOR

    @property
    def identity(self) -> str:
        """See `attacks.resources.own.Exchangeable.identity`."""
        return identity(VECTORS)

    def knows(self, word: str) -> bool:
        """See `Vectors.knows`."""
        return knows(word)

    def nearest(self, word: str, most: int) -> tuple[Neighbour, ...]:
        """See `Vectors.nearest`."""
        return nearest(word)[:most]

    def cosine(self, a: str, b: str) -> float | None:
        """See `Vectors.cosine`."""
        return cosine(a, b)


BUILT_IN = BuiltIn()


@dataclass(frozen=True, slots=True)
class _Table:
    words: tuple[str, ...]
    rows: dict[str, int]
    ends: npt.NDArray[np.int64]
    ids: npt.NDArray[np.uint16]
    cosines: npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def _table() -> _Table:
    from safetensors.numpy import load

    arrays = load(read(VECTORS))
    words = tuple(arrays["words"].tobytes().decode("ascii").split("\n"))
    return _Table(
        words=words,
        rows={word: row for row, word in enumerate(words)},
        ends=np.cumsum(arrays["counts"], dtype=np.int64),
        ids=arrays["ids"],
        cosines=arrays["cosines"],
    )

"""Word vectors from a file: any that are published as text, counter-fitted ones among them.

Formats: text with a line "word v1 v2 …" a word (GloVe, Paragram, counter-fitted vectors; a first line
"words dimensions" as in word2vec's is skipped), the same in a `.gz` or as the only file of a `.zip`, and
`.safetensors` with `vectors`, shape (words, dimensions), and `words`, their bytes in UTF-8 with line
feeds between.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from attacks.errors import AttackError
from attacks.resources.antonyms import opposed
from attacks.resources.neighbours import Neighbour

Floats = npt.NDArray[np.float32]
REMEMBERED = 2**13
"""Words whose neighbours are kept: for one of 65,000 words they cost ten milliseconds."""


@dataclass(frozen=True, slots=True)
class WordVectors:
    """The vectors of a file, compared by what is in it and not by where it lies.

    Attributes:
        sha256: of the file.
    """

    path: Path = field(compare=False)
    sha256: str

    most: ClassVar[int | None] = None
    floor: ClassVar[float] = -1.0

    @classmethod
    def at(cls, path: str) -> WordVectors:
        """Read the file. Raises AttackError for one that is not there, or not in one of the formats."""
        where = Path(path).expanduser()
        try:
            with where.open("rb") as file:
                found = cls(where, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise AttackError(
                f"The word vectors {path} cannot be read: {error.strerror}."
            ) from None
        _table(found)
        return found

    @property
    def identity(self) -> str:
        """See `attacks.resources.own.Exchangeable.identity`."""
        return f"{self.path.name}, sha256:{self.sha256}"

    def knows(self, word: str) -> bool:
        """Whether `word` has a vector, in whatever capitals."""
        return word.lower() in _table(self).rows

    def nearest(self, word: str, most: int) -> tuple[Neighbour, ...]:
        """The nearest words, nearest first; antonyms among the `most` nearest are left out."""
        return _nearest(self, word.lower(), most)

    def cosine(self, a: str, b: str) -> float | None:
        """The cosine of two words; None where one has no vector."""
        table = _table(self)
        one, other = table.rows.get(a.lower()), table.rows.get(b.lower())
        if one is None or other is None:
            return None
        return round(float(table.vectors[one] @ table.vectors[other]), 6)


@dataclass(frozen=True, slots=True)
class _Table:
    """Words in small letters with their vectors, of length 1; of spellings that agree the first."""

    words: tuple[str, ...]
    rows: dict[str, int]
    vectors: Floats


@lru_cache(maxsize=REMEMBERED)
def _nearest(source: WordVectors, word: str, most: int) -> tuple[Neighbour, ...]:
    table = _table(source)
    row = table.rows.get(word)
    if row is None:
        return ()
    # Rounded, and equal ones in the order of the file: float noise decides nothing.
    cosines = (table.vectors @ table.vectors[row]).round(6)
    cosines[row] = -2.0
    count = min(most, len(cosines) - 1)
    least = np.partition(cosines, -count)[-count] if count else np.inf
    among = np.flatnonzero(cosines >= least)
    order = among[np.argsort(-cosines[among], kind="stable")][:count]
    near = (Neighbour(table.words[number], round(float(cosines[number]), 6)) for number in order)
    return tuple(neighbour for neighbour in near if not opposed(word, neighbour.word))


@lru_cache(maxsize=2)
def _table(source: WordVectors) -> _Table:
    data = source.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise AttackError(f"{source.path} has changed since this run began to read it.")
    name = source.path.name
    try:
        words, vectors = _tensors(data) if name.endswith(".safetensors") else _text(name, data)
        if not words:
            raise _MalformedError("it holds no vectors")
        lengths = np.linalg.norm(vectors, axis=1)
        for word, length in zip(words, lengths.tolist(), strict=True):
            if not np.isfinite(length) or length == 0:
                what = "nothing but zeros" if length == 0 else "a number that is not finite"
                raise _MalformedError(f"the vector of '{word}' has {what}")
    except _MalformedError as error:
        raise AttackError(
            f"{source.path} holds no word vectors that can be read: {error}. Give a text file with a "
            "line 'word v1 v2 …' a word (also as .gz or .zip), or .safetensors with 'vectors' and "
            "'words'."
        ) from None
    rows: dict[str, int] = {}
    for number, word in enumerate(words):
        rows.setdefault(word.lower(), number)
    kept = list(rows.values())
    small = tuple(rows)
    return _Table(
        small, {word: n for n, word in enumerate(small)}, vectors[kept] / lengths[kept, None]
    )


class _MalformedError(Exception):
    """What is wrong with a file."""


def _tensors(data: bytes) -> tuple[list[str], Floats]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        words = arrays["words"].astype(np.uint8).tobytes().decode("utf-8").split("\n")
        vectors = arrays["vectors"].astype(np.float32)
    except KeyError as error:
        raise _MalformedError(f"it has no tensor {error}") from None
    except (SafetensorError, UnicodeDecodeError) as error:
        raise _MalformedError(str(error)) from None
    if vectors.ndim != 2 or len(vectors) != len(words):
        raise _MalformedError(f"{len(words):,} words and vectors of shape {vectors.shape}")
    return words, vectors


def _text(name: str, data: bytes) -> tuple[list[str], Floats]:
    words: list[str] = []
    rows: list[Any] = []
    promised = None
    for number, line in enumerate(_lines(name, data), 1):
        word, *values = line.split()
        if number == 1 and len(values) == 1 and word.isdigit() and values[0].isdigit():
            promised = int(word)
            continue
        try:
            row = np.array(values, dtype=np.float32)
        except ValueError as error:
            raise _MalformedError(f"line {number}: {error}") from None
        if len(row) < 2 or (rows and len(row) != len(rows[0])):
            wanted = f"{len(rows[0])} numbers as before" if rows else "at least two numbers"
            raise _MalformedError(
                f"line {number} has {len(row)} numbers after the word, not {wanted}"
            )
        words.append(word)
        rows.append(row)
    if promised is not None and promised != len(rows):
        raise _MalformedError(f"line 1 promises {promised:,} words, and there are {len(rows):,}")
    return words, np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _lines(name: str, data: bytes) -> Iterator[str]:
    try:
        if name.endswith(".gz"):
            data = gzip.decompress(data)
        elif name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [member for member in archive.namelist() if not member.endswith("/")]
                if len(members) != 1:
                    raise _MalformedError(f"the archive holds {len(members)} files, not one")
                data = archive.read(members[0])
        # Not by `splitlines`, which also parts at characters that are words of some files.
        for line in data.decode("utf-8").split("\n"):
            if line.strip():
                yield line
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise _MalformedError(str(error)) from None

"""What was found and done while the data were prepared, in plain values for the records."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.data import Oddities, Split
from harness.duplicates import content_key


@dataclass(frozen=True, slots=True)
class Lengths:
    """Sizes of texts, in characters and in words separated by white space (all fields together)."""

    characters_mean: float
    characters_longest: int
    words_median: float
    words_95th: float
    words_longest: int


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """One split as it is used: after duplicates and limits.

    Attributes:
        source: the name it was loaded by.
        available: rows before limits.
        labels: rows by label name.
        groups: distinct groups among the rows (0 where rows have none).
        repeated: rows whose text stands earlier in the same split as well (exactly; they are kept).
        fingerprint: SHA-256 over ordered ids, texts and labels.
        ids: where they come from, a "column" or the "content" of each row.
        lengths: None where the split is empty.
    """

    name: str
    source: str
    rows: int
    available: int
    labels: Mapping[str, int]
    groups: int
    repeated: int
    fingerprint: str
    ids: Literal["column", "content"]
    lengths: Lengths | None

    @classmethod
    def of(cls, split: Split, available: int) -> SplitFacts:
        """Count a split; `available` is its number of rows before limits."""
        keys = {content_key(row.text.strings) for row in split.rows}
        return cls(
            name=split.name,
            source=split.source,
            rows=len(split),
            available=available,
            labels=split.balance,
            groups=len({row.group for row in split.rows} - {None}),
            repeated=len(split) - len(keys),
            fingerprint=split.fingerprint,
            ids=split.ids,
            lengths=_lengths(split),
        )


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """One pair of duplicates: row ids, similarity (1 for exact) and the first 200 characters of each."""

    removed: str
    kept: str
    similarity: float
    removed_text: str
    kept_text: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two splits had in common. All of it was removed from `removed_from`.

    Attributes:
        kept_in: the split that was left as it is.
        same_group: rows whose group stands in `kept_in` too (only where the splits existed already).
        exact, near: rows with an exact, or only with a near, duplicate in `kept_in`.
        conflicting: rows whose duplicate carries another label.
        rows: rows removed for any of these reasons.
        examples: a few pairs, near ones first.
    """

    removed_from: str
    kept_in: str
    same_group: int
    exact: int
    near: int
    conflicting: int
    rows: int
    examples: tuple[DuplicatePair, ...]


@dataclass(frozen=True, slots=True)
class DataReport:
    """What was read, split, removed and drawn.

    Attributes:
        seed: that of the splitting and the draws.
        group: the column that was kept together; None where there was none.
        ids: "column" or "content" (see `harness.data.Split.ids`).
        threshold: Jaccard similarity from which two texts counted as near duplicates.
        read: rows that were read, over all sources.
        oddities: odd texts among them.
        splits: train, validation, test.
        overlaps: by pair of splits.
    """

    seed: int
    group: str | None
    ids: str
    threshold: float
    read: int
    oddities: Oddities
    splits: tuple[SplitFacts, ...]
    overlaps: tuple[Overlap, ...]

    @property
    def removed(self) -> dict[str, int]:
        """Rows removed for what they shared with another split, by the split they stood in."""
        counts = {facts.name: 0 for facts in self.splits}
        for overlap in self.overlaps:
            counts[overlap.removed_from] += overlap.rows
        return counts

    def as_dict(self) -> dict[str, Any]:
        """The report in plain types, ready for JSON."""
        return dataclasses.asdict(self) | {"removed": self.removed}


def _lengths(split: Split) -> Lengths | None:
    if not split.rows:
        return None
    texts = [" ".join(row.text.strings) for row in split.rows]
    characters = np.array([len(text) for text in texts])
    words = np.array([len(text.split()) for text in texts])
    return Lengths(
        characters_mean=round(float(characters.mean()), 1),
        characters_longest=int(characters.max()),
        words_median=float(np.median(words)),
        words_95th=round(float(np.quantile(words, 0.95)), 1),
        words_longest=int(words.max()),
    )

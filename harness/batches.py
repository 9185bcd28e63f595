"""From examples to padded batches: tokenized once, grouped by length, padded to the longest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from attacks.victims.transformer import Encoding
from harness.randomness import derived

GROUP_BATCHES = 50
"""Batches that are sorted by length together, as in transformers' `LengthGroupedSampler`."""


IDLE = "idle"
"""Beside a batch's tensors where its rows only stand in for others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tokenized training example.

    Attributes:
        target: soft labels, one probability a class.
        counts: False where a row only stands in for one, see `Shares`.
    """

    encoding: Encoding
    label: int
    target: tuple[float, ...] | None = None
    counts: bool = True


def oversampled(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows, and behind them rows of the rarer classes again until each has as many as the commonest.

    Each row of a class is repeated as often as the others or once more; which ones are is drawn.
    """
    rng = np.random.default_rng(derived(seed, "balance"))
    by_class: dict[int, list[Row]] = {}
    for row in rows:
        by_class.setdefault(row.label, []).append(row)
    most = max(map(len, by_class.values()))
    found = list(rows)
    for label in sorted(by_class):
        members = by_class[label]
        whole, rest = divmod(most - len(members), len(members))
        found += members * whole + [members[i] for i in rng.permutation(len(members))[:rest]]
    return found


def class_weights(rows: Sequence[Row], classes: int) -> Tensor:
    """What a row of each class counts so that all classes count alike, shape (classes,)."""
    counts = torch.bincount(torch.tensor([row.label for row in rows]), minlength=classes)
    return len(rows) / (classes * counts.clamp_min(1).double()).float()


class TrainingSet(Dataset[Row]):
    """Rows of which some can be exchanged between epochs; the length never changes.

    The number of optimizer steps is fixed when training starts, so the places for attack-generated rows
    are there from the first epoch and hold copies of clean rows while there is nothing better.

    Args:
        clean: the tokenized training examples.
        slots: places behind them.
        parts: pieces that an epoch is cut into.

    Attributes:
        on_part: called with the number of a part and its positions, before the first of its rows is read
            (which is up to one optimizer step early: batches are fetched ahead).
    """

    def __init__(self, clean: Sequence[Row], slots: int = 0, parts: int = 1) -> None:
        self.clean = tuple(clean)
        self.slots = slots
        self.parts = parts
        self.epoch = 0
        self.on_part: Callable[[int, Sequence[int]], None] = lambda part, positions: None
        self._overlay: dict[int, Row] = {}

    def overlay(self, rows: dict[int, Row]) -> None:
        """Put `rows` at their positions and the clean rows everywhere else."""
        self._overlay = dict(rows)

    def exchange(self, rows: dict[int, Row]) -> None:
        """Put `rows` at their positions and leave the others as they are."""
        self._overlay.update(rows)

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row, in order."""
        return [len(self[position].encoding) for position in range(len(self))]

    def __len__(self) -> int:
        return len(self.clean) + self.slots

    def __getitem__(self, position: int) -> Row:
        """The row at a position; for `~position` one that does not count."""
        if position < 0:
            return replace(self[~position], counts=False)
        if position in self._overlay:
            return self._overlay[position]
        return self.clean[position % len(self.clean)]


class LengthGroups(Sampler[int]):
    """An order in which consecutive batches hold rows of like length; a new one each epoch.

    It depends on the seed, the epoch and the lengths alone, never on global random state. Only the last
    batch may be incomplete.

    Args:
        data: its `epoch` and `lengths` are read when an epoch starts, its `on_part` called on the way.
    """

    def __init__(self, data: TrainingSet, batch_size: int, seed: int) -> None:
        self._data, self._batch, self._seed = data, batch_size, seed

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[int]:
        lengths = np.asarray(self._data.lengths)
        rng = np.random.default_rng(derived(self._seed, "order", self._data.epoch))
        shuffled = rng.permutation(len(lengths))
        whole = len(shuffled) // self._batch * self._batch
        shuffled, rest = shuffled[:whole], shuffled[whole:]
        width = self._batch * GROUP_BATCHES
        batches = [
            batch
            for start in range(0, whole, width)
            for batch in _by_length(shuffled[start : start + width], lengths, self._batch)
        ]
        order = rng.permutation(len(batches))
        flat = [int(i) for place in order for i in batches[place]]
        flat += [int(i) for i in rest]
        # Parts end where batches do, so that no batch holds rows of two.
        count = -(-len(flat) // self._batch)
        ends = [
            count * (part + 1) // self._data.parts * self._batch for part in range(self._data.parts)
        ]
        for part, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            self._data.on_part(part, flat[start:end])
            yield from flat[start:end]


class Shares(Sampler[list[int]]):
    """The part of every batch that one of several processes has; in one process the batches.

    Rows are dealt in turn, so that all have texts of like length. One for whom a last, incomplete batch
    has no row left gets one that does not count: all must make as many passes.

    Args:
        batch_size: over all processes.
    """

    def __init__(self, order: LengthGroups, batch_size: int, rank: int, count: int) -> None:
        self._order, self._batch, self._rank, self._count = order, batch_size, rank, count

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch)

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        left = len(self._order)
        for position in self._order:
            batch.append(position)
            left -= 1
            if len(batch) == self._batch or not left:
                yield batch[self._rank :: self._count] or [~batch[0]]
                batch = []


def _by_length(rows: Any, lengths: Any, size: int) -> list[Any]:
    """`rows` sorted by length (stable) and cut into batches of `size`."""
    ordered = rows[np.argsort(lengths[rows], kind="stable")]
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


@dataclass(frozen=True)
class Collator:
    """Pads a batch to its longest row.

    Attributes:
        pad: number of the padding token.
        left: whether padding goes before the text (decoder-only tokenizers).
    """

    pad: int
    left: bool

    @classmethod
    def of(cls, tokenizer: Any) -> Collator:
        """The collator that a tokenizer's settings ask for."""
        pad = tokenizer.pad_token_id
        return cls(pad=0 if pad is None else int(pad), left=tokenizer.padding_side == "left")

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Ids, mask and token types (if any) of shape (batch, tokens); `labels` of shape (batch,).

        With soft labels also `targets` of shape (batch, classes); `idle` where no row counts.
        """
        encodings = [row.encoding for row in rows]
        width = max(len(encoding) for encoding in encodings)
        batch = {
            "input_ids": self._padded([e.ids for e in encodings], width, self.pad),
            "attention_mask": self._padded([(1,) * len(e) for e in encodings], width, 0),
        }
        if encodings[0].kinds is not None:
            batch["token_type_ids"] = self._padded([e.kinds or () for e in encodings], width, 0)
        batch["labels"] = torch.tensor([row.label for row in rows], dtype=torch.long)
        if rows[0].target is not None:
            batch["targets"] = torch.tensor([row.target for row in rows])
        if not any(row.counts for row in rows):
            batch[IDLE] = torch.tensor(True)
        return batch

    def _padded(self, rows: Sequence[tuple[int, ...]], width: int, value: int) -> Tensor:
        gaps = [(value,) * (width - len(row)) for row in rows]
        return torch.tensor(
            [gap + row if self.left else row + gap for gap, row in zip(gaps, rows, strict=True)],
            dtype=torch.long,
        )

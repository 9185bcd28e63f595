"""What all wrapped transformers models share: tokenizing, padding, evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from attacks.engine.queue import padded_length
from attacks.errors import AttackError
from attacks.questions import Inputs
from attacks.victims.splicing import Splicer, splicer

ROWS = 4
"""Batches are filled up to a multiple of so many rows.

Matrix kernels treat leftover rows by other code, whose sums differ in the last bit. With whole blocks
and a padded length that depends on the text alone, a CPU gives a text the same bits in every batch.
"""


JOINT = " "
"""What stands between the second field and those behind it, for tokenizers that take a pair at most."""


def offset(strings: Inputs, field: int) -> int:
    """Where a field begins in the sequence of tokens that it belongs to, in characters."""
    return sum(len(value) + len(JOINT) for value in strings[1:field])


@dataclass(frozen=True, slots=True)
class Encoding:
    """Token ids of one input, special tokens included; `kinds` where the model has token types."""

    ids: tuple[int, ...]
    kinds: tuple[int, ...] | None

    def __len__(self) -> int:
        return len(self.ids)


class TransformersModel:
    """Tokenizing and padding, the same for victims and encoders."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        fingerprint: str,
        max_length: int,
        device: str | torch.device | None = None,
    ) -> None:
        self._model = model if device is None else model.to(device)
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._fingerprint = fingerprint
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self._left = tokenizer.padding_side == "left"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the weights, and the length at which texts are cut."""
        return f"{self._fingerprint}:{self._max_length}"

    @property
    def weights(self) -> int:
        """How many there are outside of embeddings: a pass takes about as long as they are many."""
        tables = [m for m in self._model.modules() if isinstance(m, torch.nn.Embedding)]
        looked_up = {id(parameter) for table in tables for parameter in table.parameters()}
        return sum(p.numel() for p in self._model.parameters() if id(p) not in looked_up)

    def encode(self, inputs: Sequence[Inputs]) -> list[Encoding]:
        """Token ids, cut to the maximal length. Lone surrogates are read as U+FFFD."""
        if self._splicer is None:
            return self.encodings(self.tokenize(inputs))
        rows = self._splicer.rows([_columns(item) for item in inputs])
        asked = [item for item, row in zip(inputs, rows, strict=True) if row is None]
        whole = iter(self.encodings(self.tokenize(asked)) if asked else ())
        return [Encoding(*row) if row is not None else next(whole) for row in rows]

    @cached_property
    def _splicer(self) -> Splicer | None:
        """Made once: in transformers 4 to look whether a token was added takes milliseconds."""
        return splicer(self._tokenizer, self._max_length)

    def reach(self, strings: Inputs) -> tuple[int, ...]:
        """See `attacks.models.Truncating`; all there is where a slow tokenizer cannot say."""
        if not self._knows_places:
            return tuple(map(len, strings))
        encoded = self.tokenize([strings], return_offsets_mapping=True)
        ends = [0, 0]
        for owner, (_, end) in zip(
            encoded.sequence_ids(0), encoded["offset_mapping"][0], strict=True
        ):
            if owner is not None:
                ends[owner] = max(ends[owner], end)
        return tuple(
            max(0, min(len(value), ends[min(field, 1)] - offset(strings, field)))
            for field, value in enumerate(strings)
        )

    def require_places(self, who: str) -> None:
        """Raise AttackError, in the name of `who`, where a token's characters cannot be had."""
        if not self._knows_places:
            raise AttackError(
                f"{who} needs a fast tokenizer, which knows where its tokens stand in the text; "
                f"{type(self._tokenizer).__name__} is a slow one."
            )

    @property
    def _knows_places(self) -> bool:
        return bool(getattr(self._tokenizer, "is_fast", False))

    def tokenize(self, inputs: Sequence[Inputs], **options: bool) -> Any:
        """The tokenizer's own answer."""
        columns = [list(column) for column in zip(*map(_columns, inputs), strict=True)]
        return self._tokenizer(*columns, truncation=True, max_length=self._max_length, **options)

    @staticmethod
    def encodings(encoded: Any) -> list[Encoding]:
        """What is needed of the tokenizer's answer."""
        ids = encoded["input_ids"]
        kinds = encoded.get("token_type_ids")
        return [
            Encoding(tuple(row), tuple(kinds[n]) if kinds is not None else None)
            for n, row in enumerate(ids)
        ]

    def inputs(self, batch: Sequence[Encoding]) -> dict[str, torch.Tensor]:
        """Padded tensors of the batch and, to fill the last block of rows, repetitions of its end."""
        batch = [*batch, *[batch[-1]] * (-len(batch) % ROWS)]
        width = min(padded_length(max(len(item) for item in batch)), self._max_length)
        device = next(self._model.parameters()).device
        tensors = {
            "input_ids": self._padded([item.ids for item in batch], width, self._pad),
            "attention_mask": self._padded([(1,) * len(item) for item in batch], width, 0),
        }
        if batch[0].kinds is not None:
            tensors["token_type_ids"] = self._padded([item.kinds or () for item in batch], width, 0)
        return {name: tensor.to(device) for name, tensor in tensors.items()}

    def _padded(self, rows: Sequence[tuple[int, ...]], width: int, value: int) -> torch.Tensor:
        padded = [
            [value] * (width - len(row)) + list(row)
            if self._left
            else list(row) + [value] * (width - len(row))
            for row in rows
        ]
        return torch.tensor(padded, dtype=torch.long)

    def evaluating(self, gradients: bool = False) -> AbstractContextManager[None]:
        """See the function `evaluating`."""
        return evaluating(self._model, gradients)


@contextmanager
def evaluating(model: Any, gradients: bool = False) -> Iterator[None]:
    """Dropout off; a model that is being trained is put back into training mode."""
    training = model.training
    if training:
        model.eval()
    try:
        with torch.enable_grad() if gradients else torch.inference_mode():
            yield
    finally:
        if training:
            model.train()


def _columns(strings: Inputs) -> Inputs:
    """The one text or the pair that a tokenizer takes."""
    clean = tuple(map(readable, strings))
    return clean if len(clean) <= 2 else (clean[0], JOINT.join(clean[1:]))


def readable(value: str) -> str:
    """The string with lone surrogates, which no tokenizer takes, shown as U+FFFD."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

"""Inputs that wait for one model, by length bucket."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, field

from attacks.models import Model
from attacks.questions import Question

BUCKET = 8
"""Tokens by which bucket lengths grow; encodings are padded to their bucket's length.

A text's padded length then depends on the text alone, never on what shares its batch.
"""


def padded_length(tokens: int) -> int:
    """The length to which an encoding of `tokens` tokens is padded."""
    return max(1, -(-tokens // BUCKET)) * BUCKET


@dataclass
class Queue:
    """What waits for `model`, and how large its batches may be.

    `rows` and `tokens` bound a batch; `tokens` falls when the model runs out of memory.
    """

    name: str
    model: Model
    rows: int
    tokens: int
    _buckets: dict[int, dict[Question, Sized]] = field(default_factory=dict)

    def add(self, inputs: list[Question]) -> None:
        """Encode and enqueue inputs that are not waiting yet."""
        for item, encoding in zip(inputs, self.model.encode(inputs), strict=True):
            self.put_back([(item, encoding)])

    def put_back(self, items: list[tuple[Question, Sized]]) -> None:
        """Enqueue items that are encoded already."""
        for item, encoding in items:
            self._buckets.setdefault(padded_length(len(encoding)), {})[item] = encoding

    def fullest(self) -> tuple[float, int] | None:
        """(share of a full batch that it would fill, bucket) of the best bucket; None if idle."""
        if not self._buckets:
            return None
        return max(
            (min(1.0, len(waiting) / self._capacity(length)), -length)
            for length, waiting in self._buckets.items()
        )

    def take(self) -> list[tuple[Question, Sized]]:
        """Remove the next batch: the longest-waiting inputs of the fullest bucket."""
        best = self.fullest()
        if best is None:
            return []
        length = -best[1]
        waiting = self._buckets[length]
        batch = [(item, waiting.pop(item)) for item in list(waiting)[: self._capacity(length)]]
        if not waiting:
            del self._buckets[length]
        return batch

    def discard(self, item: Question) -> None:
        """Forget an input that nobody waits for any more."""
        for length, waiting in list(self._buckets.items()):
            waiting.pop(item, None)
            if not waiting:
                del self._buckets[length]

    def _capacity(self, length: int) -> int:
        return max(1, min(self.rows, self.tokens // length))

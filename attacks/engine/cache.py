"""Answers that need not be computed twice."""

from __future__ import annotations

from collections import OrderedDict

from attacks.models import Answer, Question

Key = tuple[str, Question]
"""(model fingerprint, question)."""


class Cache:
    """Rows by model fingerprint and input, in memory, least recently used first out.

    One cache can serve several campaigns: the raw and the temperature-calibrated attack on one victim
    share its logits. `rows` bounds the memory (a row of a classifier with its key takes about 0.5 kB).
    """

    def __init__(self, rows: int = 1_000_000) -> None:
        self._limit = rows
        self._rows: OrderedDict[Key, Answer] = OrderedDict()

    def get(self, key: Key) -> Answer | None:
        """The answer to `key`, or None."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def put(self, key: Key, row: Answer) -> None:
        """Remember an answer."""
        self._rows[key] = row
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)

    def __len__(self) -> int:
        return len(self._rows)

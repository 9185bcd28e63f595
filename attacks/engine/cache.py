"""Answers that need not be computed twice."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np

from attacks.engine.store import Store
from attacks.questions import Answer, Question, Written, worth_keeping

Key = tuple[str, Question]
"""(model fingerprint, question)."""


ROWS = 2**17
"""Rows kept in memory: about 65 MB, and the raw and the calibrated attack on a thousand examples."""


class Cache:
    """Rows by model fingerprint and input, in memory, least recently used first out.

    One cache can serve several campaigns: the raw and the temperature-calibrated attack on one victim
    share its logits. `rows` bounds the memory (a row of a classifier with its key takes about 0.5 kB).
    Behind it may be a `store`, which remembers the rows of texts for later runs.
    """

    def __init__(self, rows: int = ROWS, store: Store | None = None) -> None:
        self._limit = rows
        self._store = store
        self._rows: OrderedDict[Key, Answer] = OrderedDict()

    def get(self, key: Key) -> Answer | None:
        """The answer to `key`, or None."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        elif self._store is not None and isinstance(key[1], tuple):
            row = self._store.get(key[0], key[1])
            if row is not None:
                self._remember(key, row)
        return row

    def put(self, key: Key, row: Answer) -> None:
        """Remember an answer, if it is worth it."""
        if not worth_keeping(row):
            return
        self._remember(key, row)
        if (
            self._store is not None
            and isinstance(key[1], tuple)
            and isinstance(row, np.ndarray | Written)
        ):
            self._store.put(key[0], key[1], row)

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *error: object) -> None:
        """Have the store write what it has been given, whatever happened."""
        if self._store is not None:
            self._store.flush()

    @classmethod
    def at(cls, path: Path | None) -> Cache:
        """A cache with a store at `path`; in memory alone where there is none. Errors as `Store`."""
        return cls(store=None if path is None else Store(path))

    def _remember(self, key: Key, row: Answer) -> None:
        self._rows[key] = row
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)

    def __len__(self) -> int:
        return len(self._rows)

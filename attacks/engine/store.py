"""Answers on disk, for the runs to come."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from attacks.errors import AttackError
from attacks.questions import Floats, Inputs, Written

PENDING = 1000
"""Rows that are held back before they are written; a process that is killed loses no more."""
PATIENCE = 60.0
"""Seconds to wait while another process writes."""
SCHEMA = 1
Kept = bytes | str
"""A row of numbers, or what was written as JSON: SQLite keeps the type with the value."""


class Store:
    """Rows of numbers, and what was written, by model fingerprint and text, in one SQLite file.

    Several processes may use one file at a time. What decides an answer is in the fingerprint (weights,
    length at which texts are cut); another machine or another version of torch may differ in the last
    bits, which no outcome depends on (`attacks.rounding.DECIMALS`).

    Raises AttackError, here and in every method, where the file is none of ours or cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: dict[tuple[str, str], Kept] = {}
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=PATIENCE)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            known = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if (version, bool(known)) not in {(0, False), (SCHEMA, True)}:
                raise AttackError(
                    f"{path} is a database, but no cache of answers (or one of another version). Name "
                    "another file; a cache can always be deleted."
                )
            with self._database:
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS answers (model TEXT, text TEXT, row BLOB NOT NULL, "
                    "PRIMARY KEY (model, text)) WITHOUT ROWID"
                )
                self._database.execute(f"PRAGMA user_version={SCHEMA}")

    def get(self, model: str, inputs: Inputs) -> Floats | Written | None:
        """The answer to a text, or None."""
        key = (model, _key(inputs))
        found = self._pending.get(key)
        if found is None:
            with self._explained():
                asked = "SELECT row FROM answers WHERE model = ? AND text = ?"
                line = self._database.execute(asked, key).fetchone()
            if line is None:
                return None
            found = line[0]
        if isinstance(found, str):
            return Written(*json.loads(found))
        return np.frombuffer(found, dtype="<f4").astype(np.float32)

    def put(self, model: str, inputs: Inputs, answer: Floats | Written) -> None:
        """Keep an answer; it is written with the next `PENDING` or by `flush`."""
        kept: Kept
        if isinstance(answer, Written):
            kept = json.dumps([answer.text, answer.likelihood])
        else:
            kept = answer.astype("<f4").tobytes()
        self._pending[model, _key(inputs)] = kept
        if len(self._pending) >= PENDING:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if not self._pending:
            return
        rows = [(*key, row) for key, row in self._pending.items()]
        with self._explained(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
        self._pending.clear()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise AttackError(
                f"The cache {self._path} cannot be used: {error}. Name another file; a cache can always "
                "be deleted."
            ) from error


def _key(inputs: Inputs) -> str:
    return json.dumps(inputs)  # ASCII: lone surrogates too

"""Outcomes of attacks that earlier sessions ran, and what checks counted, in an SQLite file.

An outcome is known by what decides it: the victim's weights, the recipe with its parameters and the
models beside it, the seed, the temperature, the query budget, the example's id, text, label and group,
and the version of Withstand. Errors are not kept, so that they are tried again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attacks.outcomes import Example
from reports.errors import ReportError
from reports.records import OutcomeRecord
from reports.untrusted import loads, shown
from reports.visible import one_line
from suites.campaign import Campaign

WAIT = 60.0
"""Seconds to wait for another process that writes."""


def campaign_key(campaign: Campaign, beside: Mapping[str, str]) -> str:
    """SHA-256 of everything that decides an outcome but the victim and the example.

    Args:
        beside: fingerprints of the models beside the victim, by name.
    """
    decisive = {
        "recipe": campaign.recipe.name,
        "parameters": campaign.recipe.parameters(),
        "models": dict(beside),
        "seed": campaign.seed,
        "temperature": campaign.temperature,
        "query_budget": campaign.query_budget,
        "version": version("withstand"),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


class OutcomeStore:
    """The file; several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
        try:
            # The file may be another's (a cache that came with a repository): what its schema calls
            # up, in views and triggers, may do nothing beyond the tables.
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS outcomes "
                "(victim TEXT, campaign TEXT, example TEXT, row TEXT, "
                "PRIMARY KEY (victim, campaign, example)) WITHOUT ROWID"
            )
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS checks "
                "(victim TEXT, key TEXT, row TEXT, PRIMARY KEY (victim, key)) WITHOUT ROWID"
            )
        except (
            sqlite3.OperationalError
        ):  # locked, or the disk is full: nothing is wrong with the file
            self._connection.close()
            raise
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise self._broken(error) from None

    def read(
        self, campaign: str, victim: str, examples: Sequence[Example]
    ) -> dict[str, OutcomeRecord]:
        """The known outcomes of some examples, by id."""
        rows = self._connection.execute(
            "SELECT example, row FROM outcomes WHERE victim = ? AND campaign = ?",
            (victim, campaign),
        )
        known = dict(rows.fetchall())
        found = {}
        for example in examples:
            row = known.get(digest(example))
            if row is not None:
                try:
                    found[example.id] = OutcomeRecord.from_dict(loads(row))
                except (TypeError, ValueError, AttributeError, KeyError) as error:
                    raise self._broken(error) from None
        return found

    def write(self, campaign: str, victim: str, example: Example, outcome: OutcomeRecord) -> None:
        """Keep an outcome, unless it is an error."""
        if outcome.status == "errored":
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?)",
            (victim, campaign, digest(example), json.dumps(outcome.to_dict())),
        )

    def counted(self, key: str, victim: str) -> dict[str, Any] | None:
        """What a check counted of a victim; None where it is not known."""
        row = self._connection.execute(
            "SELECT row FROM checks WHERE victim = ? AND key = ?", (victim, key)
        ).fetchone()
        try:
            return None if row is None else dict(loads(row[0]))
        except (TypeError, ValueError, AttributeError) as error:
            raise self._broken(error) from None

    def keep(self, key: str, victim: str, counted: Mapping[str, Any]) -> None:
        """Keep what a check counted; `key` says what decided it, the victim left out."""
        self._connection.execute(
            "INSERT OR REPLACE INTO checks VALUES (?, ?, ?)",
            (victim, key, json.dumps(dict(counted))),
        )

    def _broken(self, error: Exception) -> ReportError:
        return ReportError(
            f"{shown(self._path)} is not a store of outcomes: {one_line(str(error), 200)}. Delete it; "
            "the outcomes are measured again."
        )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def digest(example: Example) -> str:
    """SHA-256 of an example's id, text, label and group."""
    text = example.text
    content = json.dumps(
        [example.id, list(text.strings), sorted(text.frozen_fields), example.label, example.group]
    )
    return hashlib.sha256(content.encode()).hexdigest()

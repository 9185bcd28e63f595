"""A trigger on disk: JSON, with what it was found on and for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attacks.errors import AttackError
from attacks.universal.trigger import Trigger

FORMAT = "withstand-trigger"
VERSION = 1


@dataclass(frozen=True)
class TriggerFile:
    """What a trigger file holds.

    Attributes:
        trigger: the words and where they go.
        target: the label that it was made for.
        victim: fingerprint of the victim that it was found on.
        more: whatever else is worth keeping, as plain JSON values; it decides nothing.
    """

    trigger: Trigger
    target: str
    victim: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """All that it holds, as plain JSON values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "trigger": list(self.trigger.words),
            "field": self.trigger.field,
            "target": self.target,
            "victim": self.victim,
            **self.more,
        }

    def to_json(self) -> str:
        """The content of the file."""
        return json.dumps(self.values(), indent=1) + "\n"

    @classmethod
    def read(cls, path: str | Path) -> TriggerFile:
        """Read what `to_json` wrote.

        Raises AttackError where there is no file, or it is none of ours.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise AttackError(
                f"The trigger file {path} cannot be read: {error.strerror}. `withstand trigger` "
                "makes one."
            ) from None
        except ValueError as error:
            raise AttackError(f"The trigger file {path} is no JSON: {error}") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise AttackError(
                f'{path} is not a trigger file (it says no "format": "{FORMAT}"). '
                "`withstand trigger` makes one."
            )
        if values.get("version") != VERSION:
            raise AttackError(
                f"The trigger file {path} has version {values.get('version')}, and this Withstand reads "
                f"{VERSION}."
            )
        return cls._of(values, path)

    @classmethod
    def _of(cls, values: dict[str, Any], path: str | Path) -> TriggerFile:
        words, place = values.pop("trigger", None), values.pop("field", None)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise AttackError(f'{path}: "trigger" is a list of words, and is {words!r}.')
        if place not in ("first", "last"):
            raise AttackError(f'{path}: "field" is "first" or "last", and is {place!r}.')
        target, victim = values.pop("target", None), values.pop("victim", None)
        if not isinstance(target, str) or not isinstance(victim, str):
            raise AttackError(f'{path}: "target" and "victim" are strings.')
        for key in ("format", "version"):
            del values[key]
        return cls(Trigger(tuple(words), place), target, victim, values)

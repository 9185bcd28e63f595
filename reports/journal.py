"""What the events of a run say of its course, finished or not: stages, epochs, trials, outcomes so far.

Read line by line: of an example only its status is kept. What an event does not hold, or holds as
something else than its writer does, is left out, so that a journal from a stranger is shown as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.records import STATUSES


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a training; `trial` is set in a search. What was not measured is None."""

    number: int
    trial: int | None
    train_loss: float | None
    validation_loss: float | None
    correct: int | None
    n: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of a search for settings."""

    number: int
    state: str
    value: float | None
    settings: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Journal:
    """The course of a run.

    Attributes:
        outcomes: by check, how many examples ended in each status.
        predictions: by check, how many were asked and how many of them were right.
        stages: name and seconds of each that ended.
        last: the time of the last event, as it stands there.
    """

    name: str = ""
    kind: str = ""
    started: str = ""
    last: str = ""
    model: str = ""
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    predictions: dict[str, tuple[int, int]] = field(default_factory=dict)
    stages: list[tuple[str, float]] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    resumed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "started": self.started,
            "last": self.last,
            "model": self.model,
            "resumed": self.resumed,
            "outcomes": self.outcomes,
            "predictions": {
                check: {"n": n, "correct": right} for check, (n, right) in self.predictions.items()
            },
            "stages": [{"name": name, "seconds": seconds} for name, seconds in self.stages],
            "epochs": [
                {
                    "epoch": e.number,
                    "trial": e.trial,
                    "train_loss": e.train_loss,
                    "validation_loss": e.validation_loss,
                    "correct": e.correct,
                    "n": e.n,
                }
                for e in self.epochs
            ],
            "trials": [
                {
                    "number": t.number,
                    "state": t.state,
                    "value": t.value,
                    "settings": dict(t.settings),
                }
                for t in self.trials
            ],
        }


def journal(events: Iterable[Mapping[str, Any]]) -> Journal:
    """The course of a run from its events. The last of several records of one example counts."""
    found = Journal()
    status: dict[tuple[str, str], str] = {}
    right: dict[tuple[str, str], bool] = {}
    for event in events:
        found.last = _text(event.get("time")) or found.last
        match event["event"]:
            case "started":
                found.name, found.kind = _text(event.get("name")), _text(event.get("kind"))
                found.started = _text(event.get("time"))
            case "resumed":
                found.resumed += 1
            case "subject":
                model = event.get("model")
                found.model = _text(model.get("name")) if isinstance(model, dict) else ""
            case "model" if not found.model:
                found.model = _text(event.get("path"))
            case "stage":
                found.stages.append((_text(event.get("name")), _real(event.get("seconds")) or 0.0))
            case "epoch":
                found.epochs.append(_epoch(event))
            case "trial":
                found.trials.append(_trial(event))
            case "outcome" if event.get("status") in STATUSES:
                status[_key(event)] = event["status"]
            case "prediction":
                known = event.get("predicted") is not None
                right[_key(event)] = known and event.get("predicted") == event.get("label")
    for (check, _), word in status.items():
        counts = found.outcomes.setdefault(check, dict.fromkeys(STATUSES, 0))
        counts[word] += 1
    asked, correct = Counter(c for c, _ in right), Counter(c for (c, _), ok in right.items() if ok)
    found.predictions = {check: (n, correct[check]) for check, n in asked.items()}
    return found


def _key(event: Mapping[str, Any]) -> tuple[str, str]:
    return _text(event.get("check")), _text(event.get("example_id"))


def _epoch(event: Mapping[str, Any]) -> Epoch:
    return Epoch(
        number=_whole(event.get("epoch")) or 0,
        trial=_whole(event.get("trial")),
        train_loss=_real(event.get("train_loss")),
        validation_loss=_real(event.get("validation_loss")),
        correct=_whole(event.get("correct")),
        n=_whole(event.get("n")),
    )


def _trial(event: Mapping[str, Any]) -> Trial:
    settings = event.get("settings")
    return Trial(
        number=_whole(event.get("number")) or 0,
        state=_text(event.get("state")),
        value=_real(event.get("value")),
        settings=tuple((key, str(value)) for key, value in settings.items())
        if isinstance(settings, dict)
        else (),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None

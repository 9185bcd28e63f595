"""The records of a run: one row an example a check, as plain values that survive JSON and Parquet.

Two kinds. A `PredictionRecord` is what a model said to an unaltered example; an `OutcomeRecord` is what
an attack on an example came to. Each turns to a dict and back; keys that this version does not know are
ignored on the way in, so that a newer writer does not lock out an older reader.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

Status = Literal["succeeded", "failed", "skipped", "errored", "out_of_budget"]
STATUSES: tuple[Status, ...] = get_args(Status)

Change = tuple[int, str, str]
"""One word that differs: its index in the original, what stood there, what stands there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRecord:
    """What a model said to one unaltered example.

    Attributes:
        check: what the record belongs to, e.g. "clean@test".
        split: "train", "validation" or "test" (or a name of a shifted set).
        group: the family of the example; members of one are resampled together.
        logits: the model's scores, before any temperature; empty where it gave none. A score that is
            not finite is None: JSON has no NaN.
        loss: cross-entropy against the label; None where it is not finite.
        model: role or fingerprint of the model that was asked.
    """

    event: ClassVar[str] = "prediction"

    check: str
    example_id: str
    split: str
    label: int
    group: str | None = None
    predicted: int | None = None
    logits: tuple[float | None, ...] = ()
    loss: float | None = None
    model: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What the record is known by: its check and its example."""
        return self.check, self.example_id

    @property
    def correct(self) -> bool:
        """Whether the prediction is the label; no prediction is not correct."""
        return self.predicted is not None and self.predicted == self.label

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "check": self.check,
            "example_id": self.example_id,
            "split": self.split,
            "label": self.label,
            "group": self.group,
            "predicted": self.predicted,
            "logits": [_finite(value) for value in self.logits],
            "loss": _finite(self.loss),
            "model": self.model,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PredictionRecord:
        """Read back what `to_dict` wrote; unknown keys are ignored, a missing one is a ValueError."""
        _require(data, "check", "example_id", "split", "label")
        return cls(
            check=str(data["check"]),
            example_id=str(data["example_id"]),
            split=str(data["split"]),
            label=int(data["label"]),
            group=_text(data.get("group")),
            predicted=_whole(data.get("predicted")),
            logits=tuple(_finite(value) for value in _sequence(data.get("logits"))),
            loss=_finite(data.get("loss")),
            model=str(data.get("model") or ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """What one attack on one example came to.

    Attributes:
        check: what the record belongs to, e.g. "attack:pwws@test" or "attack:pwws@test/calibrated".
        status: one of `STATUSES`; the five are never merged. "skipped" is an example that the model got
            wrong before any edit, or that was right and that the goal of the attack leaves alone; an
            "errored" one says nothing about robustness.
        original, perturbed: the values of the fields shown to the model; `perturbed` is None where
            nothing was tried.
        confidence_before, confidence_after: the model's probability of the label.
        queries: inputs the search asked to have scored; `unique_queries`: the distinct ones among them.
        broken_after: the distinct ones until one succeeded: as many would have done. None where none
            did, and in records of releases that did not count them.
        reference: what a model that writes should have written.
        written_before, written_after: what it wrote; predictions and confidences are None then, and the
            label means nothing.
    """

    event: ClassVar[str] = "outcome"

    check: str
    attack: str
    example_id: str
    split: str
    status: Status
    label: int
    calibrated: bool = False
    model: str = ""
    group: str | None = None
    original: tuple[str, ...] = ()
    perturbed: tuple[str, ...] | None = None
    changes: tuple[Change, ...] = ()
    predicted_before: int | None = None
    predicted_after: int | None = None
    confidence_before: float | None = None
    confidence_after: float | None = None
    words: int = 0
    queries: int = 0
    unique_queries: int = 0
    broken_after: int | None = None
    error: str | None = None
    reference: str | None = None
    written_before: str | None = None
    written_after: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(
                f"{self.check}, example {self.example_id}: the status is {self.status!r}; "
                f"it must be one of {', '.join(STATUSES)}"
            )

    @property
    def key(self) -> tuple[str, str]:
        """What the record is known by: its check and its example."""
        return self.check, self.example_id

    @property
    def withstood(self) -> bool:
        """Right before and not broken: the search ended, or its budget did, without success.

        So did an example that was right and left alone: the goal has nothing to attack in it.
        """
        return self.status in ("failed", "out_of_budget") or self.left_alone

    @property
    def left_alone(self) -> bool:
        """Skipped although it was right: its label is the target of the attack, say."""
        return self.status == "skipped" and self.predicted_before == self.label

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "check": self.check,
            "attack": self.attack,
            "example_id": self.example_id,
            "split": self.split,
            "calibrated": self.calibrated,
            "model": self.model,
            "status": str(self.status),
            "label": self.label,
            "group": self.group,
            "original": list(self.original),
            "perturbed": None if self.perturbed is None else list(self.perturbed),
            "changes": [list(change) for change in self.changes],
            "predicted_before": self.predicted_before,
            "predicted_after": self.predicted_after,
            "confidence_before": _finite(self.confidence_before),
            "confidence_after": _finite(self.confidence_after),
            "words": self.words,
            "queries": self.queries,
            "unique_queries": self.unique_queries,
            "broken_after": self.broken_after,
            "error": self.error,
            "reference": self.reference,
            "written_before": self.written_before,
            "written_after": self.written_after,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OutcomeRecord:
        """Read back what `to_dict` wrote; unknown keys are ignored, a missing one is a ValueError."""
        _require(data, "check", "attack", "example_id", "split", "status", "label")
        perturbed = data.get("perturbed")
        return cls(
            check=str(data["check"]),
            attack=str(data["attack"]),
            example_id=str(data["example_id"]),
            split=str(data["split"]),
            calibrated=bool(data.get("calibrated", False)),
            model=str(data.get("model") or ""),
            # A StrEnum of another package is welcome; what is kept is the plain word.
            status=str(data["status"]),  # type: ignore[arg-type]  # checked in __post_init__
            label=int(data["label"]),
            group=_text(data.get("group")),
            original=tuple(str(value) for value in _sequence(data.get("original"))),
            perturbed=None if perturbed is None else tuple(str(v) for v in _sequence(perturbed)),
            changes=tuple(
                (int(index), str(before), str(after))
                for index, before, after in _sequence(data.get("changes"))
            ),
            predicted_before=_whole(data.get("predicted_before")),
            predicted_after=_whole(data.get("predicted_after")),
            confidence_before=_finite(data.get("confidence_before")),
            confidence_after=_finite(data.get("confidence_after")),
            words=int(data.get("words") or 0),
            queries=int(data.get("queries") or 0),
            unique_queries=int(data.get("unique_queries") or 0),
            broken_after=_whole(data.get("broken_after")),
            error=_text(data.get("error")),
            reference=_text(data.get("reference")),
            written_before=_text(data.get("written_before")),
            written_after=_text(data.get("written_after")),
        )


Record = PredictionRecord | OutcomeRecord


def from_event(event: Mapping[str, Any]) -> Record | None:
    """The record that a line of events.jsonl carries, or None where it carries none."""
    match event.get("event"):
        case OutcomeRecord.event:
            return OutcomeRecord.from_dict(event)
        case PredictionRecord.event:
            return PredictionRecord.from_dict(event)
        case _:
            return None


def _require(data: Mapping[str, Any], *keys: str) -> None:
    missing = [key for key in keys if data.get(key) is None]
    if missing:
        raise ValueError(f"a record lacks {', '.join(missing)}")


def _sequence(value: Any) -> Sequence[Any]:
    return () if value is None else list(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _finite(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None

"""Makers of records for the tests of reports."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reports.records import OutcomeRecord, PredictionRecord


@pytest.fixture
def outcome() -> Callable[..., OutcomeRecord]:
    """An outcome with sensible defaults."""

    def make(example_id: str = "e1", status: str = "failed", **changes: object) -> OutcomeRecord:
        values: dict[str, object] = {
            "check": "attack:pwws@test",
            "attack": "pwws",
            "example_id": example_id,
            "split": "test",
            "status": status,
            "label": 1,
            "original": ("a fine film",),
            "perturbed": ("a okay film",) if status == "succeeded" else None,
            "changes": ((1, "fine", "okay"),) if status == "succeeded" else (),
            "predicted_before": 0 if status == "skipped" else 1,
            "predicted_after": 0 if status == "succeeded" else None,
            "confidence_before": 0.9,
            "words": 3,
            "queries": 20,
            "unique_queries": 15,
        }
        return OutcomeRecord(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def prediction() -> Callable[..., PredictionRecord]:
    """A prediction with sensible defaults."""

    def make(example_id: str = "e1", label: int = 1, **changes: object) -> PredictionRecord:
        values: dict[str, object] = {
            "check": "clean@test",
            "example_id": example_id,
            "split": "test",
            "label": label,
            "predicted": 1,
            "logits": (0.0, 1.5),
            "loss": 0.3,
        }
        return PredictionRecord(**{**values, **changes})  # type: ignore[arg-type]

    return make

"""Adapters that stay learn to read reviews, at the rates that are their defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models import load_classifier
from harness.plan import parse_plan
from harness.session import data_of
from harness.training import train
from harness.training_plan import Adapter, AdapterMethod, Train


@pytest.mark.slow
@pytest.mark.parametrize(("method", "at_least"), [("prefix", 0.70), ("bottleneck", 0.75)])
def test_reviews_are_learnt(method: AdapterMethod, at_least: float, tmp_path: Path) -> None:
    """Where 57% of the validation texts are of one class. (A prompt comes to 67%, in as long again.)"""
    data = {"source": "bundle:rotten-tomatoes", "group": "movie", "train_limit": 1600}
    raw = {
        "name": "reviews",
        "seed": 0,
        "model": {"base": "bundle:minilm-l6", "max_length": 64},
        "data": {**data, "validation_limit": 300, "test_limit": 20},
    }
    prepared = data_of(parse_plan(raw, "reviews"))
    result = train(
        Train(output=str(tmp_path / "model"), epochs=3, adapter=Adapter(method=method)),
        load_classifier("bundle:minilm-l6", labels=prepared.labels, seed=0),
        prepared.train.rows,
        prepared.validation.rows,
        seed=0,
        max_length=64,
        work=tmp_path / "work",
        record=lambda event: None,
    )
    assert result.history[result.best].accuracy >= at_least

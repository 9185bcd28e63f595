"""The path from bundle to attack in small; it must hold with the oldest transformers as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.outcomes import Finished, Status
from attacks.victims.huggingface import HuggingFaceVictim
from harness.models import load_classifier
from harness.plan import Data
from harness.splits import prepare
from harness.training import train
from harness.training_plan import Objective, Train


@pytest.mark.smoke
@pytest.mark.parametrize("objective", ["plain", "freelb"])
def test_a_bundle_is_trained_saved_loaded_and_attacked(tmp_path: Path, objective: str) -> None:
    data = Data(source="bundle:rotten-tomatoes", train_limit=32, validation_limit=16, test_limit=8)
    prepared = prepare(data, seed=0)
    output = tmp_path / "model"
    train(
        Train(output=str(output), epochs=1, objective=Objective(name=objective)),
        load_classifier("bundle:minilm-l6", labels=prepared.labels, seed=0),
        prepared.train.rows,
        prepared.validation.rows,
        seed=0,
        max_length=32,
        work=tmp_path / "work",
        record=lambda _: None,
    )
    saved = load_classifier(str(output), labels=prepared.labels)
    victim = HuggingFaceVictim(
        saved.model, saved.tokenizer, saved.labels, fingerprint=saved.fingerprint, max_length=32
    )
    jobs = [Job(example, recipes.load("deepwordbug")) for example in prepared.test.rows]
    outcomes = [e.outcome for e in run(jobs, {"victim": victim}) if isinstance(e, Finished)]
    assert len(outcomes) == 8
    assert all(outcome.status is not Status.ERRORED for outcome in outcomes)

"""What a training refuses before its first step, and what makes it the training that it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from attacks.models import Model
from attacks.outcomes import Example
from attacks.protocols import ABILITIES
from harness import dividing, objectives
from harness.errors import HarnessError
from harness.objectives.base import Undivided
from harness.training_plan import KEPT, Train


def check_examples(
    train: Sequence[Example], validation: Sequence[Example], labels: Sequence[str]
) -> None:
    """Raises HarnessError for examples that no training can use, or none can be judged by."""
    for name, examples in (("training", train), ("validation", validation)):
        if not examples:
            raise HarnessError(f"There are no {name} examples.")
        wrong = next((e for e in examples if not 0 <= e.label < len(labels)), None)
        if wrong is not None:
            raise HarnessError(
                f"The {name} example '{wrong.id}' has label number {wrong.label}; the model has "
                f"{len(labels)} labels, numbered from 0."
            )
        if len({example.id for example in examples}) < len(examples):
            raise HarnessError(f"Two {name} examples have the same id; ids must be unique.")
    if len(train) < len(labels):
        raise HarnessError(
            f"There are {len(train)} training examples for {len(labels)} classes. Give at least one "
            "of each."
        )
    seen = {example.text.strings: example.id for example in train}
    twice = next((e for e in validation if e.text.strings in seen), None)
    if twice is not None:
        raise HarnessError(
            f"The validation example '{twice.id}' has the text of the training example "
            f"'{seen[twice.text.strings]}'. A checkpoint chosen on what it was trained on is chosen by "
            "nothing; take one of the two out."
        )


def check_needs(chosen: Sequence[Any], models: Mapping[str, Model]) -> None:
    """Raises HarnessError where a recipe needs a model that is not there."""
    for recipe in chosen:
        for need in recipe.needs:
            if need not in models and need not in ABILITIES:
                raise HarnessError(
                    f"The attack '{recipe.name}' needs a model for '{need}' in training too."
                )


def check_divided(config: Train) -> None:
    """Raises HarnessError where the launcher divides weights that have to be whole for this training."""
    way = dividing.asked()
    if not way:
        return
    helps = (
        "Allowed beside it: processes that share the batches alone (`accelerate launch --multi_gpu`, "
        "torchrun); an adapter, gradient_checkpointing or precision save memory there."
    )
    if way == dividing.DEEPSPEED and config.adapter and config.adapter.method in KEPT:
        raise HarnessError(
            f"adapter.method '{config.adapter.method}' stays in the model, and DeepSpeed takes apart "
            f"what it is made of before the model asks for it. FSDP does not. {helps}"
        )
    for chosen in config.objective:
        made = objectives.load(chosen.name, chosen.parameters)
        if isinstance(made, Undivided) and (why := made.undivided(way, config.accumulate)):
            raise HarnessError(
                f"The objective '{chosen.name}' cannot train weights that {way} divides: {why}. {helps}"
            )
    if way == dividing.DEEPSPEED and config.average:
        raise HarnessError(
            "train.average keeps an average of the weights, which DeepSpeed does not show as they are. "
            f"FSDP does. {helps}"
        )


def identity_of(
    config: Train,
    others: Sequence[Any],
    train: Sequence[Example],
    validation: Sequence[Example],
) -> str:
    """SHA-256 of everything that decides the weights."""
    digest = hashlib.sha256()
    settings = config.model_dump(mode="json", exclude={"output"})
    digest.update(json.dumps([settings, *others], sort_keys=True).encode())
    for examples in (train, validation):
        digest.update(b"\x1e")
        for example in examples:
            line = [
                example.id,
                example.label,
                example.text.fields,
                sorted(example.text.frozen_fields),
            ]
            digest.update(json.dumps(line).encode())
    return digest.hexdigest()

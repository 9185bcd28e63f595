"""What the fixtures of the pytest plugin load, once a test asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from attacks.models import Victim
from attacks.outcomes import Example
from attacks.text import Text
from harness.errors import HarnessError
from suites import validity
from suites.doubts import CHECKS
from suites.outcome_store import OutcomeStore
from suites.pytest_settings import setting, switched
from suites.robustness import Robustness

STORE = "outcomes.sqlite"


def load_model(config: pytest.Config, model: Any) -> Victim:
    """A victim as it is, or the classifier that a string names.

    Raises UsageError where nothing is named.
    """
    if model is None:
        raise pytest.UsageError(
            "There is no model to attack. Name one with --withstand-model or the ini key "
            "withstand_model, or override the fixture withstand_model in a conftest.py."
        )
    if not isinstance(model, str | Path):
        victim: Victim = model
        return victim
    from suites.subject import named_victim

    wanted = setting(config, "max-length")
    return named_victim(str(model), int(wanted) if wanted else None, setting(config, "device"))


def load_examples(config: pytest.Config, victim: Victim, data: Any) -> Sequence[Example]:
    """Examples as they are, of a source that a string names, or of (text, label name) pairs.

    Raises UsageError where nothing is named, HarnessError for labels that the model lacks.
    """
    if data is None:
        raise pytest.UsageError(
            "There are no examples. Name them with --withstand-data or the ini key withstand_data, or "
            "override the fixture withstand_data in a conftest.py."
        )
    if isinstance(data, str | Path):
        from harness.splits import load_split

        seed = int(setting(config, "seed") or 0)
        return load_split(str(data), labels=victim.labels, seed=seed).rows
    return [_example(number, row, victim.labels) for number, row in enumerate(data)]


def _example(number: int, row: Any, labels: Sequence[str]) -> Example:
    if isinstance(row, Example):
        return row
    text, label = row
    if label not in labels:
        raise HarnessError(
            f"Example {number} of withstand_data has the label {label!r}; the model's are "
            f"{', '.join(map(repr, labels))}."
        )
    return Example(str(number), Text.of(text), list(labels).index(label))


@contextmanager
def opened(config: pytest.Config, model: Any, data: Any) -> Iterator[Robustness]:
    """The object behind the fixture `robustness`, with what earlier sessions know."""
    victim = load_model(config, model)
    examples = load_examples(config, victim, data)
    validation = setting(config, "validation")
    store = None
    if not switched(config, "fresh") and getattr(config, "cache", None) is not None:
        store = OutcomeStore(config.cache.mkdir("withstand") / STORE)
    try:
        yield Robustness(
            victim,
            examples,
            validation=load_examples(config, victim, validation) if validation else (),
            store=store,
            baselines=folder(config, "baselines", "withstand-baselines"),
            update=switched(config, "update"),
            seed=int(setting(config, "seed") or 0),
            device=setting(config, "device"),
            checks=checks(config),
        )
    finally:
        if store:
            store.close()


def checks(config: pytest.Config) -> tuple[str, ...]:
    """The checks that --withstand-checks names; the usual ones where it names none.

    Raises AttackError for one that there is not.
    """
    named = setting(config, "checks")
    if named is None:
        return CHECKS
    names = () if named == "none" else tuple(name.strip() for name in named.split(","))
    for name in names:
        validity.load(name)
    return names


def folder(config: pytest.Config, name: str, default: str) -> Path:
    """A folder that a setting names, below the root of the tests."""
    return config.rootpath / (setting(config, name) or default)

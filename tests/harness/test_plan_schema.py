"""The JSON Schema of plans says what the models say, and the copy in the package says the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.plan_schema import plan_schema

ROOT = Path(__file__).parents[2]
COPY = ROOT / "harness" / "schema" / "plan-v1.json"
PLANS = sorted([*(ROOT / "plans").glob("*.toml"), *(ROOT / "examples").glob("*.toml")])


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_copy_is_what_the_models_give() -> None:
    renewed = "Renew it: withstand plan schema > harness/schema/plan-v1.json"
    assert json.loads(COPY.read_text(encoding="utf-8")) == plan_schema(), renewed


@pytest.mark.parametrize("path", PLANS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_plan_that_comes_with_withstand_is_valid(path: Path, validator: Any) -> None:
    validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


MINIMAL = 'name = "p"\nmodel = { base = "m" }\ndata = { source = "d.csv" }\n'


@pytest.mark.parametrize(
    "extra",
    [
        "",
        'gates = [{ metric = "m", at_least = 0.5, why = "w" }]',
        'train = { output = "o", objective = { name = "plain" } }',
        'train = { output = "o", objective = [{ name = "plain" }, { name = "awp" }] }',
    ],
)
def test_what_the_models_take_is_valid(extra: str, validator: Any) -> None:
    validator.validate(tomllib.loads(MINIMAL + extra))


@pytest.mark.parametrize(
    ("extra", "at"),
    [
        ("sead = 1", ""),
        ('seed = "1"', "seed"),
        ("audit = { exampels = 5 }", "audit"),
        ("audit = { examples = 0 }", "audit.examples"),
        ('gates = [{ metric = "m", at_least = 0.5 }]', "gates.0"),
        ('gates = [{ metric = "m", why = "w" }]', "gates.0"),
        ('gates = [{ metric = "m", at_least = 0.5, at_most = 0.6, why = "w" }]', "gates.0"),
        ('train = { output = "o", schedule = "linaer" }', "train.schedule"),
        ('train = { output = "o", objective = [] }', "train.objective"),
        ('tune = { space = { x = { low = "a" } } }', "tune.space.x.low"),
    ],
)
def test_what_the_models_refuse_is_not(extra: str, at: str, validator: Any) -> None:
    errors = list(_deepest(validator.iter_errors(tomllib.loads(MINIMAL + extra))))
    assert at in {".".join(map(str, error.absolute_path)) for error in errors}


def _deepest(errors: Any) -> Any:
    for error in errors:
        yield error
        yield from _deepest(error.context)


def test_keys_carry_what_their_section_says_of_them() -> None:
    found = plan_schema()
    audit = found["$defs"]["Audit"]
    assert audit["description"].startswith("What the model must withstand")
    assert "Attributes" not in json.dumps(found)
    assert "test split" in audit["properties"]["attacks"]["description"]
    shared = found["$defs"]["Data"]["properties"]
    assert shared["validation"]["description"] == shared["test"]["description"]

"""Plans: every mistake is named with its key and the nearest valid one, before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import Plan, PlanError, parse_plan, read_plan

MINIMAL: dict[str, Any] = {"name": "p", "model": {"base": "m"}, "data": {"source": "d.csv"}}


def complaint(**changes: Any) -> str:
    with pytest.raises(PlanError) as caught:
        parse_plan({**MINIMAL, **changes}, "plan.toml")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_minimal_plan_is_valid_and_its_defaults_are_written_out() -> None:
    plan = parse_plan(MINIMAL, "plan.toml")
    assert plan.audit.attacks == ("deepwordbug", "pwws", "textfooler")
    assert "near_duplicate = 0.8" in plan.to_toml()


def test_an_unknown_key_is_named_with_the_nearest_valid_one() -> None:
    message = complaint(model={"base": "m", "max_lenght": 64})
    assert "model.max_lenght: there is no such key. Did you mean 'max_length'?" in message


def test_an_unknown_key_in_a_list_of_sections_is_found_too() -> None:
    message = complaint(gates=[{"metric": "clean_accuracy", "at_lest": 0.5, "why": "x"}])
    assert "gates.0.at_lest" in message
    assert "Did you mean 'at_least'?" in message


def test_an_unknown_key_in_an_optional_section_knows_its_neighbours() -> None:
    message = complaint(train={"output": "o", "augment": {"attacks": ["pwws"], "shares": 0.3}})
    assert "train.augment.shares: there is no such key. Did you mean 'share'?" in message


def test_a_wrong_type_is_named_with_what_was_given() -> None:
    assert "train.epochs" in complaint(train={"output": "o", "epochs": "3"})
    assert "'3'" in complaint(train={"output": "o", "epochs": "3"})


def test_a_missing_key_is_named() -> None:
    assert "model.base: this key is required and missing." in complaint(model={})


def test_all_mistakes_are_reported_at_once() -> None:
    message = complaint(model={"bas": "m"}, data={"sauce": "d"})
    for key in ("model.base", "model.bas", "data.source", "data.sauce"):
        assert key in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data": {"source": "d", "shares": [0.5, 0.5, 0.5]}}, "add up to 1"),
        ({"gates": [{"metric": "m", "why": "w"}]}, "exactly one of at_least, at_most and margin"),
        (
            {"train": {"output": "o", "selection": {"metric": "robust_accuracy"}}},
            "needs at least one name in attacks",
        ),
        ({"train": {"output": "o", "augment": {"attacks": []}}}, "train.augment.attacks"),
    ],
)
def test_values_that_contradict_each_other_are_explained(
    changes: dict[str, Any], expected: str
) -> None:
    assert expected in complaint(**changes)


def test_one_objective_or_several(tmp_path: Path) -> None:
    one = {"output": "o", "objective": {"name": "fgm", "parameters": {"epsilon": 2}}}
    several = {"output": "o", "objective": [{"name": "pgd"}, {"name": "r-drop", "weight": 0.5}]}
    for train, names in [
        (one, ["fgm"]),
        (several, ["pgd", "r-drop"]),
        ({"output": "o"}, ["plain"]),
    ]:
        plan = parse_plan({**MINIMAL, "train": train}, "plan.toml")
        assert plan.train is not None
        assert [chosen.name for chosen in plan.train.objective] == names
        path = tmp_path / "plan.toml"
        path.write_text(plan.to_toml(), encoding="utf-8")
        assert read_plan(path).digest == plan.digest


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ({"nam": "fgm"}, "train.objective.nam: there is no such key. Did you mean 'name'?"),
        ([{"name": "fgm"}, {"weight": 0}], "train.objective.1.weight: must be more than 0"),
        ([], "train.objective: must have at least 1"),
    ],
)
def test_a_wrong_objective_is_named_as_it_is_written(objective: Any, expected: str) -> None:
    assert expected in complaint(train={"output": "o", "objective": objective})


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"There is no plan file at .*absent\.toml"):
        read_plan(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(PlanError, match="is not valid TOML"):
        read_plan(broken)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="is not UTF-8"):
        read_plan(binary)


def test_the_resolved_plan_reads_back_to_itself(tmp_path: Path) -> None:
    raw = {
        **MINIMAL,
        "train": {"output": "o", "augment": {"attacks": ["pwws"]}},
        "gates": [{"metric": "clean_accuracy", "at_least": 0.5, "why": "it is a floor"}],
    }
    plan = parse_plan(raw, "plan.toml")
    path = tmp_path / "plan.toml"
    path.write_text(plan.to_toml(), encoding="utf-8")
    assert read_plan(path) == plan
    assert read_plan(path).digest == plan.digest


@given(seed=st.integers(0, 2**32 - 1), other=st.integers(0, 2**32 - 1))
def test_the_digest_changes_exactly_with_the_plan(seed: int, other: int) -> None:
    one, two = (Plan.model_validate({**MINIMAL, "seed": s}, strict=False) for s in (seed, other))
    assert (one.digest == two.digest) == (seed == other)

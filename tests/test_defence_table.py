"""The grid of the defence table holds what it should, and the page shows what was measured."""

from __future__ import annotations

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness import objectives

ROOT = Path(__file__).parents[1]
GRID = tomllib.loads((ROOT / "benchmarks/defences.toml").read_text(encoding="utf-8"))
FIGURES = json.loads((ROOT / "benchmarks/defences.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/defences.md").read_text(encoding="utf-8")
DATA = [data["name"] for data in GRID["data"]]


@pytest.fixture
def benchmarks() -> Iterator[tuple[ModuleType, ModuleType]]:
    """The modules `defences` and `defence_table`, which are scripts beside one another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("defences"), importlib.import_module("defence_table")
    for name in ("defences", "defence_table"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("data", DATA)
def test_every_objective_is_a_row(data: str, benchmarks: tuple[ModuleType, ModuleType]) -> None:
    named = {
        objective.name
        for cell in benchmarks[0].cells(GRID)
        if cell.data == data
        for objective in cell.plan.train.objective
    }
    assert set(objectives.BUILTIN) - named == {"distillation"}  # which needs a teacher


def test_what_changes_the_plan_for_one_data_set_leaves_the_other(
    benchmarks: tuple[ModuleType, ModuleType],
) -> None:
    found = {cell.data: cell.plan for cell in benchmarks[0].cells(GRID) if cell.defence == "plain"}
    news, films = found["reuters-r8"], found["rotten-tomatoes"]
    assert (news.train.precision, films.train.precision) == ("bfloat16", "float32")
    assert (news.audit.examples, films.audit.examples) == (60, 200)
    assert news.train.epochs == films.train.epochs == 3


@pytest.mark.parametrize("data", DATA)
def test_the_page_shows_the_figures(data: str, benchmarks: tuple[ModuleType, ModuleType]) -> None:
    attacks = GRID["plan"]["audit"]["attacks"]
    shown = PAGE.partition(f"<!-- figures: {data} -->")[2].partition("<!-- end of figures")[0]
    assert shown.strip() == benchmarks[1].table(FIGURES[data], attacks)


@pytest.mark.parametrize("data", DATA)
def test_the_page_names_the_rows_that_are_missing_and_no_others(data: str) -> None:
    wanted = {
        defence["name"] for defence in GRID["defences"] if data in defence.get("only", (data,))
    }
    section = PAGE.partition(f"<!-- end of figures: {data} -->")[2].partition("\n## ")[0]
    named = re.findall(r"`([^`]+)`", section.partition("**Not measured here yet**")[2])
    assert set(named) == wanted - set(FIGURES[data])

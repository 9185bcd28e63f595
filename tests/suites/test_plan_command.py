"""`withstand plan`: the schema, the check that runs nothing, and plans in a pyproject.toml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.plan import PlanError, holds_plan, read_plan
from harness.plan_schema import plan_schema
from suites.cli import invoke
from tests.suites import project

pytest_plugins = ["pytester"]


def in_pyproject(folder: Path) -> Path:
    """The plan of a release as the table of a project's own file, among what else stands there."""
    plan = project.release(folder)
    text = plan.read_text(encoding="utf-8")
    head, *sections = text.split("\n[")
    moved = [f"\n[tool.withstand]{head}"]
    for section in sections:
        opening, name = ("[[", section[1:]) if section.startswith("[") else ("[", section)
        moved.append(f"\n{opening}tool.withstand.{name}")
    path = folder / "pyproject.toml"
    path.write_text('[project]\nname = "mine"\n' + "".join(moved), encoding="utf-8")
    plan.unlink()
    return path


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == plan_schema()


def test_a_plan_in_pyproject_is_the_same_plan(tmp_path: Path) -> None:
    plan = read_plan(project.release(tmp_path))
    assert read_plan(in_pyproject(tmp_path)) == plan


def test_a_pyproject_without_the_table_says_how_to_write_one(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "mine"\n[tool.ruff]\n', encoding="utf-8")
    with pytest.raises(PlanError, match=r"no table \[tool.withstand\].*\[tool.withstand.model\]"):
        read_plan(path)
    assert not holds_plan(path)


def test_keys_of_a_pyproject_are_named_as_they_stand_there(tmp_path: Path) -> None:
    path = in_pyproject(tmp_path)
    path.write_text(path.read_text().replace("examples = 12", "exampels = 12"), encoding="utf-8")
    with pytest.raises(PlanError, match=r"tool\.withstand\.audit\.exampels: there is no such key"):
        read_plan(path)


def test_pytest_takes_a_pyproject_for_a_plan_only_where_it_is_one(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it():\n    pass\n")
    pytester.makepyprojecttoml('[project]\nname = "mine"\n')
    result = pytester.runpytest_inprocess("pyproject.toml", "test_" + pytester.path.name + ".py")
    assert "no [[gates]]" not in result.stdout.str()
    assert "no table" not in result.stdout.str() + result.stderr.str()
    in_pyproject(pytester.path)
    result = pytester.runpytest_inprocess("pyproject.toml", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["pyproject.toml::robust_accuracy.deepwordbug"])


def test_check_says_what_a_plan_names_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    monkeypatch.setattr("harness.models.load_classifier", None)
    assert invoke(["plan", "check", str(plan)]) == 0
    said = capsys.readouterr().out
    assert "release.toml is a valid plan: release" in said
    for fact in ("40 train, 60 validation, 100 test", "deepwordbug on 12 test texts", "base"):
        assert fact in said
    assert f"withstand plan freeze {plan}" in said
    assert not (tmp_path / "runs").exists()
    assert invoke(["plan", "check", str(plan), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gates"] == ["robust_accuracy.deepwordbug"]


def test_check_of_a_plan_that_trains_asks_for_no_model_that_is_yet_to_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = project.project(tmp_path)
    assert invoke(["plan", "check", str(plan)]) == 0
    assert f"train -> {tmp_path}/models/plain, harden -> " in capsys.readouterr().out
    plan.write_text(plan.read_text().replace("share = 0.25", "share = 2.5"), encoding="utf-8")
    assert invoke(["plan", "check", str(plan)]) == 2
    assert "harden.augment.share" in capsys.readouterr().err


def test_check_finds_what_only_the_data_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    project.write_rows(tmp_path / "data.csv", [*project.rows(), ("a film", "neutral")])
    assert invoke(["plan", "check", str(plan)]) == 2
    assert "neutral" in capsys.readouterr().err

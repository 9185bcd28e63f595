"""Baseline files: the same numbers as the run, the same bytes each time, and safe to be handed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import scenario
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from reports import baseline, baseline_reader, commands
from reports.baseline_reader import BaselineError
from reports.compare import compare_sides
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.sides import Side


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    root = tmp_path_factory.mktemp("runs")
    before = scenario.audit(root, "plain", count=90)
    return before, scenario.audit(root, "hardened", count=90, seen=("pwws",))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small run."""
    root = tmp_path_factory.mktemp("small")
    path = root / "small.json"
    baseline.write(scenario.audit(root, "plain", count=6), path)
    return path


def test_it_compares_with_the_same_numbers_as_the_run(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    path = tmp_path / "b.json"
    baseline.write(runs[0], path)
    by_run = compare_sides(Side.of(runs[0]), Side.of(runs[1]))
    by_file = compare_sides(baseline.side_at(path), Side.of(runs[1]))
    assert by_file["differences"] == by_run["differences"]
    # One outcome errored, and is left out of both.
    assert any(row["left_out"] for row in by_run["differences"])
    kinds = [cause["kind"] for cause in by_file["causes"]]
    assert set(kinds) == {"model", "environment"}
    assert "Of the environment too little is on record" in by_file["attribution"]


def test_the_same_run_gives_the_same_bytes_without_times_machines_and_texts(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    text = baseline.content(runs[0])
    shutil.copytree(runs[0].path, tmp_path / runs[0].id)
    assert baseline.content(RunFolder.open(tmp_path / runs[0].id)) == text
    for word in ("seconds", "Example CPU", "Linux", "OMP_NUM", "withstand harden", "thriller"):
        assert word not in text
    rows = json.loads(text)["examples"]["test"]
    assert list(rows) == sorted(rows)
    assert rows["test-7"][:2] == [1, "movie-3"]


def test_one_outcome_is_one_line_of_a_diff(runs: tuple[RunFolder, RunFolder]) -> None:
    lines = baseline.content(runs[0]).splitlines()
    assert max(len(line) for line in lines) < 400
    assert sum(line.strip().startswith('"test-5": ["') for line in lines) == 6


def test_a_run_that_is_open_changed_or_empty_makes_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is not finished"):
        baseline.content(RunFolder.create(tmp_path, "open", kind="audit"))
    touched = scenario.audit(tmp_path, "plain", count=4)
    (touched.path / "manifest.json").write_text("{}")
    with pytest.raises(ReportError, match=r"manifest\.json: changed since"):
        baseline.content(touched)
    with pytest.raises(BaselineError, match="a harden has none of its own"):
        baseline.content(scenario.harden(tmp_path, count=4))


def test_another_file_of_that_name_is_not_overwritten(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    of_a_test = tmp_path / "pwws.json"
    of_a_test.write_text(json.dumps({"format": "withstand/baseline", "version": 1}))
    with pytest.raises(BaselineError, match="is no baseline of an audit, so it is left as it is"):
        baseline.write(runs[0], of_a_test)
    with pytest.raises(BaselineError, match="is the baseline of one attack in a test"):
        baseline_reader.read(of_a_test)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(version=2), "has version 2; this release reads version 1"),
        (lambda c: c.update(format="x"), 'its "format" must be'),
        (lambda c: c["outcomes"][0]["rows"].update({"test-0": ["failed", 0]}), "not those of its"),
        (lambda c: c["outcomes"][0]["rows"].pop("test-0"), "not those of its counts"),
        (lambda c: c["outcomes"][0]["rows"].update({"no": ["failed", 0]}), "is damaged"),
        (lambda c: c["outcomes"][0]["rows"].update({"test-0": ["won", 0]}), "the status is 'won'"),
        (lambda c: c["outcomes"][0].update(attack="other"), "its results do not know"),
        (lambda c: c["answers"]["test"].update({"test-0": "x"}), "'x' is no whole number"),
        (lambda c: c["answers"]["test"].pop("test-1"), "not those of its accuracy"),
        (lambda c: c["results"].update(attacks={}), '"attacks" is a dict'),
        (lambda c: c["results"]["run"].pop("id"), "is damaged"),
        (lambda c: c["made"].update(seeds={"run": 1.5}), "1.5 is no whole number"),
        (lambda c: c.pop("examples"), "is damaged"),
    ],
)
def test_a_file_that_is_none_is_newer_or_does_not_add_up_is_refused(
    small: Path, tmp_path: Path, change: Any, words: str
) -> None:
    content = json.loads(small.read_text())
    change(content)
    path = tmp_path / "b.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BaselineError, match=words):
        baseline_reader.read(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": NaN}', "[" * 100_000, '"\\ud800"', "1" * 9999]
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(BaselineError):
        baseline_reader.read(path)


PLAIN = st.sampled_from([None, True, -1, 0, 3.5, "", "x\u202e", [], [1], {}, {"a": 1}, 10**30])


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_one_value_changed_is_read_or_refused_by_name(
    small: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = json.loads(small.read_text())
    place: Any = content
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(PLAIN)
    path = tmp_path / "b.json"
    path.write_text(json.dumps(content))
    try:
        side = baseline_reader.read(path)
        compare_sides(side, side, allow=True)
    except ReportError:
        pass


@pytest.fixture
def app() -> typer.Typer:
    found = typer.Typer()
    commands.register(found)
    return found


def test_the_verbs_set_show_and_list(
    app: typer.Typer, runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    runner = CliRunner()
    folder = ["--dir", str(tmp_path / "kept")]
    made = runner.invoke(app, ["baseline", "set", str(runs[0].path), *folder])
    path = tmp_path / "kept" / "rt-plain.json"
    assert made.stdout.strip() == str(path)
    again = runner.invoke(
        app, ["baseline", "set", str(runs[1].path), "--name", "rt-plain", *folder]
    )
    assert again.stdout.strip() == f"{path} (replaced)"
    runner.invoke(app, ["baseline", "set", str(runs[0].path), "--name", "v1.0", *folder])
    (tmp_path / "kept" / "typos.json").write_text(
        json.dumps({"format": "withstand/baseline", "attack": "deep\u202ewordbug"})
    )
    (tmp_path / "kept" / "broken.json").write_text("{")
    listed = runner.invoke(app, ["baseline", "list", *folder]).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["rt-plain", "typos", "v1.0"]
    assert "\u202e" not in listed[1]
    shown = runner.invoke(app, ["baseline", "show", "v1.0", *folder]).stdout
    assert f"Run: {runs[0].id}" in shown
    assert "Seed of the run: 1" in shown
    assert "of unaltered texts" in shown
    compared = runner.invoke(app, ["compare", str(tmp_path / "kept/v1.0.json"), str(runs[1].path)])
    assert "robust accuracy went from" in compared.stdout


@pytest.mark.parametrize("name", ["../up", "/root", ".hidden", "a/b", "-x", "a b"])
def test_a_name_is_no_path(
    app: typer.Typer, runs: tuple[RunFolder, RunFolder], tmp_path: Path, name: str
) -> None:
    arguments = ["baseline", "set", str(runs[0].path), f"--name={name}", "--dir", str(tmp_path)]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []

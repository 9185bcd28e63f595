"""report.sarif: valid by the standard's schema, at the line of the plan, and safe to show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import judged_run
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import sarif
from reports.folder import RunFolder
from reports.plan_lines import plan_lines
from reports.source import Source, data_name
from reports.visible import is_hidden

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.json").read_text())
VALID = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)

PLAN = '''name = "rt"
seed = 0

[[gates]]
metric = "clean_accuracy"
at_least = 0.5
why = """
Two
lines."""

# The attack that training did not see.
[[gates]]  # unseen
metric = "robust_accuracy.textfooler"
at_least = 0.5
why = "-"

[[gates]]
slice = "long"
metric = "clean_accuracy"
at_least = 0.5
why = "-"

[audit]
attacks = ["textfooler"]
'''


def drawn(source: Source) -> dict[str, Any]:
    """The one run of the file, valid by the schema."""
    found = json.loads(sarif.render(source))
    VALID.validate(found)
    (run,) = found["runs"]
    assert isinstance(run, dict)
    return run


def rules(run: dict[str, Any]) -> list[str]:
    return [result["ruleId"] for result in run["results"]]


def test_what_does_not_pass_is_a_result_and_every_gate_a_rule() -> None:
    run = drawn(judged_run.source())
    assert rules(run) == [
        "gate/robust_accuracy.textfooler",
        "gate/robust_accuracy.union",
        "gate/calibration_error",
        "gate/clean_accuracy@long",
        "evidence",
        "evidence",
        "check/twin",
        "check/reach",
    ]
    declared = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert declared[0] == "gate/clean_accuracy"
    assert all(declared[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    levels = [result["level"] for result in run["results"][:4]]
    assert levels == ["error", "warning", "error", "error"]
    (suppressed,) = [result for result in run["results"] if "suppressions" in result]
    assert suppressed["ruleId"] == "gate/calibration_error"
    assert "Kim until 2026-12-31" in suppressed["suppressions"][0]["justification"]
    marks = [json.dumps(result["partialFingerprints"]) for result in run["results"]]
    assert len(set(marks)) == len(marks)


def test_a_run_that_passes_has_no_results_of_gates() -> None:
    assert rules(drawn(judged_run.source(judged_run.passing()))) == ["check/twin", "check/reach"]


def places(run: dict[str, Any]) -> dict[str, tuple[str, str, int, int]]:
    found = {}
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        file, region = place["artifactLocation"], place["region"]
        found[result["ruleId"]] = (
            file["uri"],
            file["uriBaseId"],
            region["startLine"],
            region["endLine"],
        )
    return found


def test_a_finding_points_at_the_users_own_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "my plan.toml").write_text(PLAN)
    found = judged_run.results()
    found["run"]["command"] = ["withstand", "harden", "plans/my plan.toml", "-o", "runs"]
    there = places(drawn(judged_run.source(found)))
    assert there["gate/robust_accuracy.textfooler"] == (
        "plans/my%20plan.toml",
        "%SRCROOT%",
        12,
        15,
    )
    assert there["gate/clean_accuracy@long"][2:] == (17, 21)
    assert there["check/twin"][2:] == (1, 1)


@pytest.mark.parametrize("named", ["/etc/passwd.toml", "../outside.toml", "link.toml", "gone.toml"])
def test_a_path_out_of_the_working_folder_is_not_followed(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside.toml").write_text(PLAN)
    working, run = tmp_path / "working", tmp_path / "run"
    working.mkdir()
    run.mkdir()
    (working / "link.toml").symlink_to(tmp_path / "outside.toml")
    (run / "plan.toml").write_text("\n" + PLAN)
    monkeypatch.chdir(working)
    found = judged_run.results()
    found["run"]["command"] = ["withstand", "audit", named]
    there = places(drawn(judged_run.source(found, run)))
    assert there["gate/robust_accuracy.textfooler"] == ("plan.toml", "%RUN%", 13, 16)
    assert str(tmp_path) not in sarif.render(judged_run.source(found, run))


def test_a_plan_that_is_named_by_hand_counts_before_the_commands(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(PLAN)
    (tmp_path / "b.toml").write_text("\n\n" + PLAN)
    found = judged_run.results()
    found["run"]["command"] = ["withstand", "audit", "a.toml"]
    source = Source(RunFolder(tmp_path), plan=tmp_path / "b.toml")
    vars(source).update(results=found)
    lines = plan_lines(source, tmp_path)
    assert (lines.uri, lines.of("clean_accuracy")) == ("b.toml", (6, 11))


def test_a_table_of_a_pyproject_and_gates_of_one_name_are_found(tmp_path: Path) -> None:
    gate = '[[tool.withstand.gates]]\nmetric = "clean_accuracy"\nat_least = 0.1\n'
    (tmp_path / "pyproject.toml").write_text("[tool.x]\ngates = 1\n" + gate + "\n" + gate)
    found = judged_run.results()
    found["run"]["command"] = ["withstand", "audit", "pyproject.toml"]
    lines = plan_lines(judged_run.source(found), tmp_path)
    assert lines.of("clean_accuracy") == (3, 5)
    assert lines.of("clean_accuracy", 2) == (7, 9)
    assert lines.of("clean_accuracy", 3) is None


@pytest.mark.parametrize(
    "text", ["x = 1", 'why = """\n[[gates]]\n"""\n' + PLAN, "gates = [{ metric = 'a' }]", "]["]
)
def test_no_line_is_said_where_none_is_certain(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(text)
    found = judged_run.results()
    found["run"]["command"] = ["withstand", "audit", "p.toml"]
    assert plan_lines(judged_run.source(found), tmp_path).gates == []


def test_the_worst_examples_are_places_in_the_data_by_their_ids() -> None:
    found = judged_run.results()
    found["comparison"]["after"]["data"]["source"] = "/home/someone/secret/reviews.csv"
    run = drawn(judged_run.source(found))
    (result,) = [r for r in run["results"] if r["ruleId"] == "gate/robust_accuracy.union"]
    named = [place["fullyQualifiedName"] for place in result["locations"][0]["logicalLocations"]]
    ids = {f"reviews.csv/test/{record['example_id']}" for record in found["examples"]}
    assert set(named) == ids
    assert "secret" not in json.dumps(run)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data/reviews.csv", "data/reviews.csv"),
        ("bundle:rotten-tomatoes", "bundle:rotten-tomatoes"),
        ("owner/name:test", "owner/name:test"),
        ("/home/me/reviews.csv", "reviews.csv"),
        ("C:\\Users\\me\\reviews.csv", "reviews.csv"),
        ("../up/reviews.csv", "reviews.csv"),
        ("~/reviews.csv", "reviews.csv"),
        ("/", "data"),
    ],
)
def test_data_are_called_without_the_folders_of_a_machine(source: str, name: str) -> None:
    assert data_name(source) == name


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@settings(max_examples=60)
@given(judged_run.NASTY)
def test_hostile_text_stays_text_in_sarif(poison: str) -> None:
    run = drawn(judged_run.source(judged_run.poisoned(judged_run.results(), poison)))
    assert len(run["results"]) == 8
    for result in run["results"]:
        said = result["message"]["text"]
        assert not re.search(r"\]\(|\{\d", said), "no link, no place for an argument"
        assert "markdown" not in result["message"]
    for text in texts(run):
        assert not any(is_hidden(character) for character in text)


@given(st.lists(judged_run.NASTY, max_size=3))
def test_a_hostile_command_opens_nothing_and_breaks_nothing(words: list[str]) -> None:
    found = judged_run.results()
    found["run"]["command"] = ["withstand", *(f"{word}.toml" for word in words)]
    assert plan_lines(judged_run.source(found)).own


def test_a_text_of_a_megabyte_is_cut() -> None:
    found = judged_run.poisoned(judged_run.results(), judged_run.LONG)
    drawn(judged_run.source(found))
    assert len(sarif.render(judged_run.source(found))) < 300_000

"""What of unlike audits is compared on request, and what never is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import scenario
import typer
from typer.testing import CliRunner

from reports import commands
from reports.compare import compare_sides
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.likeness import refuse_early
from reports.sides import Side

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    root = tmp_path_factory.mktemp("runs")
    return scenario.audit(root, "plain", count=40), scenario.audit(root, "hardened", count=40)


@pytest.fixture(scope="module")
def sides(runs: tuple[RunFolder, RunFolder]) -> tuple[Side, Side]:
    return Side.of(runs[0]), Side.of(runs[1])


def with_results(side: Side, change: Callable[[dict[str, Any]], object]) -> Side:
    results = copy.deepcopy(dict(side.results))
    change(results)
    return replace(side, results=results)


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in found["differences"]}


def test_like_runs_allow_nothing(sides: tuple[Side, Side]) -> None:
    assert "allowed" not in compare_sides(*sides, allow=True)
    assert compare_sides(*sides, allow=True) == compare_sides(*sides)


def test_a_refusal_says_how_to_compare_all_the_same(sides: tuple[Side, Side]) -> None:
    before, after = sides
    with pytest.raises(ReportError, match="--allow-mismatch"):
        compare_sides(before, with_results(after, lambda r: r["attacks"].pop(0)))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"seeds": {"run": 7}}, "the seed of the run is 1 against 7"),
        ({"versions": {"withstand": "9.0"}}, "Withstand is 0.1.0 against 9.0"),
    ],
)
def test_another_seed_and_another_release_are_refused(
    sides: tuple[Side, Side], manifest: dict[str, Any], words: str
) -> None:
    before, after = sides
    other = replace(after, manifest={**(after.manifest or {}), **manifest})
    with pytest.raises(ReportError, match=words):
        compare_sides(before, other)
    assert words in compare_sides(before, other, allow=True)["allowed"][0]


def test_an_attack_on_one_side_only_is_left_out(sides: tuple[Side, Side]) -> None:
    before, after = sides
    fewer = with_results(
        after,
        lambda r: r.update(attacks=[a for a in r["attacks"] if a["name"] != "pwws"]),
    )
    found = compare_sides(before, fewer, allow=True)
    assert "robust_accuracy.pwws" not in rows(found)
    # Its union is over an attack that the other side does not have.
    assert "robust_accuracy.union" not in rows(found)
    like = compare_sides(before, after)
    assert (
        rows(found)["robust_accuracy.textfooler"]["difference"]
        == rows(like)["robust_accuracy.textfooler"]["difference"]
    )
    assert any(line.startswith("pwws: only in") for line in found["allowed"])
    assert len(found["after"]["attacks"]) == 6
    assert len(found["before"]["attacks"]) == 9


def test_an_attack_with_other_parameters_is_compared_and_named(sides: tuple[Side, Side]) -> None:
    before, after = sides
    other = with_results(
        after, lambda r: [a["recipe"].update(max_candidates=8) for a in r["attacks"]]
    )
    found = compare_sides(before, other, allow=True)
    assert "robust_accuracy.pwws" in rows(found)
    assert "pwws: max_candidates is 50 against 8" in found["allowed"]


def test_an_attack_with_another_goal_is_never_compared(sides: tuple[Side, Side]) -> None:
    before, after = sides
    other = with_results(
        after,
        lambda r: [
            a["recipe"].update(parameters={"goal": {"kind": "Targeted", "target": 1}})
            for a in r["attacks"]
            if a["name"] == "pwws"
        ],
    )
    found = compare_sides(before, other, allow=True)
    assert "robust_accuracy.pwws" not in rows(found)
    assert "pwws: left out, for its goal is another" in found["allowed"]


def test_labels_that_differ_are_never_compared(sides: tuple[Side, Side]) -> None:
    before, after = sides
    other = with_results(
        after, lambda r: r["data"]["splits"]["train"].update(labels={"no": 1, "yes": 2})
    )
    with pytest.raises(ReportError, match="their labels are rotten, fresh against no, yes"):
        compare_sides(before, other, allow=True)


def test_runs_without_a_common_example_are_never_compared(
    sides: tuple[Side, Side], tmp_path: Path
) -> None:
    before, after = sides
    renamed = [replace(r, example_id=f"new-{r.example_id}") for r in after.records]
    with pytest.raises(ReportError, match="no example was met in both"):
        compare_sides(before, replace(after, records=renamed), allow=True)
    hardening = Side.of(scenario.harden(tmp_path, count=4))
    with pytest.raises(ReportError, match="a hardening holds no examples of its own"):
        compare_sides(before, hardening, allow=True)


def _moved(side: Side, ids: set[str]) -> Side:
    """The side on other test data: some of the texts are others under the same ids."""
    records = [
        replace(r, original=(f"another {r.original[0]}",))  # type: ignore[union-attr,call-arg]
        if r.example_id in ids and r.check.startswith("attack:")
        else r
        for r in side.records
    ]
    moved = with_results(side, lambda r: r["data"]["splits"]["test"].update(fingerprint="99" * 32))
    return replace(moved, records=records)


def test_of_other_data_the_examples_of_the_same_text_are_compared(
    sides: tuple[Side, Side],
) -> None:
    before, after = sides
    ids = {"test-0", "test-1", "test-2"}
    with pytest.raises(ReportError, match="3 examples have another text under the same id"):
        compare_sides(before, _moved(after, ids))
    found = compare_sides(before, _moved(after, ids), allow=True)
    assert rows(found)["robust_accuracy.pwws"]["n"] == 37
    assert rows(found)["clean_accuracy"]["n"] == 37
    left = compare_sides(
        replace(before, records=[r for r in before.records if r.example_id not in ids]),
        replace(after, records=[r for r in after.records if r.example_id not in ids]),
    )
    pwws = "robust_accuracy.pwws"
    assert rows(found)[pwws]["difference"] == rows(left)[pwws]["difference"]


def test_of_other_data_examples_whose_texts_nobody_recorded_are_left_out(
    sides: tuple[Side, Side],
) -> None:
    before, after = (
        replace(
            side,
            records=[
                r
                for r in side.records
                if r.check.startswith("clean@") or int(r.example_id.split("-")[1]) < 30
            ],
        )
        for side in sides
    )
    found = compare_sides(before, _moved(after, {"test-0"}), allow=True)
    assert rows(found)["clean_accuracy"]["n"] == 29
    assert any("10 examples left out, for their texts are not" in s for s in found["allowed"])


def test_an_example_of_another_label_is_left_out(sides: tuple[Side, Side]) -> None:
    before, after = sides
    other = [
        replace(r, label=1 - r.label) if r.example_id == "test-5" else r for r in after.records
    ]
    found = compare_sides(before, replace(after, records=other), allow=True)
    assert rows(found)["clean_accuracy"]["n"] == 39
    assert "1 example has another label under the same id (test-5)" in found["allowed"]


def test_what_can_be_told_before_the_attacks_is_refused_before_them(
    sides: tuple[Side, Side],
) -> None:
    before = sides[0]
    like: dict[str, Any] = {
        "splits": {"test": "c3" * 32, "train": "ff" * 32},
        "manifest": {"seeds": {"run": 1}, "versions": {"withstand": "0.1.0"}},
        "attacks": list(scenario.ATTACKS),
    }
    refuse_early(before, **like)
    for change, words in (
        ({"splits": {"test": "dd" * 32}}, "the test data: fingerprint"),
        ({"manifest": {"seeds": {"run": 2}}}, "the seed of the run is 1 against 2"),
        ({"attacks": ["pwws"]}, "textfooler: only in"),
        ({"attacks": [*scenario.ATTACKS, "bae"]}, "bae: not in"),
    ):
        with pytest.raises(ReportError, match=words):
            refuse_early(before, **{**like, **change})


def test_the_verb_names_each_mismatch_that_was_allowed(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    fewer = scenario.audit(tmp_path, "hardened", count=30)
    app = typer.Typer()
    commands.register(app)
    runner = CliRunner()
    arguments = ["compare", str(runs[0].path), str(fewer.path)]
    refused = runner.invoke(app, arguments)
    assert isinstance(refused.exception, ReportError)
    spoken = runner.invoke(app, [*arguments, "--allow-mismatch"])
    assert spoken.exit_code == 0
    assert "Unlike runs were compared" in spoken.stdout
    assert "10 examples only in" in spoken.stdout
    kept = tmp_path / "kept"
    as_json = runner.invoke(app, [*arguments, "--allow-mismatch", "--json", "-o", str(kept)])
    results = json.loads(as_json.stdout)
    jsonschema.validate(results, json.loads(SCHEMA.read_text()))
    assert results["comparison"]["allowed"]
    (run,) = kept.iterdir()
    assert "Unlike runs were compared" in (run / "report.html").read_text()


def test_an_id_that_is_made_of_the_content_stands_for_its_text(sides: tuple[Side, Side]) -> None:
    before, after = (
        with_results(side, lambda r: r["data"]["splits"]["test"].update(ids="content"))
        for side in sides
    )
    fewer = [r for r in after.records if r.check.startswith("clean@") or "1" in r.example_id]
    other = with_results(
        replace(after, records=fewer),
        lambda r: r["data"]["splits"]["test"].update(fingerprint="99" * 32),
    )
    found = compare_sides(before, other, allow=True)
    assert rows(found)["clean_accuracy"]["n"] == 40
    assert not any("left out" in line for line in found["allowed"])

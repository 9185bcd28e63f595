"""What differs between two runs, and how far a change can be put down to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scenario

from reports import cause_tables, html, markdown, narrative
from reports.causes import Cause, attribution, causes, differing
from reports.compare import compare_sides
from reports.sides import Side


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Side:
    return Side.of(scenario.audit(tmp_path_factory.mktemp("runs"), "plain", count=20))


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> Side:
    root = tmp_path_factory.mktemp("runs")
    return Side.of(scenario.audit(root, "hardened", count=20, seen=("pwws",)))


def changed(
    side: Side,
    results: Callable[[dict[str, Any]], object] | None = None,
    manifest: Callable[[dict[str, Any]], object] | None = None,
) -> Side:
    """The side with other results or another manifest."""
    new, made = copy.deepcopy(dict(side.results)), copy.deepcopy(dict(side.manifest or {}))
    if results:
        results(new)
    if manifest:
        manifest(made)
    return replace(side, results=new, manifest=made)


def kinds(before: Side, after: Side) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cause in causes(before, after):
        found.setdefault(cause.kind, []).append(cause.what)
    return found


def test_of_one_run_nothing_differs_and_it_is_repeatable(plain: Side) -> None:
    found = compare_sides(plain, plain)
    assert found["causes"] == []
    assert found["attribution"].endswith("differences are noise. There are none.")


def test_outcomes_that_differ_without_a_cause_say_that_the_evaluation_is_not_repeatable(
    plain: Side,
) -> None:
    first = next(r for r in plain.records if r.check == "attack:pwws@test")
    other = replace(first, status="errored", predicted_before=None)  # type: ignore[call-arg]
    again = replace(plain, records=[other if r is first else r for r in plain.records])
    assert differing(plain.records, again.records)[0] == 1
    assert "1 of 190 answers and outcomes differ" in compare_sides(plain, again)["attribution"]
    assert "not repeatable" in compare_sides(plain, again)["attribution"]


def test_another_model_is_the_only_cause(plain: Side, hardened: Side) -> None:
    found = compare_sides(plain, hardened)
    assert {cause["kind"] for cause in found["causes"]} == {"model"}
    assert found["attribution"] == "Only the model differs between the two runs."


@pytest.mark.parametrize(
    ("kind", "what", "results", "manifest"),
    [
        (
            "model",
            "tokenizer.json",
            lambda r: r["model"].update(
                fingerprint="99" * 32, files={**r["model"]["files"], "tokenizer.json": "77" * 32}
            ),
            None,
        ),
        ("model", "temperature", lambda r: r["model"].update(temperature=1.0), None),
        (
            "data",
            "test texts",
            lambda r: r["data"]["splits"]["test"].update(fingerprint="99" * 32),
            None,
        ),
        (
            "data",
            "train texts",
            lambda r: r["data"]["splits"]["train"].update(fingerprint="99" * 32),
            None,
        ),
        (
            "attack",
            "pwws: max_candidates",
            lambda r: [
                a["recipe"].update(max_candidates=9) for a in r["attacks"] if a["name"] == "pwws"
            ],
            None,
        ),
        ("attack", "deepwordbug", lambda r: r["attacks"].pop(0), None),
        (
            "attack",
            "textfooler: query budget",
            lambda r: [
                a.update(query_budget=50) for a in r["attacks"] if a["name"] == "textfooler"
            ],
            None,
        ),
        ("attack", "answers to each text", lambda r: r["model"].update(repeats=5), None),
        ("attack", "fewer examples than planned", lambda r: r.update(limited=True), None),
        ("attack", "seed: run", None, lambda m: m["seeds"].update(run=2)),
        ("attack", "resource: minilm-l6", None, lambda m: m["files"].clear()),
        ("code", "release of Withstand", None, lambda m: m["versions"].update(withstand="0.2.0")),
        ("code", "commit", None, lambda m: m["git"].update(commit="4d" * 20)),
        ("code", "changes that are not committed", None, lambda m: m["git"].update(dirty=True)),
        ("environment", "torch", None, lambda m: m["versions"].update(torch="2.14.0")),
        ("environment", "other packages", None, lambda m: m.update(packages_sha256="99" * 32)),
        ("environment", "python", None, lambda m: m["platform"].update(python="3.12.1")),
        ("environment", "cpu", None, lambda m: m["hardware"].update(cpu="Another")),
        ("environment", "OMP_NUM_THREADS", None, lambda m: m["environment"].clear()),
        ("environment", "device", None, lambda m: m.update(details={"device": "cuda"})),
    ],
)
def test_each_thing_that_differs_is_named_by_its_kind(
    plain: Side, kind: str, what: str, results: Any, manifest: Any
) -> None:
    found = kinds(plain, changed(plain, results, manifest))
    assert found == {kind: [what]}
    said = attribution(causes(plain, changed(plain, results, manifest)), 0, 1)
    assert said == f"Only the {kind} differs between the two runs."


@pytest.mark.parametrize(
    "manifest",
    [
        lambda m: m["hardware"].update(memory_bytes=1),
        lambda m: m["platform"].update(system="Linux 6.2"),
        lambda m: m["environment"].update(CI="true"),
        lambda m: m.update(command=["withstand", "audit"], time="2027-01-01"),
    ],
)
def test_what_decides_no_outcome_is_no_cause(plain: Side, manifest: Any) -> None:
    assert kinds(plain, changed(plain, manifest=manifest)) == {}


def test_the_texts_that_another_model_was_trained_on_are_a_part_of_that_model(
    plain: Side, hardened: Side
) -> None:
    def retrained(results: dict[str, Any]) -> None:
        results["data"]["splits"]["train"]["fingerprint"] = "99" * 32
        results["model"]["trained"] = {"data": {"train": "99" * 32}, "learning_rate": 1e-5}

    found = kinds(plain, changed(hardened, retrained))
    assert set(found) == {"model"}
    assert {"training texts", "training: learning_rate"} <= set(found["model"])


def test_two_trees_with_changes_need_not_be_the_same(plain: Side) -> None:
    dirty = changed(plain, manifest=lambda m: m["git"].update(dirty=True))
    (cause,) = causes(dirty, dirty)
    assert (cause.kind, cause.after) == ("code", "yes, which need not be the same")


def test_several_causes_cannot_be_told_apart(plain: Side, hardened: Side) -> None:
    other = changed(
        hardened,
        manifest=lambda m: (m["git"].update(commit="4d" * 20), m["versions"].update(torch="3")),
    )
    said = attribution(causes(plain, other), 3, 9)
    assert said.startswith("The model, the code and the environment differ between the two runs")
    assert "cannot be told apart" in said


def test_what_is_not_on_record_is_said_and_is_not_taken_for_the_same(
    plain: Side, hardened: Side
) -> None:
    unknown = replace(hardened, manifest=None)
    said = attribution(causes(plain, unknown), 3, 9)
    assert said.startswith("As far as is on record, only the model differs")
    assert "Of the attack and the code and the environment too little is on record" in said
    same = attribution(causes(plain, replace(plain, manifest=None)), 0, 9)
    assert same.startswith("Nothing that is on record differs")
    assert "noise" not in same


def test_texts_that_changed_under_their_ids_are_a_cause_without_fingerprints(plain: Side) -> None:
    def without(results: dict[str, Any]) -> None:
        results["data"] = None

    before = changed(plain, without)
    records = [
        replace(r, original=("another text",))  # type: ignore[call-arg]
        if r.example_id == "test-3" and r.check.startswith("attack:")
        else r
        for r in before.records
    ]
    found = kinds(before, replace(before, records=records))
    assert found == {"data": ["texts under the same id"]}


def test_values_are_short(plain: Side) -> None:
    long = changed(plain, lambda r: r["attacks"][0]["recipe"].update(words="x" * 9_999))
    (cause,) = causes(plain, long)
    assert len(cause.after or "") == 120


def test_a_report_has_the_causes_and_the_hostile_ones_stay_text(plain: Side) -> None:
    hostile = "<script>alert(1)</script> | `x` \u202e"
    other = changed(plain, lambda r: r["attacks"][0]["recipe"].update(max_candidates=hostile))
    found = compare_sides(plain, other, allow=True)
    from reports.compare import comparison_results

    info: Any = {"id": "", "name": "", "created": "", "finished": None, "command": []}
    report = narrative.build(comparison_results(info, found), None, {})
    drawn = html.render(report)
    assert drawn.index(">What changed<") < drawn.index(">What differs between the two runs<")
    assert "What differs between the two runs" in markdown.render(report)
    assert "Unlike runs were compared, because --allow-mismatch was given" in drawn
    assert "<script>alert" not in drawn
    assert "Unlike runs were compared" in markdown.render(report)
    assert "<script>alert" not in markdown.render(report)


def test_a_report_shows_so_many_rows_of_a_kind_and_says_how_many_more_there_are() -> None:
    entries = [Cause("attack", f"a{n}", "1", "2").to_dict() for n in range(40)]
    (section,) = cause_tables.sections({"causes": entries, "attribution": "Only the attack."})
    assert len(section.table.rows) == cause_tables.SHOWN + 1
    assert section.table.rows[-1][1].text == "25 more, in results.json"


def test_won_and_lost_are_shown_by_slice(plain: Side, hardened: Side) -> None:
    from reports.slices import Members

    ids = frozenset(f"test-{n}" for n in range(0, 20, 2))
    cut = replace(hardened, slices=(Members("even", "even numbers", ids),))
    found = compare_sides(plain, cut)
    (flips,) = (s for s in cause_tables.sections(found) if s.key == "flips")
    (one,) = found["slices"]
    assert len(flips.table.rows) == len(one["differences"])
    row = next(r for r in one["differences"] if r["metric"] == "robust_accuracy.pwws")
    line = f"{row['newly_fixed']} newly fixed, {row['newly_broken']} newly broken of {row['n']}"
    assert any(
        f"even: pwws (seen, as trained): {line}" in said for said in cause_tables.lines(found)
    )
    assert row["newly_fixed"] > 0


def test_runs_of_earlier_releases_without_causes_are_drawn(tmp_path: Path) -> None:
    results = scenario.harden(tmp_path, count=20).results()
    for key in ("causes", "attribution"):
        del results["comparison"][key]
    assert "What differs" not in html.render(narrative.build(results, None, {}))

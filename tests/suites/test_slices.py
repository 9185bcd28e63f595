"""Slices, further sets and margins: what is lost in the mean shows in the part."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.outcomes import Example
from attacks.text import Text
from attacks.victims.function import FunctionVictim
from harness.plan import Gate, PlanError, Slice, parse_plan
from reports.folder import RunFolder
from reports.named import estimates
from reports.narrative import build
from reports.progress import Quiet
from reports.statistics import Estimate, rate
from reports.storage import read_json
from suites import slices
from suites.cli import invoke
from suites.collect import collect_evidence
from suites.evidence import Collector, Target
from suites.findings import audit_results
from suites.judgement import with_verdict
from suites.slices import belongs, check_slices
from suites.verdict import decide
from tests.suites import project, zoo

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
LABELS = ("negative", "positive")
PLAN: dict[str, Any] = {
    "name": "slices",
    "model": {"base": "none"},
    "data": {"source": "none"},
    "audit": {
        "attacks": ["deepwordbug"],
        "examples": 60,
        "calibrated": False,
        "checks": [],
        "slices": [
            {"name": "praise", "labels": [zoo.LABELS[1]]},
            {"name": "blame", "labels": [zoo.LABELS[0]]},
        ],
    },
    "gates": [
        {"metric": "clean_accuracy", "at_least": 0.45, "why": "It reads."},
        {"metric": "clean_accuracy", "slice": "praise", "at_least": 0.9, "why": "Praise too."},
        {"metric": "clean_accuracy", "slice": "blame", "at_least": 0.9, "why": "And blame."},
    ],
}


def always_praise(texts: Any) -> Any:
    return np.tile([0.1, 0.9], (len(texts), 1))


def test_a_model_that_knows_one_label_passes_on_its_slice_and_fails_on_the_other(
    tmp_path: Path,
) -> None:
    examples = zoo.certified().data.test[:200]
    plan = parse_plan(PLAN, "-")
    folder = RunFolder.create(tmp_path, "slices", kind="audit")
    victim = FunctionVictim(always_praise, zoo.LABELS)
    target = Target(victim, examples, examples, examples, examples[:60], [])
    for _ in range(2):  # a resumed run records them no second time
        slices.put_on_record(folder, plan.audit, zoo.LABELS, examples)
    collect_evidence(plan, Collector(folder, target, {}, Quiet(), seed=0))
    results = audit_results(folder)
    found = estimates(results)
    praise = sum(example.label for example in examples)
    assert found["clean_accuracy@praise"].count == found["clean_accuracy@praise"].n == praise
    assert found["clean_accuracy@blame"].value == 0.0
    assert found["robust_accuracy.deepwordbug@praise"].value == 1.0
    assert found["robust_accuracy.deepwordbug@praise"].n == sum(e.label for e in examples[:60])
    assert found["attack_success_rate.deepwordbug@blame"].value is None  # none was right
    verdict = with_verdict(results, plan.gates)
    assert [gate.verdict for gate in verdict.gates] == ["inconclusive", "pass", "fail"]
    jsonschema.validate(results, read_json(SCHEMA))
    shown = {section.key: section for section in build(results, None, {}).sections}
    assert [row[0].sub for row in shown["slices"].table.rows] == ["label fresh", "label rotten"]
    gates = results["verdict"]["gates"] if results["verdict"] else []
    assert [(gate["name"], gate["slice"]) for gate in gates] == [
        ("clean_accuracy", None),
        ("clean_accuracy@praise", "praise"),
        ("clean_accuracy@blame", "blame"),
    ]


def example(text: str, label: int = 0, **columns: str) -> Example:
    return Example(text, Text.of(text), label, columns=tuple(columns.items()))


def test_a_slice_holds_what_all_of_its_keys_hold_for() -> None:
    texts = [example("not good", 0), example("NOT at all", 1), example("knot a b c", 0, genre="x")]
    cases = [
        (Slice(name="a", labels=("negative",)), [True, False, True]),
        (Slice(name="a", matches=r"\bnot\b"), [True, True, False]),
        (Slice(name="a", min_words=3), [False, True, True]),
        (Slice(name="a", max_words=3, min_words=3), [False, True, False]),
        (Slice(name="a", column="genre", values=("x", "y")), [False, False, True]),
        (Slice(name="a", labels=("negative",), matches="not"), [True, False, True]),
    ]
    for one, expected in cases:
        assert [belongs(one, LABELS)(text) for text in texts] == expected, one.says


@given(st.lists(st.tuples(st.text(max_size=30), st.integers(0, 1)), max_size=30), st.integers(0, 6))
def test_slices_by_label_and_by_length_part_the_texts(
    rows: list[tuple[str, int]], words: int
) -> None:
    texts = [example(text, label) for text, label in rows]
    for parts in (
        [Slice(name=name, labels=(name,)) for name in LABELS],
        [Slice(name="short", max_words=words), Slice(name="long", min_words=words + 1)],
    ):
        inside = [belongs(one, LABELS) for one in parts]
        assert all(sum(test(text) for test in inside) == 1 for text in texts)


def test_a_slice_without_a_test_text_is_refused_with_what_there_is() -> None:
    audit = parse_plan(
        {**PLAN, "gates": [], "audit": {"slices": [{"name": "long", "min_words": 9}]}}, "-"
    ).audit
    with pytest.raises(PlanError, match=r"none of the 1 test texts .* They have 2 to 2 words"):
        check_slices(audit, LABELS, [example("not good")])


@given(st.integers(0, 50), st.integers(0, 50), st.sampled_from([0.0, 0.02, 0.2]))
def test_a_margin_is_a_bound_on_the_paired_gain(low: int, width: int, margin: float) -> None:
    value, half = low / 50 - 0.5, (width + 1) / 100
    gain = Estimate(value, value - half, value + half, 100)
    found = {"gain.clean_accuracy@long": gain, "clean_accuracy@long": rate(50, 100)}
    by_margin = Gate(metric="clean_accuracy", slice="long", margin=margin, why="-")
    by_gain = Gate(metric="gain.clean_accuracy", slice="long", at_least=-margin, why="-")
    assert by_margin.name == "clean_accuracy@long"
    assert decide([by_margin], found).value == decide([by_gain], found).value


TABLES = """
[[audit.slices]]
name = "by-ann"
column = "author"
values = ["ann"]

[[audit.sets]]
name = "elsewhere"
source = "elsewhere.csv"

[[audit.sets]]
name = "edited"
source = "edited.csv"
kind = "contrast"
group = "pair"
limit = 20

[[gates]]
metric = "clean_accuracy"
slice = "by-ann"
margin = 0.0
evidence = "point"
why = "Ann's texts are no worse than before."

[[gates]]
metric = "contrast_consistency.edited"
at_most = 0.9
why = "An untrained model goes by little."

[[gates]]
metric = "gap.shift.elsewhere"
at_most = 1.0
why = "Whatever."

[[gates]]
metric = "clean_accuracy.elsewhere"
margin = 0.5
evidence = "point"
why = "Nor elsewhere."
"""


def write(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = project.release(tmp_path)
    rows = project.rows(200)
    authors = [(*row, "ann" if n % 3 else "bo") for n, row in enumerate(rows)]
    write(tmp_path / "data.csv", ("text", "label", "author"), authors)
    write(tmp_path / "elsewhere.csv", ("text", "label"), project.rows(60, seed=9))
    pairs = [(*row, str(n // 2)) for n, row in enumerate(project.rows(80, seed=5))]
    write(tmp_path / "edited.csv", ("text", "label", "pair"), pairs)
    path.write_text(path.read_text() + TABLES, encoding="utf-8")
    return path


def test_an_audit_counts_slices_and_sets_and_compares_both(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["audit", str(plan), "-q"]) == 3  # two gates have no baseline
    (first,) = Path("runs").iterdir()
    capsys.readouterr()
    assert invoke(["audit", str(plan), "--baseline", str(first)]) in (0, 3)
    said = capsys.readouterr().out
    assert "gain.clean_accuracy@by-ann" in said
    second = project.newest(Path("runs"))
    results = json.loads((second / "results.json").read_text())
    jsonschema.validate(results, read_json(SCHEMA))
    found = estimates(results)
    assert found["gain.clean_accuracy@by-ann"].value == 0.0
    assert found["gain.clean_accuracy.elsewhere"].value == 0.0
    assert found["clean_accuracy.elsewhere"].n == 60
    (slice_,) = results["slices"]
    assert 0 < slice_["examples"] < 100
    assert found["gain.clean_accuracy@by-ann"].n == slice_["examples"]
    (contrast,) = results["contrast"]
    assert (contrast["sets"], contrast["texts"]) == (20, 40)
    assert contrast["consistency"]["value"] <= contrast["accuracy"]["value"]
    lost = found["clean_accuracy"].value - found["clean_accuracy.elsewhere"].value  # type: ignore[operator]
    assert found["gap.shift.elsewhere"].value == pytest.approx(lost)
    verdicts = [gate["verdict"] for gate in results["verdict"]["gates"]]
    assert verdicts[1] == verdicts[4] == "pass"
    html = (second / "report.html").read_text()
    for title in ("Slices", "Contrast sets", "by-ann", "elsewhere"):
        assert title in html


def test_a_contrast_set_counts_as_right_only_as_a_whole() -> None:
    from reports.records import PredictionRecord
    from suites.sets import contrast_results

    def said(number: int, group: str, right: bool) -> PredictionRecord:
        return PredictionRecord(
            check="clean@c",
            example_id=str(number),
            split="c",
            label=1,
            group=group,
            predicted=int(right),
        )

    records = [said(0, "a", True), said(1, "a", True), said(2, "b", True), said(3, "b", False)]
    (found,) = contrast_results({"c": {"kind": "contrast"}}, {"c": records})
    assert (found["sets"], found["consistency"]["value"]) == (2, 0.5)
    assert found["accuracy"]["value"] == 0.75


def test_a_dry_run_decides_by_the_size_of_the_slice_and_of_the_set(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = """
[[gates]]
metric = "clean_accuracy.elsewhere"
at_least = 0.3
why = "It reads."

[[gates]]
metric = "robust_accuracy.deepwordbug"
slice = "by-ann"
at_least = 0.3
why = "It withstands."
"""
    plan.write_text(plan.read_text() + more, encoding="utf-8")
    capsys.readouterr()
    assert invoke(["audit", str(plan), "--dry-run", "--json"]) == 0
    gates = {gate["metric"]: gate for gate in json.loads(capsys.readouterr().out)["gates"]}
    assert gates["clean_accuracy.elsewhere"]["decides"]["n"] == 60
    attacked = gates["robust_accuracy.deepwordbug@by-ann"]["decides"]["n"]
    assert 0 < attacked < 12
    assert "--baseline" in gates["gain.clean_accuracy@by-ann"]["notes"][0]


def test_a_run_does_not_go_on_with_another_further_set(plan: Path) -> None:
    from suites.evidence import Collector as Real

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Real, "temperature", lambda self: 1 / 0)  # it stops here
        invoke(["audit", str(plan), "-q"])
    (run,) = Path("runs").iterdir()
    write(Path("elsewhere.csv"), ("text", "label"), project.rows(60, seed=10))
    assert invoke(["audit", str(plan), "-q", "--resume", str(run)]) == 2


def test_a_comparison_takes_clean_answers_and_no_noisy_ones(plan: Path) -> None:
    """Answers under noise are of the same examples, and stood in for the clean ones."""
    text = plan.read_text().replace(
        "examples = 12", 'examples = 100\ncorruptions = ["keyboard"]\nchecks = []'
    )
    plan.write_text(text, encoding="utf-8")
    invoke(["audit", str(plan), "-q"])
    (first,) = Path("runs").iterdir()
    invoke(["audit", str(plan), "-q", "--baseline", str(first)])
    results = json.loads((project.newest(Path("runs")) / "results.json").read_text())
    rows = {row["metric"]: row for row in results["comparison"]["differences"]}
    assert rows["clean_accuracy"]["after"]["count"] == results["clean"]["test"]["accuracy"]["count"]

"""Ways in which a number could be believed that should not: each was one once."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks import recipes
from attacks.outcomes import Example
from attacks.text import Text
from attacks.victims.averaged import Averaged
from attacks.victims.function import FunctionVictim
from harness.plan import Gate, PlanError, Waiver, parse_plan, read_plan
from reports.folder import RunFolder
from reports.likeness import _unlike_recipe
from reports.records import OutcomeRecord, PredictionRecord
from reports.statistics import Estimate, rate
from reports.summaries import summarize_clean
from suites.cli import invoke
from suites.doubts import Doubts
from suites.judgement import problems, with_verdict
from suites.looks import decided
from suites.outcome_store import digest
from suites.pytest_plans import _known
from suites.regressions import answer
from suites.sets import load_sets
from suites.shrinking import fooling
from suites.transfer import EVENT, transfer_check, transfer_results
from suites.validity.judging import doubts, entry
from suites.validity.twin import TWIN
from tests.suites import project

ROBUST = "robust_accuracy.pwws"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return project.release(tmp_path)


def known(plan: Path) -> Path | None:
    return _known(read_plan(plan), "train", Path("runs"), None, None)


def test_a_partial_run_is_not_taken_for_the_whole_however_it_was_asked_for(plan: Path) -> None:
    assert invoke(["audit", str(plan), "-q", "--limit=2"]) == 3
    assert RunFolder.open(project.newest(Path("runs"))).results()["limited"]
    assert known(plan) is None
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    assert known(plan) == project.newest(Path("runs"))


def test_a_run_on_other_texts_is_not_taken_for_one_on_these(plan: Path) -> None:
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    assert known(plan) is not None
    project.write_rows(plan.parent / "data.csv", project.rows(200, seed=4))
    assert known(plan) is None


def test_a_freeze_holds_the_texts_and_the_model_too(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["plan", "freeze", str(plan)]) == 0
    assert invoke(["audit", str(plan), "-q"]) in (0, 3)
    frozen = RunFolder.open(project.newest(Path("runs"))).results()["frozen"]
    assert frozen["matches"]
    other = project.base(plan.parent / "other")
    assert invoke(["audit", str(plan), "-q", "--model", str(other)]) == 3
    frozen = RunFolder.open(project.newest(Path("runs"))).results()["frozen"]
    assert [entry["key"] for entry in frozen["deviations"]] == ["model (--model)"]
    project.write_rows(plan.parent / "data.csv", project.rows(200, seed=4))
    assert invoke(["audit", str(plan), "-q"]) == 3
    results = RunFolder.open(project.newest(Path("runs"))).results()
    keys = {entry["key"] for entry in results["frozen"]["deviations"]}
    assert keys == {f"data.{split}.texts" for split in ("train", "validation", "test")}
    assert any("changed after it was frozen" in reason for reason in results["verdict"]["reasons"])


@pytest.mark.parametrize(
    ("gate", "rests"),
    [
        ({"metric": f"{ROBUST}.within.100", "at_least": 0.5}, True),
        ({"metric": f"{ROBUST}.calibrated.within.100", "at_least": 0.5}, True),
        ({"metric": ROBUST, "slice": "long", "at_least": 0.5}, True),
        ({"metric": ROBUST, "margin": 0.1}, True),
        ({"metric": "robust_accuracy.union", "at_least": 0.5}, True),
        ({"metric": "transfer_accuracy.pwws", "at_least": 0.5}, True),
        ({"metric": "gap.robust_train_test.pwws", "at_most": 0.1}, True),
        ({"metric": "gap.seen_unseen", "at_most": 0.1}, True),
        ({"metric": "robust_accuracy.pruthi", "at_least": 0.5}, False),
        ({"metric": ROBUST, "at_most": 0.5}, False),
        ({"metric": "clean_accuracy", "at_least": 0.5}, False),
    ],
)
def test_a_doubt_reaches_whatever_is_counted_on_its_attack(
    gate: dict[str, Any], rests: bool
) -> None:
    doubted = entry(TWIN, "pwws", {"n": 24, "count": 0, "facts": {}, "examples": [], "reason": ""})
    assert doubted["alarm"]
    found = list(doubts({"checks": [doubted]}, [Gate(why="-", **gate)]))
    assert bool(found) == rests


def test_answers_that_are_no_numbers_make_a_pass_inconclusive() -> None:
    said = [
        PredictionRecord(
            check="clean@train",
            example_id=str(n),
            split="train",
            label=0,
            predicted=None if n < 4 else 0,
            logits=(1.0, 0.0),
        )
        for n in range(10)
    ]
    results = {"clean": {"train": summarize_clean(said).to_dict()}}
    assert problems(results) == ["4 answers to unaltered train texts are not finite"]


def test_attacks_with_other_budgets_are_not_compared() -> None:
    attack = {"recipe": {"source": "x"}, "query_budget": 1000}
    assert _unlike_recipe(attack, attack) == []
    assert _unlike_recipe(attack, {**attack, "query_budget": 50}) == [
        "query_budget is 1000 against 50"
    ]


def test_a_look_waits_for_what_has_no_value_yet_and_for_what_is_waived() -> None:
    robust = Gate(metric=ROBUST, at_least=0.5, why="-")
    sliced = Gate(metric=ROBUST, slice="long", at_least=0.5, on_missing="fail", why="-")
    far = {ROBUST: rate(95, 100)}
    assert decided([robust], far, 0.001)
    missing = {**far, f"{ROBUST}@long": Estimate.missing("none of the texts is in it")}
    assert not decided([robust, sliced], missing, 0.001)
    waiver = Waiver(metric=ROBUST, owner="me", reason="-", until=date(2030, 1, 1))
    open_ = {ROBUST: rate(26, 50)}
    assert not decided([robust], open_, 0.001, [waiver], date(2026, 1, 1))
    # Of gates that are judged at the end, each may take its part of what may be erred.
    others = [Gate(metric=f"check.c{n}", at_most=0.5, why="-") for n in range(9)]
    near = {ROBUST: rate(64, 100)}
    assert decided([robust], near, 0.025)
    assert not decided([robust, *others], near, 0.025)


def test_a_victim_that_is_averaged_is_asked_for_its_labels_and_not_for_every_digit() -> None:
    generator = np.random.default_rng(1)

    def noisy(texts: Any) -> Any:
        score = np.array([0.9 if "good" in text else 0.1 for text in texts])
        score = np.clip(score + generator.normal(0, 0.05, len(score)), 0.01, 0.99)
        return np.stack([1 - score, score], axis=1)

    texts = [f"a {'good' if n % 2 else 'bad'} film number {n}" for n in range(40)]
    examples = [Example(str(n), Text.of(text), n % 2) for n, text in enumerate(texts)]
    recipe = recipes.load("deepwordbug")
    for victim, doubted in (
        (FunctionVictim(noisy, ("no", "yes")), True),
        (Averaged(FunctionVictim(noisy, ("no", "yes")), 16), False),
    ):
        found = Doubts(victim, ("repeatable",)).about(recipe, "key", examples, [], {})
        assert bool(found) == doubted


def test_nothing_borrowed_is_no_transfer_accuracy() -> None:
    said = [
        PredictionRecord(
            check=transfer_check("pwws", "other"),
            example_id=str(n),
            split="test",
            label=0,
            predicted=0,
        )
        for n in range(5)
    ]
    event = {"event": EVENT, "attack": "pwws", "surrogate": "other", "texts": {}, "errored": 0}
    (found,) = transfer_results([event], {transfer_check("pwws", "other"): said}, said)
    assert found["robust_accuracy"]["value"] is None
    assert "broke no surrogate" in found["robust_accuracy"]["reason"]


def test_an_outcome_is_kept_for_its_family_and_what_may_be_edited() -> None:
    text = Text.of("a good film")
    one = Example("1", text, 0, group="a")
    assert digest(one) != digest(Example("1", text, 0, group="b"))
    frozen = Text(text.fields, frozenset(key for key, _ in text.fields))
    assert digest(one) != digest(Example("1", frozen, 0, group="a"))


def test_a_set_has_no_group_of_the_data_s(tmp_path: Path) -> None:
    for name, columns in (("data.csv", ("text", "label", "movie")), ("far.csv", ("text", "label"))):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            rows = [
                (f"text {n} {name}", str(n % 2), str(n // 2))[: len(columns)] for n in range(20)
            ]
            csv.writer(file).writerows([columns, *rows])
    read = parse_plan(
        {
            "name": "sets",
            "model": {"base": "-"},
            "data": {"source": str(tmp_path / "data.csv"), "group": "movie"},
            "audit": {"sets": [{"name": "far", "source": str(tmp_path / "far.csv")}]},
        },
        "-",
    )
    (one,) = load_sets(read, ("0", "1"))
    assert len(one.split) == 20


def test_a_contrast_set_of_one_label_is_none(tmp_path: Path) -> None:
    with (tmp_path / "edits.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "pair"), ("a", "0", "1"), ("b", "0", "1")])
    edits = {
        "name": "e",
        "source": str(tmp_path / "edits.csv"),
        "kind": "contrast",
        "group": "pair",
    }
    head = {"name": "sets", "model": {"base": "-"}, "data": {"source": "-"}}
    read = parse_plan({**head, "audit": {"sets": [edits]}}, "-")
    with pytest.raises(PlanError, match="1 of 1 sets have one label alone"):
        load_sets(read, ("0", "1"))


def test_a_regression_test_takes_no_answer_for_the_first_label() -> None:
    victim = FunctionVictim(lambda texts: [[float("nan")] * 2] * len(texts), ("no", "yes"))
    with pytest.raises(ValueError, match="not finite"):
        answer(victim, ("a good film",))


def test_a_success_that_keeps_its_label_is_nothing_to_mend() -> None:
    def record(after: int) -> OutcomeRecord:
        return OutcomeRecord(
            check="a",
            attack="input-reduction",
            example_id="1",
            split="test",
            status="succeeded",
            label=0,
            original=("a good film",),
            perturbed=("film",),
            predicted_after=after,
        )

    assert fooling([record(0)]) == []
    assert len(fooling([record(1)])) == 1


def test_a_run_that_was_cut_off_is_inconclusive_until_it_was_gone_on_with(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("suites.evidence.Collector.temperature", interrupted)
        assert invoke(["audit", str(plan), "-q"]) == 130
    (run,) = Path("runs").iterdir()
    capsys.readouterr()
    assert invoke(["report", str(run)]) == 3
    assert "is not finished, so it has no numbers to draw. Go on with it" in capsys.readouterr().err
    assert invoke(["audit", str(plan), "-q", "--resume", str(run), "--limit", "2"]) == 3
    assert invoke(["report", str(run)]) == 0


def interrupted(_: object) -> float:
    raise KeyboardInterrupt


def test_an_attack_that_errored_fails_the_gate_that_says_so() -> None:
    attack = {
        "name": "pwws",
        "calibrated": False,
        "split": "test",
        "counts": {"errored": 1, "total": 100},
        "robust_accuracy": rate(90, 100).to_dict(),
        "attack_success_rate": rate(9, 99).to_dict(),
    }
    results: Any = {"attacks": [attack], "run": {"created": "2026-01-01T00:00:00"}, "clean": {}}
    lenient = Gate(metric=ROBUST, at_least=0.5, why="-")
    assert with_verdict(results, [lenient]).value == "inconclusive"
    strict = lenient.model_copy(update={"on_missing": "fail"})
    assert with_verdict(results, [strict]).value == "fail"
    other = Gate(metric="clean_accuracy", at_least=0.5, on_missing="inconclusive", why="-")
    assert with_verdict(results, [other, lenient]).value == "inconclusive"


def test_a_set_of_training_texts_passes_nothing(plan: Path) -> None:
    sets = '\n[[audit.sets]]\nname = "again"\nsource = "data.csv"\n'
    duplicates = '\n[[gates]]\nmetric = "train_duplicates"\nat_most = 0.2\nwhy = "Clean data."\n'
    plan.write_text(plan.read_text() + sets + duplicates)
    assert invoke(["audit", str(plan), "-q"]) == 3
    results = RunFolder.open(project.newest(Path("runs"))).results()
    said = "40 of the 200 texts of the set again are training texts"
    assert said in results["verdict"]["reasons"]
    gate = results["verdict"]["gates"][1]
    assert (gate["verdict"], gate["value"]["count"], gate["value"]["n"]) == ("pass", 0, 40)


def test_a_dry_run_says_all_that_is_asked(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = plan.read_text().replace("examples = 12", 'examples = 12\ncorruptions = ["case"]')
    gate = '\n[[gates]]\nmetric = "noisy_accuracy.case.3"\nat_least = 0.4\nwhy = "-"\n'
    plan.write_text(text + gate)
    assert invoke(["audit", str(plan), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "Also asked: noise case in severities 1, 3, 5; checks repeatable, signal" in said
    assert "noisy_accuracy.case.3 at least 0.4, n=12" in said


def test_an_attack_on_a_model_that_reads_nothing_is_in_doubt_and_says_so(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The untrained model answers by length of text at most: whatever breaks it says little."""
    arguments = [
        "attack",
        str(plan.parent / "base"),
        "--data",
        "data.csv",
        "--recipe",
        "deepwordbug",
    ]
    arguments += ["-n", "24", "-q"]
    assert invoke(arguments) == 3
    said = capsys.readouterr().out
    assert "in doubt             check reach: texts that change their label" in said
    results = RunFolder.open(project.newest(Path("runs"))).results()
    made = {entry["name"] for entry in results["checks"]}
    assert made == {"repeatable", "signal", "reach", "twin", "blind", "gradient", "meaning"}
    assert invoke([*arguments, "--no-checks", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["doubts"] == []

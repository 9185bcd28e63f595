from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.calibration import brier
from reports import gaps, summaries
from reports.records import STATUSES, OutcomeRecord, PredictionRecord

Outcome = Callable[..., OutcomeRecord]
Prediction = Callable[..., PredictionRecord]


def _many(outcome: Outcome, statuses: list[str], **changes: object) -> list[OutcomeRecord]:
    return [outcome(f"e{n}", status, **changes) for n, status in enumerate(statuses)]


def test_every_kind_of_outcome_is_counted_apart(outcome: Outcome) -> None:
    statuses = ["succeeded"] * 3 + ["failed"] * 4 + ["skipped"] * 2 + ["out_of_budget"]
    found = summaries.summarize_attack(_many(outcome, statuses))
    assert found.counts == {
        "total": 10,
        "succeeded": 3,
        "failed": 4,
        "skipped": 2,
        "errored": 0,
        "out_of_budget": 1,
    }
    assert (found.accuracy.count, found.accuracy.n) == (8, 10)
    assert (found.robust_accuracy.count, found.robust_accuracy.n) == (5, 10)
    assert (found.attack_success_rate.count, found.attack_success_rate.n) == (3, 8)
    assert found.queries == {"raw": 200, "unique": 150, "cached": 50}
    assert found.words_changed == {"mean": 1.0, "share": pytest.approx(1 / 3)}


def test_an_attack_that_crashes_makes_no_model_robust(outcome: Outcome) -> None:
    statuses = ["errored"] * 5 + ["succeeded"] * 5
    found = summaries.summarize_attack(_many(outcome, statuses, predicted_before=1))
    assert found.robust_accuracy.value == 0
    assert found.robust_accuracy.n == 10
    assert found.attack_success_rate.n == 5


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([], "no example was attacked"),
        (
            ["skipped", "skipped", "errored"],
            "none of the 3 examples was attackable: 2 were already",
        ),
    ],
)
def test_a_success_rate_over_nothing_is_undefined(
    outcome: Outcome, statuses: list[str], words: str
) -> None:
    found = summaries.summarize_attack(_many(outcome, statuses)).attack_success_rate
    assert found.value is None
    assert found.reason
    assert words in found.reason


def test_clean_accuracy_is_over_what_is_known(outcome: Outcome) -> None:
    rows = [outcome("a"), outcome("b", "errored", predicted_before=None), outcome("c", "skipped")]
    found = summaries.summarize_attack(rows).accuracy
    assert (found.count, found.n) == (1, 2)


def test_a_right_example_that_the_goal_leaves_alone_withstands_and_is_not_attackable(
    outcome: Outcome,
) -> None:
    alone = outcome("a", "skipped", predicted_before=outcome("a").label)
    found = summaries.summarize_attack([alone, outcome("b", "succeeded"), outcome("c", "skipped")])
    assert (found.accuracy.count, found.robust_accuracy.count) == (2, 1)
    assert (found.attack_success_rate.count, found.attack_success_rate.n) == (1, 1)
    none = summaries.summarize_attack([alone, outcome("c", "skipped")]).attack_success_rate
    assert none.reason is not None
    assert "1 were already wrong, 1 were left alone by the goal" in none.reason


def test_successes_that_keep_their_label_are_no_measure_of_robustness(outcome: Outcome) -> None:
    kept = outcome("a", "succeeded", predicted_after=outcome("a").label)
    found = summaries.summarize_attack([kept, outcome("b", "failed")])
    assert found.robust_accuracy.value is None
    assert "1 of the 1 successes keep their label" in str(found.robust_accuracy.reason)
    assert found.attack_success_rate.value == 0.5


@given(st.data())
def test_the_counts_always_add_up(data: st.DataObject) -> None:
    statuses = data.draw(st.lists(st.sampled_from(STATUSES), max_size=30))
    rows = [
        OutcomeRecord(check="c", attack="a", example_id=str(n), split="test", status=s, label=0)
        for n, s in enumerate(statuses)
    ]
    found = summaries.summarize_attack(rows)
    assert sum(found.counts[status] for status in STATUSES) == found.counts["total"] == len(rows)
    if rows:
        assert found.robust_accuracy.count == sum(row.withstood for row in rows)
        # The worst case over attacks is never better than any one of them.
        other = [
            OutcomeRecord(
                check="d", attack="b", example_id=r.example_id, split="test", status=s, label=0
            )
            for r, s in zip(rows, reversed(statuses), strict=True)
        ]
        both = summaries.union({"a": rows, "b": other})
        assert both.value is not None
        assert found.robust_accuracy.value is not None
        assert both.value <= found.robust_accuracy.value


def test_a_union_is_over_what_every_attack_was_tried_on(outcome: Outcome) -> None:
    a = [outcome("1"), outcome("2"), outcome("3", "succeeded")]
    b = [outcome("2", "errored"), outcome("1")]
    found = summaries.union({"a": a, "b": b})
    assert (found.count, found.n) == (1, 2)
    assert summaries.union({}).value is None
    assert summaries.union({"a": a, "b": []}).reason == "no example was tried by every attack"


def test_pairs_tell_what_broke_and_what_was_won(outcome: Outcome) -> None:
    before = _many(outcome, ["failed", "succeeded", "succeeded", "errored", "failed", "skipped"])
    after = _many(outcome, ["succeeded", "failed", "failed", "failed", "failed", "skipped"])
    found = summaries.compare_attacks(before, after)
    assert found.newly_broken == ("e0",)
    assert found.newly_fixed == ("e1", "e2")
    assert (found.n, found.left_out) == (5, 1)
    assert found.difference.value == pytest.approx(0.2)
    assert found.p_value == 1.0


def test_an_error_of_the_older_model_is_no_gain(outcome: Outcome) -> None:
    found = summaries.compare_attacks(
        _many(outcome, ["errored"] * 10), _many(outcome, ["failed"] * 10)
    )
    assert found.n == 0
    assert found.difference.value is None
    assert found.left_out == 10
    union = summaries.compare_unions(
        {"a": _many(outcome, ["errored", "failed"])}, {"a": _many(outcome, ["failed", "failed"])}
    )
    assert (union.n, union.left_out) == (1, 1)


def test_predictions_are_summed_up(prediction: Prediction) -> None:
    rows = [prediction(f"e{n}", label=n % 2, group=f"g{n // 4}") for n in range(40)]
    found = summaries.summarize_clean(rows)
    assert found.accuracy.value == 0.5
    assert "families" in found.accuracy.method
    assert found.loss.value == pytest.approx(0.3)
    assert found.ece.value == pytest.approx(0.8176 - 0.5, abs=1e-3)
    cooler = summaries.summarize_clean(rows, temperature=100.0)
    assert cooler.ece.value == pytest.approx(0.004, abs=1e-3)


def test_nan_makes_a_number_undefined_and_never_better(prediction: Prediction) -> None:
    broken = prediction("x", predicted=None, logits=(float("nan"), 1.0), loss=float("nan"))
    broken = PredictionRecord.from_dict(broken.to_dict())
    found = summaries.summarize_clean([prediction(), broken])
    assert found.accuracy.value == 0.5
    assert found.loss.value is None
    assert found.loss.reason == "1 of 2 losses are missing or not finite"
    assert found.ece.reason == "1 of 2 predictions have no finite scores"
    assert summaries.summarize_clean([]).accuracy.value is None


def test_the_worst_examples_are_the_least_changed_each_once(outcome: Outcome) -> None:
    two = ((0, "a", "b"), (1, "c", "d"))
    rows = [
        outcome("e1", "succeeded", changes=two, check="x"),
        outcome("e1", "succeeded", check="y"),
        outcome("e2", "succeeded", changes=two),
        outcome("e3", "failed"),
    ]
    random.Random(1).shuffle(rows)
    found = summaries.worst_examples(rows)
    assert [(r["example_id"], r["check"]) for r in found] == [
        ("e1", "y"),
        ("e2", "attack:pwws@test"),
    ]
    assert len(summaries.worst_examples(rows, 1)) == 1


def test_gaps_have_two_sides_and_an_interval(outcome: Outcome, prediction: Prediction) -> None:
    train = [prediction(f"t{n}", loss=0.1 + n / 1000) for n in range(30)]
    test = [prediction(f"e{n}", label=int(n > 9), loss=0.2 + n / 100) for n in range(30)]
    accuracy = gaps.accuracy_gap(train, test)
    assert accuracy["difference"]["value"] == pytest.approx(1 / 3)
    assert accuracy["difference"]["low"] > 0
    assert gaps.loss_gap(train, test)["difference"]["value"] > 0
    held, broken = _many(outcome, ["failed"] * 20), _many(outcome, ["succeeded"] * 20)
    assert gaps.robust_gap(held, broken, "pwws")["difference"]["value"] == 1
    seen = gaps.seen_unseen_gap({"a": held}, {"b": broken})
    assert seen["difference"]["value"] == 1
    assert seen["left"]["label"] == "a"
    assert gaps.calibration_gap(test, 2.0)["difference"]["high"] is not None
    assert gaps.calibration_gap([], 2.0)["difference"]["reason"] == "there are no predictions"
    assert gaps.loss_gap([], test)["difference"]["reason"]


@given(
    st.lists(
        st.tuples(st.lists(st.floats(-9, 9), min_size=3, max_size=3), st.integers(0, 2)),
        min_size=2,
        max_size=20,
    ),
    st.sampled_from([1.0, 2.5]),
)
def test_the_brier_score_is_the_squared_distance_to_the_label(
    rows: list[tuple[list[float], int]], temperature: float
) -> None:
    records = [
        PredictionRecord(
            check="clean@test", example_id=str(n), split="test", label=label, logits=tuple(logits)
        )
        for n, (logits, label) in enumerate(rows)
    ]
    found = summaries.summarize_clean(records, temperature).brier
    scores = np.array([logits for logits, _ in rows]) / temperature
    assert found.value == pytest.approx(brier(scores, [label for _, label in rows]))


def test_losses_that_are_lower_on_training_texts_tell_them_apart(prediction: Prediction) -> None:
    train = [prediction(f"a{n}", loss=0.1 + n / 1000) for n in range(60)]
    test = [prediction(f"b{n}", loss=0.1 + n / 1000) for n in range(60)]
    same = gaps.membership_gap(train, test)["difference"]
    assert same["value"] == pytest.approx(0.0)
    assert same["low"] < 0 < same["high"]
    worse = [prediction(f"b{n}", loss=1.0 + n / 1000) for n in range(60)]
    known = gaps.membership_gap(train, worse)
    assert known["difference"]["value"] == 0.5
    assert known["left"]["estimate"]["value"] == 1.0
    assert known["difference"]["low"] > 0.4
    broken = [*worse, prediction("c", loss=None)]
    assert gaps.membership_gap(train, broken)["difference"]["reason"] == "not all losses are finite"

"""The overfitting table: gaps between what was seen and what was not, each with an interval.

Every gap is left minus right, and left is the side the model knows better: a large positive gap in
accuracy is overfitting. Train and test hold different examples, so those gaps are differences of
independent samples; seen and unseen attacks meet the same examples, so that one is paired.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from reports import statistics
from reports.calibration import calibration_difference
from reports.ranks import precedence
from reports.records import OutcomeRecord, PredictionRecord
from reports.statistics import Estimate
from reports.summaries import (
    accuracy,
    compare_flags,
    confidences,
    families,
    mean_loss,
    summarize_attack,
    summarize_clean,
    union,
    union_outcomes,
)


def accuracy_gap(
    train: Sequence[PredictionRecord], test: Sequence[PredictionRecord]
) -> dict[str, Any]:
    """Accuracy on the training examples minus accuracy on the test examples."""
    left, right = accuracy(train), accuracy(test)
    return gap(
        "accuracy_train_test",
        "Accuracy: training − test",
        "How much better the model does on texts that it was trained on.",
        ("training", left),
        ("test", right),
    )


def shift_gap(
    test: Sequence[PredictionRecord], shifted: Sequence[PredictionRecord], name: str
) -> dict[str, Any]:
    """Accuracy on the test examples minus that on texts of another domain or time."""
    left, right = accuracy(test), accuracy(shifted)
    return gap(
        f"shift.{name}",
        f"Accuracy: test − {name}",
        "How much of the accuracy belongs to the domain of the data: on these texts it is lost.",
        ("test", left),
        (name, right),
    )


def loss_gap(train: Sequence[PredictionRecord], test: Sequence[PredictionRecord]) -> dict[str, Any]:
    """Mean loss on the test examples minus that on the training examples."""
    left, right = mean_loss(test), mean_loss(train)
    return gap(
        "loss_test_train",
        "Loss: test − training",
        "Loss shows memorising before accuracy does: it counts how sure the wrong answers are.",
        ("test", left),
        ("training", right),
    )


def membership_gap(
    train: Sequence[PredictionRecord], test: Sequence[PredictionRecord]
) -> dict[str, Any]:
    """How often the loss is lower on a training text than on a test text, minus a half.

    The attack of Yeom et al. (Privacy Risk in Machine Learning, CSF 2018), as the area under its ROC
    curve.
    """
    seen, unseen = ([p.loss for p in side if p.loss is not None] for side in (train, test))
    found = Estimate.missing("not all losses are finite", len(train) + len(test))
    if (len(seen), len(unseen)) == (len(train), len(test)):
        found = precedence(seen, unseen, families(train), families(test))
    return above_chance(
        "membership",
        "Telling training texts by their loss − chance",
        "Of a training and a test text, how often the one with the lower loss is the training text: "
        "what was learnt by heart can be asked for. Single texts may be far more exposed than the mean.",
        "by loss",
        found,
    )


def above_chance(
    name: str, title: str, explanation: str, label: str, found: Estimate
) -> dict[str, Any]:
    """A row on how often one of two kinds of text is told from the other, of which a half is chance."""

    def above(value: float | None) -> float | None:
        return None if value is None else value - 0.5

    difference = dataclasses.replace(
        found, value=above(found.value), low=above(found.low), high=above(found.high)
    )
    chance = Estimate(0.5, None, None, 0, reason="by definition")
    return gap(name, title, explanation, (label, found), ("by chance", chance), difference)


def robust_gap(
    train: Sequence[OutcomeRecord], test: Sequence[OutcomeRecord], attack: str
) -> dict[str, Any]:
    """Robust accuracy on training examples minus that on test examples, under one attack."""
    left, right = summarize_attack(train).robust_accuracy, summarize_attack(test).robust_accuracy
    return gap(
        f"robust_train_test.{attack}",
        f"Robust accuracy, {attack}: training − test",
        "Robust overfitting (Rice et al. 2020): robustness learnt by heart does not carry over.",
        ("training", left),
        ("test", right),
    )


def seen_unseen_gap(
    seen: Mapping[str, Sequence[OutcomeRecord]], unseen: Mapping[str, Sequence[OutcomeRecord]]
) -> dict[str, Any]:
    """Robust accuracy under the attacks trained on minus that under the others, on the same examples."""
    after, groups = union_outcomes(seen)
    before, _ = union_outcomes(unseen)
    paired = compare_flags(before, after, groups)
    return gap(
        "seen_unseen",
        "Robust accuracy: seen − unseen attacks",
        "What is gained only against the attacks that the model was trained on is not robustness.",
        (", ".join(seen) or "none", union(seen)),
        (", ".join(unseen) or "none", union(unseen)),
        paired.difference,
    )


def calibration_gap(test: Sequence[PredictionRecord], temperature: float) -> dict[str, Any]:
    """Calibration error as trained minus that at the fitted temperature, on the same test examples."""
    left, right = summarize_clean(test).ece, summarize_clean(test, temperature).ece
    difference = Estimate.missing(left.reason or right.reason or "a side is missing", left.n)
    if left.value is not None and right.value is not None:
        difference = calibration_difference(
            confidences(test),
            confidences(test, temperature),
            [prediction.correct for prediction in test],
            families(test),
        )
    return gap(
        "calibration",
        "Calibration error: as trained − calibrated",
        "Overconfidence hides a model from attacks that follow its scores.",
        ("as trained", left),
        (f"at temperature {temperature:.2f}", right),
        difference,
    )


def gap(
    name: str,
    title: str,
    explanation: str,
    left: tuple[str, Estimate],
    right: tuple[str, Estimate],
    difference: Estimate | None = None,
) -> dict[str, Any]:
    """One entry of "gaps" in results.json; the way to add a gap that is not above.

    Args:
        difference: left minus right; where left out, that of independent samples.
    """
    found = difference or statistics.independent_difference(left[1], right[1])
    return {
        "name": name,
        "title": title,
        "explanation": explanation,
        "left": {"label": left[0], "estimate": left[1].to_dict()},
        "right": {"label": right[0], "estimate": right[1].to_dict()},
        "difference": found.to_dict(),
    }

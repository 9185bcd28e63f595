"""Warnings in words: what each is for is found, and what is healthy is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.overfitting import commonest, line, warnings
from harness.selection import EpochRecord, Fitted, Robustness
from harness.training_plan import Selection, Train
from tests.harness import tiny
from tests.harness.interrupted import run

BY_ACCURACY = Selection(attacks=("pwws",))
BY_ROBUSTNESS = Selection(metric="robust_accuracy", attacks=("pwws",), max_clean_drop=1.0)
MAJORITY = ("yes", 0.5)


def epoch(
    number: int,
    *,
    right: int = 160,
    loss: float = 0.4,
    train_loss: float = 0.3,
    robust: int | None = None,
    train_robust: int | None = None,
) -> EpochRecord:
    """An epoch of 200 validation and as many training texts, 100 of each attacked."""
    on_train = Robustness(train_robust, 100, {}) if train_robust is not None else None
    return EpochRecord(
        epoch=number,
        step=10 * (number + 1),
        train_loss=0.5,
        validation_loss=loss,
        correct=right,
        n=200,
        temperature=1.0,
        calibration_error=0.03,
        robustness=Robustness(robust, 100, {}) if robust is not None else None,
        fitted=Fitted(train_loss, 180, 200, on_train),
        seconds=0.0,
    )


def test_a_healthy_training_is_passed_over() -> None:
    history = [
        epoch(0, loss=0.5, robust=10, train_robust=10),
        epoch(1, loss=0.4, robust=20, train_robust=25),
        epoch(2, loss=0.41, train_loss=0.2, robust=19, train_robust=30),
    ]
    for length in (1, 2, 3):
        assert warnings(history[:length], BY_ROBUSTNESS, MAJORITY) == []


@pytest.mark.parametrize(("right", "warned"), [(100, True), (112, True), (116, False)])
def test_a_model_that_guesses_is_named(right: int, warned: bool) -> None:
    found = warnings([epoch(0, right=right)], BY_ACCURACY, MAJORITY)
    assert bool(found) == warned
    if warned:
        assert "cannot be told from always answering 'yes' (50.0%)" in found[0]


def test_a_robust_gap_that_opens_is_named_with_the_epoch_before() -> None:
    history = [
        epoch(0, robust=10, train_robust=11),
        epoch(1, robust=30, train_robust=35),
        epoch(2, robust=20, train_robust=60),
    ]
    (found,) = warnings(history, BY_ROBUSTNESS, MAJORITY)
    assert found.startswith(
        "A robust gap opens: since epoch 2 robust accuracy rose from 35.0% to 60.0% on training texts "
        "and fell from 30.0% to 20.0% on validation texts."
    )
    assert found.endswith("That epoch's weights are the ones that are kept.")
    (found,) = warnings(history, BY_ACCURACY, MAJORITY)
    assert "Epoch 1 is kept, by its accuracy" in found


@pytest.mark.parametrize(
    "last",
    [
        {"robust": 27, "train_robust": 60},  # within one standard error
        {"robust": 20, "train_robust": 30},  # both fell: not learnt by heart, but lost
        {"robust": 20},  # training texts were not attacked
    ],
)
def test_what_is_no_robust_gap_is_passed_over(last: dict[str, Any]) -> None:
    history = [epoch(0, robust=30, train_robust=35), epoch(1, **last)]
    assert warnings(history, BY_ROBUSTNESS, MAJORITY) == []


def test_learning_by_heart_is_named() -> None:
    history = [epoch(0, loss=0.40, train_loss=0.30), epoch(1, loss=0.43, train_loss=0.10)]
    (found,) = warnings(history, BY_ACCURACY, MAJORITY)
    assert "rose from 0.400 to 0.430 on validation texts and fell from 0.300 to 0.100" in found
    both_rose = [epoch(0, loss=0.40, train_loss=0.30), epoch(1, loss=0.43, train_loss=0.31)]
    assert warnings(both_rose, BY_ACCURACY, MAJORITY) == []


def test_an_epoch_in_one_line() -> None:
    assert line(epoch(1, robust=30, train_robust=35), 3) == (
        "epoch 2 of 3: training loss 0.500; validation 80.0% right, loss 0.400, calibration off by 3.0 "
        "points 30.0% under attack (training texts 90.0%, loss 0.300, 35.0% under attack)"
    )


def test_the_commonest_label_is_counted() -> None:
    examples = tiny.examples(50)
    name, share = commonest(examples, ("no", "yes"))
    count = sum(example.label == ("no", "yes").index(name) for example in examples)
    assert share == count / 50 >= 0.5


def test_an_adversary_that_is_too_strong_is_found_in_training(tmp_path: Path) -> None:
    """Planted: perturbations so long that nothing can be learnt."""
    changes = {
        "objective": {
            "name": "pgd",
            "parameters": {"max_norm": 500.0, "adv_lr": 200.0, "clean_weight": 0.0},
        },
        "epochs": 2,
    }
    _, _, events = run(tmp_path, changes)
    assert any("learnt nothing" in e["text"] for e in events if e["event"] == "warning")


def test_training_texts_are_looked_at_and_attacked(tmp_path: Path) -> None:
    changes = {
        "epochs": 2,
        "selection": {"attacks": ["deepwordbug"], "examples": 6, "query_budget": 10},
        "monitor": {"train_examples": 20, "attacked": 5},
    }
    result, _, events = run(tmp_path, changes)
    for record in result.history:
        assert record.fitted.n == 20
        assert record.fitted.robustness.n == 5
        assert record.robustness.n == 6
        assert 0 <= record.calibration_error <= 1
        assert EpochRecord.from_dict(record.to_dict()) == record
    assert [e["fitted"]["n"] for e in events if e["event"] == "epoch"] == [20, 20]


def test_tensorboard_reads_what_was_measured(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result, _, _ = run(tmp_path, {"epochs": 2, "monitor": {"tensorboard": True}})
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name, wanted in {
        "loss/validation": [record.validation_loss for record in result.history],
        "accuracy/training_texts": [record.fitted.accuracy for record in result.history],
    }.items():
        points = found.Scalars(name)
        assert [point.step for point in points] == [record.step for record in result.history]
        assert [point.value for point in points] == pytest.approx(wanted)


def test_tensorboard_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness import board

    monkeypatch.setattr(board, "available", lambda: False)
    with pytest.raises(HarnessError, match=r"pip install withstand\[tensorboard\]"):
        board.Board(Path("nowhere"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"monitor": {"attacked": 5}}, "needs at least one name in selection.attacks"),
        (
            {
                "monitor": {"attacked": 5, "train_examples": 3},
                "selection": {"attacks": ("pwws",)},
            },
            "a part of monitor.train_examples",
        ),
    ],
)
def test_a_gap_without_its_sides_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Train.model_validate({"output": "o", **settings})

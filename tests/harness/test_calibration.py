"""Calibration against values worked out by hand and planted truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.calibration import (
    accuracy,
    brier,
    ece,
    ece_of,
    fit_temperature,
    losses,
    nll,
    softmax,
)


def sample(temperature: float, n: int = 20_000, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax(z), and the logits z * temperature that a model would show."""
    rng = np.random.default_rng(0)
    true = rng.normal(scale=1.5, size=(n, classes))
    shares = softmax(true)
    labels = (rng.random(n)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    return true * temperature, labels


@pytest.mark.parametrize("planted", [0.05, 0.5, 1.0, 3.0, 40.0])
def test_a_planted_temperature_is_recovered(planted: float) -> None:
    logits, labels = sample(planted)
    found = fit_temperature(logits, labels)
    assert found.temperature == pytest.approx(planted, rel=0.03)
    assert found.nll_after <= found.nll_before
    assert not found.at_bound
    assert ece(logits / found.temperature, labels) < 0.015


def test_predictions_that_are_all_right_have_no_temperature() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(logits, [0, 1]).at_bound


def test_calibration_error_by_hand() -> None:
    # Bins of width 1/15: 0.95 and 1.0 share the last one, 0.55 stands alone.
    assert ece_of([0.95, 1.0, 0.55], [True, False, True]) == pytest.approx(
        (abs(1 - 1.95) + abs(1 - 0.55)) / 3
    )
    # Confidence 1.0 is not lost (torchmetrics 1.9 gives .525 here).
    assert ece_of([1.0, 0.95], [False, True]) == pytest.approx((1.95 - 1) / 2)
    assert ece_of([1.0], [True]) == 0.0
    assert ece_of([1.0], [False]) == 1.0
    assert ece_of([0.5, 0.5], [True, False]) == 0.0


def test_the_others_by_hand() -> None:
    logits = np.log([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]])
    labels = [0, 0, 1]
    assert losses(logits, labels) == pytest.approx([-math.log(p) for p in (0.8, 0.3, 0.5)])
    assert nll(logits, labels) == pytest.approx(-math.log(0.8 * 0.3 * 0.5) / 3)
    assert accuracy(logits, labels) == pytest.approx(1 / 3)
    assert brier(logits, labels) == pytest.approx((2 * 0.04 + 2 * 0.49 + 2 * 0.25) / 3)
    assert ece(logits, labels) == pytest.approx((0.2 + 0.7 + 0.5) / 3)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 30),
)
def test_calibration_error_lies_between_0_and_1(rows: list[tuple[float, bool]], bins: int) -> None:
    confidences, correct = zip(*rows, strict=True)
    assert 0.0 <= ece_of(confidences, correct, bins) <= 1.0 + 1e-12


def test_extreme_logits_stay_finite() -> None:
    assert softmax([[1e4, -1e4]]).tolist() == [[1.0, 0.0]]
    assert nll([[1e4, -1e4]], [1]) == pytest.approx(2e4)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [([], []), ([[1.0, 2.0]], [2]), ([[math.nan, 0.0]], [0]), ([1.0, 2.0], [0, 1])],
)
def test_what_is_refused(logits: list, labels: list) -> None:
    with pytest.raises(ValueError, match=r"expected|finite|labels"):
        fit_temperature(logits, labels)

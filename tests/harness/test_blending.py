"""Mixtures of weights: what they are, and which is taken."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from harness.blending import Blending, blend, mixed, snapshot
from harness.selection import EpochRecord, Robustness
from harness.training_plan import Selection

SELECTION = Selection(
    metric="robust_accuracy", attacks=("pwws",), blend=(0.25, 0.75), max_clean_drop=0.02
)


def record(correct: int, withstood: int, least: float = 0.0) -> EpochRecord:
    found = Robustness(withstood, 100, {}) if correct / 100 >= least else None
    return EpochRecord(1, 9, None, 0.5, correct, 100, 1.0, 0.0, found, None, 0.0)


class Counted(nn.Linear):
    """A model whose weight says which share of the training it holds: 0 at the start, 1 at the end."""

    def __init__(self) -> None:
        super().__init__(1, 1, bias=False)
        self.register_buffer("steps", torch.tensor(7))
        self.share = 1.0

    @property
    def share(self) -> float:
        return round(self.weight.item(), 6)

    @share.setter
    def share(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)


def run(
    accuracies: dict[float, int], robust: dict[float, int], selection: Selection = SELECTION
) -> tuple[Blending, Any]:
    model = Counted()
    start = {"weight": torch.zeros(1, 1), "steps": torch.tensor(3)}
    found = blend(
        model,
        start,
        record(accuracies[1.0], robust[1.0]),
        selection,
        accuracy=lambda: accuracies[model.share] / 100,
        measure=lambda share, least: record(accuracies[model.share], robust[model.share], least),
    )
    return found, model


def test_the_largest_share_near_the_start_is_taken_and_none_below_it_is_asked() -> None:
    found, model = run({0.0: 80, 0.25: 82, 0.75: 78, 1.0: 74}, {0.25: 30, 0.75: 45, 1.0: 50})
    assert found.share == model.share == 0.75
    assert found.start_accuracy == 0.8
    assert [item.share for item in found.tried] == [1.0, 0.75]
    assert int(model.steps) == 7, "what is no weight comes from the end"


@pytest.mark.parametrize(
    ("accuracies", "robust", "share"),
    [
        ({0.0: 80, 0.25: 80, 0.75: 80, 1.0: 79}, {0.25: 30, 0.75: 45, 1.0: 50}, 1.0),
        ({0.0: 80, 0.25: 79, 0.75: 70, 1.0: 60}, {0.25: 30, 0.75: 45, 1.0: 50}, 0.25),
        # Nothing is near enough to the start: the most accurate.
        ({0.0: 90, 0.25: 79, 0.75: 70, 1.0: 60}, {0.25: 30, 0.75: 45, 1.0: 50}, 0.25),
        ({0.0: 80, 0.25: 80, 0.75: 79, 1.0: 78}, {0.25: 50, 0.75: 50, 1.0: 50}, 1.0),
    ],
)
def test_which_mixture_is_taken(
    accuracies: dict[float, int], robust: dict[float, int], share: float
) -> None:
    found, model = run(accuracies, robust)
    assert found.share == model.share == share


@pytest.mark.parametrize(("start", "says"), [(80, False), (90, True)])
def test_mixtures_that_all_cost_too_much_are_warned_of(start: int, says: bool) -> None:
    found, _ = run({0.0: start, 0.25: 79, 0.75: 70, 1.0: 60}, {0.25: 30, 0.75: 45, 1.0: 50})
    warning = found.warning(SELECTION)
    assert (warning is not None) == says
    if warning:
        assert "of 0.25 trained weights, has 0.790, and the model before it 0.900" in warning


def test_only_mixtures_that_may_be_taken_are_attacked() -> None:
    found, _ = run({0.0: 80, 0.25: 78, 0.75: 77, 1.0: 74}, {0.25: 30, 0.75: 45, 1.0: 50})
    attacked = {item.share: item.record.robustness is not None for item in found.tried}
    assert attacked == {1.0: True, 0.75: False, 0.25: True}
    assert found.share == 0.25


def test_by_accuracy_all_mixtures_compete() -> None:
    by_accuracy = Selection(metric="accuracy", blend=(0.25, 0.75))
    found, _ = run({0.0: 80, 0.25: 82, 0.75: 85, 1.0: 81}, {0.25: 0, 0.75: 0, 1.0: 0}, by_accuracy)
    assert [item.share for item in found.tried] == [1.0, 0.75, 0.25]
    assert found.share == 0.75


def test_a_mixture_lies_on_the_line_between() -> None:
    torch.manual_seed(0)
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    ends = snapshot(one), snapshot(other)
    for share in (0.0, 0.3, 1.0):
        found = mixed(*ends, share)
        expected = (1 - share) * ends[0]["weight"] + share * ends[1]["weight"]
        torch.testing.assert_close(found["weight"], expected)
    with torch.no_grad():
        one.weight.zero_()
    assert ends[0]["weight"].abs().sum() > 0, "a snapshot does not follow the model"

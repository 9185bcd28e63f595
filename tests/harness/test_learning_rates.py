"""Learning rates: the default by size, and the range test."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.learning_rates import rate_of
from harness.rate_range import SETTLED, Point, RateRange, rate_range, smoothed, table
from harness.training import train
from suites.cli import invoke
from tests.harness import tiny
from tests.harness.interrupted import run


class Sized(torch.nn.Module):
    """A model of so many parameters, none of them there."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.all = torch.nn.Parameter(torch.empty(size, device="meta"))


@pytest.mark.parametrize(
    ("millions", "adapter", "expected"),
    [
        (23, None, 1e-4),
        (110, None, 3e-5),
        (340, None, 1e-5),
        (1500, None, 5e-6),
        (110, "lora", 4e-4),
        (1500, "dora", 1e-4),
        (110, "ia3", 3e-3),
        (23, "prefix", 1e-2),
        (110, "prompt", 3e-2),
        (23, "bottleneck", 3e-4),
    ],
)
def test_the_rate_falls_with_the_size(millions: int, adapter: str | None, expected: float) -> None:
    changes: dict[str, Any] = {"learning_rate": None}
    if adapter:
        changes["adapter"] = {"method": adapter}
    assert rate_of(tiny.settings(Path("m"), **changes), Sized(millions * 10**6)) == expected


def test_the_rate_of_the_plan_goes_before(tmp_path: Path) -> None:
    assert rate_of(tiny.settings(tmp_path, learning_rate=3e-3), Sized(10)) == 3e-3


def test_a_training_says_which_rate_it_took(tmp_path: Path) -> None:
    result, _, _ = run(tmp_path, {"learning_rate": None, "epochs": 1})
    assert result.learning_rate == 1e-4
    history = json.loads((tmp_path / "model" / "training_history.json").read_text())
    assert history["learning_rate"] == 1e-4


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=50))
def test_smoothed_losses_stay_between_the_losses(losses: list[float]) -> None:
    found = smoothed(losses)
    assert found[0] == pytest.approx(losses[0])
    assert all(min(losses) - 1e-9 <= value <= max(losses) + 1e-9 for value in found)


def points(*losses: float) -> RateRange:
    """A range whose first steps are not settled yet, low as their losses are."""
    steps = [0.1] * (SETTLED - 1) + list(losses)
    made = [Point(10.0 ** (place - 14), loss, loss) for place, loss in enumerate(steps)]
    return RateRange(tuple(made), diverged=False)


def test_the_suggestion_is_a_tenth_of_the_best_rate() -> None:
    found = points(1.0, 1.0, 0.7, 0.4, 0.9)
    assert found.suggested == pytest.approx(1e-3)
    assert [line.endswith("least") for line in table(found)] == [False] * 12 + [True, False]


def test_a_loss_that_never_falls_suggests_nothing() -> None:
    assert points(1.0, 0.99, 1.2).suggested is None
    assert RateRange((), diverged=True).suggested is None
    assert table(RateRange((), diverged=True)) == []


def test_training_at_the_suggestion_beats_the_ends_of_the_range(tmp_path: Path) -> None:
    def fresh() -> Any:
        return tiny.loaded(tiny.classifier(dropout=0.0))

    rows, others = tiny.examples(120), tiny.examples(40, 1)
    settings = tiny.settings(tmp_path / "model", batch_size=32)
    found = rate_range(settings, fresh(), rows, seed=1, max_length=32, steps=150, high=10.0)
    rates = [point.rate for point in found.points]
    assert rates[0] == pytest.approx(1e-6)
    ratios = [math.log(b / a) for a, b in pairwise(rates)]
    assert ratios == pytest.approx([math.log(1e7) / 149] * len(ratios))
    assert found.suggested is not None

    def loss_at(rate: float) -> float:
        folder = tmp_path / f"{rate:g}"
        at = tiny.settings(folder / "model", epochs=3, learning_rate=rate)
        options = {"seed": 1, "max_length": 32, "work": folder / "work"}
        result = train(at, fresh(), rows, others, record=lambda event: None, **options)  # type: ignore[arg-type]
        loss = result.history[-1].train_loss
        assert loss is not None
        return loss

    chosen = loss_at(found.suggested)
    assert chosen < loss_at(1e-6)
    assert chosen < loss_at(1.0)


@pytest.mark.parametrize("name", ["freelb", "distillation", "awp"])
def test_the_range_is_of_the_plan_s_objective_and_adapter(name: str, tmp_path: Path) -> None:
    settings = tiny.settings(
        tmp_path,
        objective={"name": name},
        adapter={"method": "lora"},
        balance="weights",
        adaptation={"layer_decay": 0.8},
    )
    found = rate_range(settings, tiny.loaded(), tiny.examples(20), seed=1, max_length=32, steps=20)
    assert len(found.points) == 20 or found.diverged


def test_a_loss_that_runs_away_ends_the_test(tmp_path: Path) -> None:
    settings = tiny.settings(tmp_path)
    options = {"seed": 1, "max_length": 32, "steps": 50, "low": 1e-3, "high": 1e30}
    found = rate_range(settings, tiny.loaded(), tiny.examples(40), **options)  # type: ignore[arg-type]
    assert found.diverged
    assert len(found.points) < 50


@pytest.mark.parametrize(("low", "high", "steps"), [(0.0, 1.0, 30), (1.0, 0.1, 30), (0.1, 1.0, 19)])
def test_no_range(low: float, high: float, steps: int, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="20 steps or more"):
        rate_range(
            tiny.settings(tmp_path),
            tiny.loaded(),
            tiny.examples(8),
            seed=1,
            max_length=32,
            low=low,
            high=high,
            steps=steps,
        )


def test_the_command_shows_the_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = {
        "name": "range",
        "model": {"base": "bundle:minilm-l6", "max_length": 16},
        "data": {"source": "bundle:rotten-tomatoes", "group": "movie", "train_limit": 64},
        "train": {"output": "models/m", "batch_size": 4},
    }
    Path("plan.toml").write_text(tomli_w.dumps(plan), encoding="utf-8")
    code = invoke(["lr-range", "plan.toml", "--steps", "20", "--json", "-q"])
    assert code in (0, 3)
    written = json.loads(capsys.readouterr().out)
    assert len(written["steps"]) == 20 or written["diverged"]
    assert (code == 0) == (written["suggested"] is not None)
    assert invoke(["lr-range", "plan.toml", "--steps", "20", "-q"]) == code
    shown = capsys.readouterr().out
    assert ("Suggested: learning_rate" in shown) == (code == 0)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]

"""Which epoch is kept: rules on made-up histories, and the evaluation behind them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.victims.huggingface import HuggingFaceVictim
from harness.augmentation import Battery
from harness.errors import HarnessError
from harness.prediction import predict
from harness.selection import (
    EpochRecord,
    Evaluator,
    Robustness,
    choose,
    may_win,
    should_stop,
)
from harness.training_plan import Monitor, Selection
from reports.progress import Quiet
from tests.harness import tiny


def record(
    epoch: int, correct: int, withstood: int | None = None, loss: float = 1.0
) -> EpochRecord:
    robustness = None if withstood is None else Robustness(withstood, 100, {})
    return EpochRecord(epoch, epoch + 1, 0.5, loss, correct, 100, 1.0, 0.0, robustness, None, 0.0)


def history(*rows: tuple[int, int]) -> list[EpochRecord]:
    return [record(n, correct, withstood) for n, (correct, withstood) in enumerate(rows)]


ROBUST = Selection(metric="robust_accuracy", attacks=("pwws",), max_clean_drop=0.02)


def test_robust_accuracy_counts_only_near_the_best_clean_accuracy() -> None:
    assert choose(history((80, 10), (79, 40), (70, 60)), ROBUST) == 1
    assert choose(history((82, 10), (80, 40)), ROBUST) == 1  # exactly two points lower
    assert choose(history((83, 10), (80, 40)), ROBUST) == 0
    assert choose(history((80, 40), (80, 40)), ROBUST) == 0
    assert choose(history((79, 40), (80, 40)), ROBUST) == 1


def test_a_later_epoch_can_make_an_earlier_one_ineligible() -> None:
    rows = history((78, 50), (80, 30))
    assert choose(rows, ROBUST) == 0
    assert choose([*rows, *history((0, 0), (0, 0), (82, 20))[2:]], ROBUST) == 1


def test_a_reference_takes_the_place_of_the_best_of_the_run() -> None:
    rows = history((83, 10), (80, 40), (78, 60))
    assert choose(rows, ROBUST, reference=0.82) == 1
    assert choose(rows, ROBUST, reference=0.80) == 2
    assert choose(rows, ROBUST, reference=0.90) == 0, "none is near enough: the most accurate"


def test_epochs_that_are_blended_afterwards_compete_by_robustness_alone() -> None:
    blended = ROBUST.model_copy(update={"blend": (0.5,)})
    assert choose(history((83, 10), (70, 40), (60, 39)), blended) == 1


def test_an_epoch_that_guesses_is_not_kept_for_its_robustness() -> None:
    """It was: 57% of the answers right, all of them robust, because they are always the same."""
    blended = ROBUST.model_copy(update={"blend": (0.5,)})
    rows = [replace(one, commonest=57) for one in history((57, 55), (80, 54), (75, 53))]
    assert [one.guesses for one in rows] == [True, False, False]
    assert choose(rows, blended) == 1
    assert choose(rows[:1], blended) == 0
    assert choose(rows, ROBUST) == 1


def test_accuracy_and_loss() -> None:
    rows = [record(0, 80, loss=0.5), record(1, 82, loss=0.6), record(2, 82, loss=0.4)]
    assert choose(rows, Selection()) == 1
    assert choose(history((80, 10), (80, 40)), Selection()) == 0, "robustness breaks no tie"
    assert choose(rows, Selection(metric="loss")) == 2


def test_patience_counts_epochs_since_the_chosen_one() -> None:
    patient = Selection(patience=2)
    rows = [record(n, correct) for n, correct in enumerate((80, 81, 81, 79, 85))]
    assert [should_stop(rows[:n], patient) for n in range(6)] == [
        *(False, False, False, False, True, False)
    ]
    assert not should_stop(rows, Selection())


cells = st.tuples(st.integers(70, 80), st.integers(0, 5))


@settings(deadline=None)
@given(rows=st.lists(cells, min_size=1, max_size=6), more=st.lists(cells, max_size=3))
def test_what_is_thrown_away_is_never_chosen_later(
    rows: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    for metric, drop, blend in itertools.product(
        ("accuracy", "robust_accuracy"), (0.0, 0.03), ((), (0.5,))
    ):
        selection = Selection(
            metric=metric,  # type: ignore[arg-type]
            attacks=("pwws",),
            max_clean_drop=drop,
            blend=blend,
        )
        early, late = history(*rows), history(*rows, *more)
        chosen = choose(late, selection)
        if chosen < len(early):
            assert may_win(chosen, early, selection)


def test_records_survive_json() -> None:
    import json

    one = record(3, 70, 20)
    assert EpochRecord.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert EpochRecord.from_dict(record(3, 70).to_dict()).robustness is None


def evaluator(model: Any, names: tuple[str, ...], examples: int = 20) -> Evaluator:
    victim = HuggingFaceVictim(
        model, tiny.tokenizer(), ("no", "yes"), fingerprint="m", max_length=32
    )
    return Evaluator(
        Selection(attacks=names, examples=examples, query_budget=30),
        Monitor(train_examples=0),
        validation=tiny.examples(40, 1),
        train=tiny.examples(4),
        recipes=[recipes.load(name) for name in names],
        battery=Battery({}, Cache(), EngineConfig(), Quiet()),
        predict=lambda rows: predict(victim, rows),
        victim=lambda moment: victim,
        seed=2,
    )


def test_an_epoch_is_measured_with_its_counts() -> None:
    model = tiny.classifier().eval()
    found = evaluator(model, ("deepwordbug", "pwws")).measure(0, 5, 0.7)
    validation = tiny.examples(40, 1)
    logits = model(**tiny.inputs([e.text.strings[0] for e in validation])).logits.detach().numpy()
    assert found.correct == sum(logits.argmax(1) == [e.label for e in validation])
    assert found.n == 40
    assert found.robustness is not None
    first, second = (found.robustness.statuses[n] for n in ("deepwordbug", "pwws"))
    assert sum(first.values()) == found.robustness.n == 20
    left = first.get("failed", 0) + first.get("out_of_budget", 0)
    assert sum(second.values()) == left
    assert found.robustness.withstood == second.get("failed", 0) + second.get("out_of_budget", 0)
    assert found.robustness.withstood < 20
    assert evaluator(model, ("deepwordbug", "pwws")).measure(0, 5, 0.7).robustness == (
        found.robustness
    )


def test_weights_that_are_too_inaccurate_are_not_attacked() -> None:
    asked = evaluator(tiny.classifier().eval(), ("deepwordbug",))
    accuracy = asked.measure(0, 5, 0.7).accuracy
    assert asked.measure(0, 5, 0.7, least=accuracy).robustness is not None
    assert asked.measure(0, 5, 0.7, least=accuracy + 0.01).robustness is None


def test_a_model_that_answers_nan_ends_the_training() -> None:
    model = tiny.classifier().eval()
    model.classifier.bias.data[0] = np.nan
    with pytest.raises(HarnessError, match="NaN or infinity"):
        evaluator(model, ()).measure(1, 5, 0.7)

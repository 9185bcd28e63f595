"""Which epoch is kept, and when training stops: always on validation data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from attacks.engine.scheduler import Job
from attacks.models import Victim
from attacks.outcomes import Example, Status
from attacks.recipe import Recipe
from harness.augmentation import Battery
from harness.calibration import Calibration, fit_temperature, nll
from harness.errors import HarnessError
from harness.randomness import derived
from harness.training_plan import Selection

WITHSTOOD = (Status.FAILED, Status.OUT_OF_BUDGET)


@dataclass(frozen=True, slots=True)
class Robustness:
    """Worst case over the attacks on a fixed validation subset.

    Attributes:
        withstood: examples predicted right that no attack broke. One whose attack errored is not among
            them: an error is never counted as robustness.
        n: examples of the subset.
        statuses: counts by attack and status. The later attacks are run on what the earlier ones left.
    """

    withstood: int
    n: int
    statuses: Mapping[str, Mapping[str, int]]

    @property
    def accuracy(self) -> float:
        """Robust accuracy over all examples of the subset."""
        return self.withstood / self.n


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What an epoch left behind.

    Attributes:
        epoch: counted from 0.
        step: optimizer steps so far.
        train_loss: mean of the objective over the epoch (None where it was not measured).
        validation_loss, correct, n: on all validation examples.
        temperature: fitted on them; attacks on this epoch's weights use it.
        robustness: None where there were no attacks to measure it by, or the accuracy was too low to
            ask.
    """

    epoch: int
    step: int
    train_loss: float | None
    validation_loss: float
    correct: int
    n: int
    temperature: float
    robustness: Robustness | None
    seconds: float

    @property
    def accuracy(self) -> float:
        """Validation accuracy."""
        return self.correct / self.n

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EpochRecord:
        """Read back what `to_dict` wrote."""
        robustness = data["robustness"]
        return cls(**{**data, "robustness": Robustness(**robustness) if robustness else None})


def choose(
    history: Sequence[EpochRecord], selection: Selection, reference: float | None = None
) -> int:
    """The place in `history` of the epoch to keep; the earliest among equals.

    For robust accuracy only epochs count whose validation accuracy is at most `max_clean_drop` below
    `reference`: the best of the run where none is given. The more accurate is taken among equally robust
    ones, and where no epoch counts, the most accurate of all. Epochs of a run whose weights are blended
    afterwards all count.
    """
    if reference is None:
        best = max(record.accuracy for record in history)
        reference = 0.0 if selection.blend else best
    least = floor(reference, selection)

    def merit(record: EpochRecord) -> tuple[float, ...]:
        if selection.metric == "loss":
            return (-record.validation_loss,)
        if selection.metric == "accuracy":
            return (record.accuracy,)
        robust = record.robustness.accuracy if record.robustness else 0.0
        if record.accuracy < least:
            return (0.0, record.accuracy, robust)
        return (1.0, robust, record.accuracy)

    return max(range(len(history)), key=lambda place: (merit(history[place]), -place))


def floor(reference: float, selection: Selection) -> float:
    """The validation accuracy from which robust accuracy counts."""
    # 1e-12: 0.82 - 0.80 is a little more than 0.02 in floating point.
    return reference - selection.max_clean_drop - 1e-12


def should_stop(history: Sequence[EpochRecord], selection: Selection) -> bool:
    """Whether the last `patience` epochs brought nothing better than an earlier one."""
    if selection.patience == 0 or not history:
        return False
    return len(history) - 1 - choose(history, selection) >= selection.patience


def may_win(place: int, history: Sequence[EpochRecord], selection: Selection) -> bool:
    """Whether an epoch could still be chosen, whatever later epochs bring.

    It could not once another is at least as good by every number that `choose` looks at (earlier, where
    all are equal): its weights need not be kept.
    """

    def numbers(record: EpochRecord) -> tuple[float, ...]:
        robust = record.robustness.accuracy if record.robustness else 0.0
        if selection.metric == "loss":
            return (-record.validation_loss,)
        return (record.accuracy, robust) if selection.metric != "accuracy" else (record.accuracy,)

    mine = numbers(history[place])
    for other, record in enumerate(history):
        theirs = numbers(record)
        better = all(a >= b for a, b in zip(theirs, mine, strict=True))
        if other != place and better and (theirs != mine or other < place):
            return False
    return True


class Evaluator:
    """Measures the weights of one moment on validation data.

    Args:
        validation: all validation examples.
        predict: logits of the examples under the current weights, shape (n, classes).
        victim: makes a victim of the weights as they are at a moment, by its name.
        recipes: what the subset is attacked with; none: no robust accuracy.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        validation: Sequence[Example],
        recipes: Sequence[Recipe],
        battery: Battery,
        predict: Callable[[Sequence[Example]], Any],
        victim: Callable[[str], Victim],
        seed: int,
    ) -> None:
        self._selection, self._validation, self._recipes = selection, validation, recipes
        self._battery, self._predict, self._victim, self._seed = battery, predict, victim, seed
        rng = np.random.default_rng(derived(seed, "selection"))
        chosen = rng.permutation(len(validation))[: selection.examples]
        self._subset = [validation[int(i)] for i in sorted(chosen)]

    def accuracy(self) -> float:
        """Validation accuracy of the weights as they are."""
        logits = np.asarray(self._predict(self._validation))
        return float((logits.argmax(axis=1) == self._gold()).mean())

    def measure(
        self,
        epoch: int,
        step: int,
        train_loss: float | None,
        moment: str | None = None,
        least: float = 0.0,
    ) -> EpochRecord:
        """One epoch's record.

        Args:
            moment: names the weights where they are not those of `step`.
            least: the accuracy from which the weights are worth attacking.

        Raises HarnessError where the model's logits are not finite.
        """
        started = perf_counter()
        logits = np.asarray(self._predict(self._validation))
        if not np.isfinite(logits).all():
            raise HarnessError(
                f"After epoch {epoch + 1} the model answers validation examples with NaN or infinity. "
                "A lower learning_rate or more warmup helps."
            )
        gold = self._gold()
        fitted: Calibration = fit_temperature(logits, gold)
        # Where every prediction is right the optimum is no estimate; probabilities are used as they are.
        temperature = 1.0 if fitted.at_bound else round(fitted.temperature, 6)
        correct = int((logits.argmax(axis=1) == gold).sum())
        robustness = None
        if self._recipes and correct / len(gold) >= least:
            robustness = self._attack(epoch, self._victim(moment or str(step)), temperature)
        return EpochRecord(
            epoch=epoch,
            step=step,
            train_loss=train_loss,
            validation_loss=nll(logits, gold),
            correct=correct,
            n=len(gold),
            temperature=temperature,
            robustness=robustness,
            seconds=round(perf_counter() - started, 3),
        )

    def _gold(self) -> Any:
        return np.array([example.label for example in self._validation])

    def _attack(self, epoch: int, victim: Victim, temperature: float) -> Robustness:
        standing = list(self._subset)
        statuses: dict[str, dict[str, int]] = {}
        for recipe in self._recipes:
            jobs = [
                Job(
                    example,
                    recipe,
                    seed=derived(self._seed, "selection"),
                    temperature=temperature,
                    query_budget=self._selection.query_budget,
                )
                for example in standing
            ]
            title = f"{recipe.name} on validation, epoch {epoch + 1}"
            outcomes = self._battery.run(title, jobs, victim)
            statuses[recipe.name] = dict(Counter(outcome.status.value for outcome in outcomes))
            standing = [
                example
                for example, outcome in zip(standing, outcomes, strict=True)
                if outcome.status in WITHSTOOD
            ]
        return Robustness(len(standing), len(self._subset), statuses)

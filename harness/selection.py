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
from harness.calibration import Calibration, ece, fit_temperature, nll
from harness.errors import HarnessError
from harness.randomness import derived
from harness.training_plan import Monitor, Selection
from reports.statistics import rate

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
class Fitted:
    """How the weights do on what they were trained on.

    Attributes:
        loss: cross-entropy on unaltered texts, whatever the objective was.
        robustness: on a part of them; None where none were attacked.
    """

    loss: float
    correct: int
    n: int
    robustness: Robustness | None = None

    @property
    def accuracy(self) -> float:
        """Accuracy on these training texts."""
        return self.correct / self.n


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What an epoch left behind.

    Attributes:
        epoch: counted from 0.
        step: optimizer steps so far.
        train_loss: mean of the objective over the epoch (None where it was not measured).
        validation_loss, correct, n: on all validation examples.
        temperature: fitted on them; attacks on this epoch's weights use it.
        calibration_error: how far confidence and accuracy are apart on them (ECE).
        robustness: None where there were no attacks to measure it by, or the accuracy was too low to
            ask.
        fitted: the same of unaltered training texts, where any were looked at.
        commonest: how many validation examples have the label that most have (0: not counted).
    """

    epoch: int
    step: int
    train_loss: float | None
    validation_loss: float
    correct: int
    n: int
    temperature: float
    calibration_error: float
    robustness: Robustness | None
    fitted: Fitted | None
    seconds: float
    commonest: int = 0

    @property
    def accuracy(self) -> float:
        """Validation accuracy."""
        return self.correct / self.n

    @property
    def guesses(self) -> bool:
        """Whether the accuracy cannot be told from that of always giving the commonest answer.

        Such a model withstands every attack and reads nothing.
        """
        return self.commonest > 0 and at_chance(self, self.commonest / self.n)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EpochRecord:
        """Read back what `to_dict` wrote."""
        fitted = data["fitted"]
        if fitted:
            fitted = Fitted(**{**fitted, "robustness": _robustness(fitted["robustness"])})
        robustness = _robustness(data["robustness"])
        return cls(**{**data, "robustness": robustness, "fitted": fitted or None})


def at_chance(record: EpochRecord, share: float) -> bool:
    """Whether its accuracy cannot be told from giving one answer that is right for `share` of all."""
    low = rate(record.correct, record.n).low
    return low is None or low <= share


def _robustness(data: Mapping[str, Any] | None) -> Robustness | None:
    return Robustness(**data) if data else None


def choose(
    history: Sequence[EpochRecord], selection: Selection, reference: float | None = None
) -> int:
    """The place in `history` of the epoch to keep; the earliest among equals.

    For robust accuracy only epochs count whose validation accuracy is at most `max_clean_drop` below
    `reference`: the best of the run where none is given. The more accurate is taken among equally robust
    ones, and where no epoch counts, the most accurate of all. Epochs of a run whose weights are blended
    afterwards all count, but for those whose model guesses.
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
        if record.accuracy < least or record.guesses:
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
        train: training examples, a part of which is looked at beside them.
        predict: logits of the examples under the current weights, shape (n, classes).
        victim: makes a victim of the weights as they are at a moment, by its name.
        recipes: what the subset is attacked with; none: no robust accuracy.
    """

    def __init__(
        self,
        selection: Selection,
        monitor: Monitor,
        *,
        validation: Sequence[Example],
        train: Sequence[Example],
        recipes: Sequence[Recipe],
        battery: Battery,
        predict: Callable[[Sequence[Example]], Any],
        victim: Callable[[str], Victim],
        seed: int,
    ) -> None:
        self._selection, self._validation, self._recipes = selection, validation, recipes
        self._battery, self._predict, self._victim, self._seed = battery, predict, victim, seed
        self._subset = _drawn(validation, selection.examples, derived(seed, "selection"))
        self._train = _drawn(train, monitor.train_examples, derived(seed, "monitor"))
        self._attacked = _drawn(self._train, monitor.attacked, derived(seed, "monitor, attacked"))

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
        fitted: bool = True,
    ) -> EpochRecord:
        """One epoch's record.

        Args:
            moment: names the weights where they are not those of `step`.
            least: the accuracy from which the weights are worth attacking.
            fitted: look at training texts too.

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
        found: Calibration = fit_temperature(logits, gold)
        # Where every prediction is right the optimum is no estimate; probabilities are used as they are.
        temperature = found.divisor
        correct = int((logits.argmax(axis=1) == gold).sum())
        robustness = None
        if self._recipes and correct / len(gold) >= least:
            victim = self._victim(moment or str(step))
            robustness = self._attack("validation", epoch, self._subset, victim, temperature)
        on_train = None
        if fitted and self._train:
            on_train = self._fitted(epoch, self._victim(moment or str(step)), temperature)
        return EpochRecord(
            epoch=epoch,
            step=step,
            train_loss=train_loss,
            validation_loss=nll(logits, gold),
            correct=correct,
            n=len(gold),
            temperature=temperature,
            calibration_error=ece(logits, gold),
            robustness=robustness,
            fitted=on_train,
            seconds=round(perf_counter() - started, 3),
            commonest=max(Counter(gold.tolist()).values()),
        )

    def _gold(self) -> Any:
        return np.array([example.label for example in self._validation])

    def _fitted(self, epoch: int, victim: Victim, temperature: float) -> Fitted:
        logits = np.asarray(self._predict(self._train))
        gold = np.array([example.label for example in self._train])
        robustness = None
        if self._attacked:
            robustness = self._attack("training texts", epoch, self._attacked, victim, temperature)
        correct = int((logits.argmax(axis=1) == gold).sum())
        return Fitted(nll(logits, gold), correct, len(gold), robustness)

    def _attack(
        self,
        what: str,
        epoch: int,
        examples: Sequence[Example],
        victim: Victim,
        temperature: float,
    ) -> Robustness:
        standing = list(examples)
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
            title = f"{recipe.name} on {what}, epoch {epoch + 1}"
            outcomes = self._battery.run(title, jobs, victim)
            statuses[recipe.name] = dict(Counter(outcome.status.value for outcome in outcomes))
            standing = [
                example
                for example, outcome in zip(standing, outcomes, strict=True)
                if outcome.status in WITHSTOOD
            ]
        return Robustness(len(standing), len(examples), statuses)


def _drawn(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """So many of the examples, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(examples))[:count]
    return [examples[int(i)] for i in sorted(chosen)]

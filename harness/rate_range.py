"""The learning-rate range test: one short training in which the rate rises from step to step.

Smith (Cyclical learning rates for training neural networks, WACV 2017, section 3.3); with the smoothed
loss, the end at four times its least value and the tenth of the best rate as in fastai's `lr_find`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import TrainerCallback

from attacks.outcomes import Example
from attacks.victims.huggingface import HuggingFaceVictim
from harness.adaptation import adapt
from harness.adapters import Adapted
from harness.arguments import training_arguments
from harness.batches import Collator, Row, TrainingSet, class_weights, oversampled
from harness.errors import HarnessError
from harness.kept_adapters import check_kept
from harness.models import LoadedModel
from harness.objectives.combining import combine
from harness.teacher import frozen, needed
from harness.trainer import DivergedError, RobustTrainer
from harness.training_plan import Train
from reports.progress import Progress, Quiet

SMOOTHING = 0.9
"""Share of the earlier losses in a smoothed one; 0.98 in fastai, which takes more steps."""
OUT_OF_HAND = 4.0
"""A smoothed loss of so many times the least ends the test."""
SETTLED = 10
"""Steps after which averages rest on enough losses to be compared; fastai's plot omits ten too."""
BELOW_BEST = 10.0
"""The suggestion is the rate of the least smoothed loss divided by this."""
LEAST_FALL = 0.02
"""A smoothed loss that falls by a smaller share says nothing of rates."""


@dataclass(frozen=True)
class Point:
    """One optimizer step.

    Attributes:
        rate: its learning rate.
        loss: the training loss of its batch, before the step.
        smoothed: the loss, averaged with those of earlier steps.
    """

    rate: float
    loss: float
    smoothed: float


@dataclass(frozen=True)
class RateRange:
    """What a range test found.

    Attributes:
        points: the steps that were made, the rate rising.
        diverged: whether the loss ran away before the last rate.
    """

    points: tuple[Point, ...]
    diverged: bool

    @property
    def best(self) -> Point | None:
        """Where the smoothed loss is least; None where it hardly fell."""
        settled = self.points[SETTLED - 1 :]
        if not settled:
            return None
        least = min(settled, key=lambda point: point.smoothed)
        return least if least.smoothed <= (1 - LEAST_FALL) * settled[0].smoothed else None

    @property
    def suggested(self) -> float | None:
        """A learning rate to train at; None where no rate lowered the loss."""
        return self.best.rate / BELOW_BEST if self.best else None


def rate_range(
    config: Train,
    model: LoadedModel,
    train: Sequence[Example],
    *,
    seed: int,
    max_length: int,
    steps: int = 100,
    low: float = 1e-6,
    high: float = 1e-1,
    teacher: LoadedModel | None = None,
    progress: Progress | None = None,
) -> RateRange:
    """Train `model`, which is spoilt by it, on a plan's batches while the logarithm of the rate rises.

    The objective, the batches and what is trained are the plan's; attack-generated rows, soft labels
    and `plain_warmup` are left out.

    Raises HarnessError for rates or a number of steps that make no range, and as `train` does.
    """
    if not 0 < low < high or steps < 2 * SETTLED:
        raise HarnessError(
            f"A range test goes from a low rate above 0 to a higher one in {2 * SETTLED} steps or more; "
            f"given: from {low:g} to {high:g} in {steps}."
        )
    check_kept(model.model, config)
    plain = config.model_copy(
        update={"schedule": "constant", "warmup": 0.0, "learning_rate": low, "epochs": 1}
    )
    victim = HuggingFaceVictim(
        model.model, model.tokenizer, model.labels, fingerprint="range", max_length=max_length
    )
    encodings = victim.encode([example.text.strings for example in train])
    rows = [Row(e, x.label) for e, x in zip(encodings, train, strict=True)]
    data = TrainingSet(oversampled(rows, seed) if config.balance == "oversample" else rows)
    with TemporaryDirectory() as nowhere:
        arguments = training_arguments(plain, seed=seed, folder=Path(nowhere))
        arguments.max_steps, arguments.save_strategy = steps, "no"
        model.model.to(arguments.device)
        guide = None
        if needed(chosen.name for chosen in config.objective):
            guide = frozen(model, teacher, arguments.device)
        adapt(model.model, config.adaptation, seed)
        if config.adapter:
            Adapted(model.model, config.adapter, seed)
        weighted = config.balance == "weights"
        weights = class_weights(data.clean, len(model.labels)) if weighted else None
        sweep = _Sweep(data, steps, high / low)
        trainer = RobustTrainer(
            model.model,
            arguments,
            objective=combine(config.objective),
            data=data,
            collator=Collator.of(model.tokenizer),
            callbacks=[sweep],
            tokenizer=model.tokenizer,
            teacher=guide,
            layer_decay=config.adaptation.layer_decay,
            class_weights=None if weights is None else weights.to(arguments.device),
        )
        sweep.trainer = trainer
        with (progress or Quiet()).task("learning rates", steps) as sweep.shown:
            try:
                trainer.train()
            except DivergedError:
                sweep.diverged = True
            finally:
                trainer.tap.remove()
    return RateRange(tuple(sweep.points), sweep.diverged)


def smoothed(losses: Sequence[float]) -> list[float]:
    """Exponential averages, each unbiased by how few losses it rests on."""
    average, found = 0.0, []
    for number, loss in enumerate(losses, 1):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        found.append(average / (1 - SMOOTHING**number))
    return found


class _Sweep(TrainerCallback):  # type: ignore[misc]
    """Sets the rate before each step and notes the loss after it."""

    trainer: RobustTrainer
    shown: Any

    def __init__(self, data: TrainingSet, steps: int, ratio: float) -> None:
        self._data, self._growth = data, math.log(ratio) / (steps - 1)
        self._losses: list[float] = []
        self.points: list[Point] = []
        self.diverged = False

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Another order of the rows."""
        self._data.epoch = round(state.epoch or 0)

    def on_step_begin(
        self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any
    ) -> None:
        """The rate of this step; lower layers keep their relation to the others."""
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * math.exp(self._growth * state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the loss, and stop where it has run away."""
        loss = self.trainer.take_mean_loss()
        if loss is None:
            return
        self._losses.append(loss)
        rate = args.learning_rate * math.exp(self._growth * (state.global_step - 1))
        self.points.append(Point(rate, loss, smoothed(self._losses)[-1]))
        self.shown.update(len(self.points))
        least = min((p.smoothed for p in self.points[SETTLED - 1 :]), default=math.inf)
        if self.points[-1].smoothed > OUT_OF_HAND * least:
            self.diverged = control.should_training_stop = True


def table(found: RateRange, rows: int = 20) -> list[str]:
    """The course of the smoothed loss in lines: rate, loss, a bar that begins at the least loss."""
    points = found.points
    if not points:
        return []
    every = -(-len(points) // rows)
    best = found.best
    least = min(point.smoothed for point in points)
    # What has run away goes over the edge.
    span = max(min(max(point.smoothed for point in points), 2 * points[0].smoothed) - least, 1e-9)
    lines = []
    for number, point in enumerate(points):
        if number % every and point is not best and point is not points[-1]:
            continue
        bar = "█" * round(40 * min((point.smoothed - least) / span, 1.0))
        mark = "least" if point is best else ""
        lines.append(f"{point.rate:9.2e}  {point.smoothed:8.4f}  {bar}{mark}")
    return lines


def conclusion(found: RateRange) -> list[str]:
    """What follows from it, in words."""
    if found.best is None or found.suggested is None:
        return ["No rate lowered the loss: a longer range (--steps, --high) may."]
    return [
        f"Least loss: {found.best.smoothed:.4f} at {found.best.rate:.2e}",
        f"Suggested: learning_rate = {found.suggested:.1e}  (a tenth of that)",
    ]

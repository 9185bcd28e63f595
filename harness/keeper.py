"""Around every epoch of a training: the order of the rows, the display, the evaluation, the seal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from harness import processes
from harness.averaging import Average
from harness.batches import TrainingSet
from harness.board import Board
from harness.checkpoints import AVERAGE, TRAINED, WorkFolder, memory_of, write_tensors
from harness.dividing import Mirror
from harness.kept_adapters import kept_method
from harness.overfitting import line, warnings
from harness.randomness import untouched
from harness.selection import EpochRecord, Evaluator, choose, should_stop
from harness.trainer import RobustTrainer
from harness.training_plan import Train
from reports.progress import Progress

Record = Callable[[dict[str, Any]], None]


class Keeper(TrainerCallback):  # type: ignore[misc]
    """Around every epoch: the order of the rows, the display, the evaluation, the seal.

    Attributes:
        trainer: what trains.
        average: where an average of the weights takes their place.
        restored: what a checkpoint had of it.
        board: where TensorBoard's files are written.
        mirror: where the weights are divided, the whole model that is asked.
    """

    trainer: RobustTrainer
    average: Average | None = None
    board: Board | None = None
    mirror: Mirror | None = None
    restored: Mapping[str, Tensor] = {}

    def __init__(
        self,
        config: Train,
        folder: WorkFolder,
        data: TrainingSet,
        evaluator: Evaluator,
        history: list[EpochRecord],
        record: Record,
        display: Progress,
        device: torch.device,
        majority: tuple[str, float],
    ) -> None:
        self._config, self._folder, self._data = config, folder, data
        self._evaluator, self._history, self._record = evaluator, history, record
        self._display, self._device, self._majority = display, device, majority
        self._open = ExitStack()
        self._task: Any = None
        self._steps = 0
        self._started = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """From here on the weights lie where they will, divided or not."""
        if self.average:
            self.average.restore(self.restored)
        if self.mirror:
            facts = self.mirror.facts()
            self._record({"event": "divided", **facts})
            self._display.say(
                f"{facts['way']}: {facts['here']:,} of {facts['weights']:,} weights in this process"
            )

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Fix the order of the rows and open the display."""
        self._steps = state.max_steps // self._config.epochs
        self._data.epoch = state.global_step // self._steps
        title = f"train, epoch {self._data.epoch + 1} of {self._config.epochs}"
        self._task = self._open.enter_context(self._display.task(title, self._steps))
        self._started = perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Show how far the epoch is, and let the average follow."""
        if self.average:
            self.average.after_step()
        self._task.update(state.global_step - self._data.epoch * self._steps)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate, note the epoch, and stop where patience is at its end."""
        self.close()
        trained = perf_counter() - self._started
        if self.average:
            self.average.after_epoch(self._data.epoch)
        with self._evaluated() as averaged, untouched(self._device):
            if self.mirror:
                self.mirror.follow()
            found = self._evaluator.measure(
                self._data.epoch,
                state.global_step,
                self.trainer.take_mean_loss(),
                f"{state.global_step}, averaged" if averaged else None,
            )
        self._history.append(found)
        if processes.is_first():
            self._folder.write_history(self._history)
        if self.board:
            self.board.epoch(found)
        best = choose(self._history, self._config.selection)
        self._record(
            {
                "event": "epoch",
                **found.to_dict(),
                "train_seconds": round(trained, 3),
                "best_epoch": self._history[best].epoch,
            }
        )
        self._display.say(line(found, self._config.epochs))
        for warning in warnings(self._history, self._config.selection, self._majority):
            self._record({"event": "warning", "epoch": found.epoch, "text": warning})
            self._display.say(f"warning: {warning}")
        if should_stop(self._history, self._config.selection):
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Seal the checkpoint; the Trainer may save the last step before its epoch is evaluated."""
        if self._history and self._history[-1].step == state.global_step:
            checkpoint = self._folder.of(self._history[-1])
            memory = memory_of(checkpoint, processes.rank())
            write_tensors(memory, self.trainer.course.memory)
            averaged = self.average.saved() if self.average else {}
            processes.wait()  # all have saved what is theirs
            if processes.is_first():
                self._seal(checkpoint, state.global_step, averaged)
            processes.wait()

    def _seal(self, checkpoint: Path, step: int, averaged: Mapping[str, Tensor]) -> None:
        if self.mirror:
            write_tensors(checkpoint / TRAINED, self.mirror.weights)
        # A checkpoint cannot be read into the class alone where an adapter is in the model.
        elif self._config.adapter or kept_method(self.trainer.course.model):
            write_tensors(checkpoint / TRAINED, self.trainer.course.weights)
        write_tensors(checkpoint / AVERAGE, averaged)
        self._folder.seal(step)
        self._folder.prune(self._history, self._config.selection)

    def _evaluated(self) -> AbstractContextManager[bool]:
        """The weights that count; says whether they are an average."""
        return self.average.in_place() if self.average else nullcontext(False)

    def halved(self, rows: int) -> None:
        """Record that a batch did not fit in memory."""
        self._record({"event": "batch_halved", "rows": rows})

    def close(self) -> None:
        """Close the display."""
        self._open.close()

    def finish(self) -> None:
        """Close the display and the board: nothing more is trained."""
        self.close()
        if self.board:
            self.board.close()

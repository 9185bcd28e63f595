"""The numbers of a training for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.selection import EpochRecord, Robustness


def available() -> bool:
    """Whether the package tensorboard is installed."""
    from importlib.util import find_spec

    return find_spec("tensorboard") is not None


class Board:
    """Event files in a folder; scalars over optimizer steps.

    Raises HarnessError where the package tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if not available():
            raise HarnessError(
                "monitor.tensorboard needs the package tensorboard. Install it with `pip install "
                "withstand[tensorboard]`."
            )
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder))

    def epoch(self, record: EpochRecord) -> None:
        """Write what an epoch left behind."""
        values = {
            "loss/objective": record.train_loss,
            "loss/validation": record.validation_loss,
            "accuracy/validation": record.accuracy,
            "robust_accuracy/validation": _accuracy(record.robustness),
            "calibration/error": record.calibration_error,
            "calibration/temperature": record.temperature,
        }
        if record.fitted:
            values |= {
                "loss/training_texts": record.fitted.loss,
                "accuracy/training_texts": record.fitted.accuracy,
                "robust_accuracy/training_texts": _accuracy(record.fitted.robustness),
            }
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, record.step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


def _accuracy(found: Robustness | None) -> float | None:
    return found.accuracy if found else None

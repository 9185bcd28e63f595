"""A training that kills itself: run as a program by the tests of resume.

Usage: interrupted.py FOLDER STEP SETTINGS_JSON; it ends with SIGKILL when optimizer step STEP is shown.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness import tiny


class Killer:
    """A display that ends the process in the middle of an epoch."""

    def __init__(self, step: int) -> None:
        self.step, self.shown = step, 0

    def say(self, message: str) -> None:
        """Nothing."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Any]:
        """Counts optimizer steps over all epochs."""
        yield self if title.startswith("train") else _Nothing()

    def update(self, done: int, note: str = "") -> None:
        self.shown += 1
        if self.shown == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class _Nothing:
    def update(self, done: int, note: str = "") -> None:
        pass


def run(
    folder: Path,
    changes: dict[str, Any],
    progress: Any = None,
    resume: bool = False,
    models: dict[str, Any] | None = None,
) -> Any:
    """The same training every time; returns (result, model, events)."""
    from harness.training import train

    loaded, events = tiny.loaded(), []
    result = train(
        tiny.settings(folder / "model", **changes),
        loaded,
        tiny.examples(44),
        tiny.examples(24, seed=1),
        seed=5,
        max_length=32,
        work=folder / "work",
        record=events.append,
        progress=progress,
        resume=resume,
        models_for_attacks=models,
    )
    return result, loaded.model, events


if __name__ == "__main__":
    run(Path(sys.argv[1]), json.loads(sys.argv[3]), Killer(int(sys.argv[2])))

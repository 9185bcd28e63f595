"""What a long run shows while it works: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

PLAIN_INTERVAL = 10.0
"""Seconds between two lines where there is no terminal."""


class Task(Protocol):
    """One piece of work that is under way."""

    def update(self, done: int, note: str = "") -> None:
        """`done` of the total are finished; `note` stands behind (rates, success so far)."""


class Progress(Protocol):
    """Where progress goes."""

    def say(self, message: str) -> None:
        """One line that stays."""

    def task(self, title: str, total: int) -> Any:
        """A context manager that gives a `Task`."""


class Quiet:
    """Shows nothing."""

    def say(self, message: str) -> None:
        """Drop the line."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Task]:
        """A task nobody sees."""
        yield _Silent()


class _Silent:
    def update(self, done: int, note: str = "") -> None:
        pass


class Plain:
    """Lines on stderr: one when a task starts, one every ten seconds, one at its end."""

    def say(self, message: str) -> None:
        """One line that stays."""
        print(message, file=sys.stderr, flush=True)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Task]:
        """See `Progress.task`."""
        task = _PlainTask(title, total)
        yield task
        task.close()


class _PlainTask:
    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._started = self._shown = time.monotonic()
        self._done, self._note = 0, ""

    def update(self, done: int, note: str = "") -> None:
        self._done, self._note = done, note
        if time.monotonic() - self._shown >= PLAIN_INTERVAL:
            self._show()

    def close(self) -> None:
        self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        elapsed = self._shown - self._started
        left = elapsed / self._done * (self._total - self._done) if self._done else None
        tail = f", {left:.0f} s left" if left and self._done < self._total else f", {elapsed:.1f} s"
        note = f" · {self._note}" if self._note else ""
        print(
            f"  {self._title}: {self._done}/{self._total}{note}{tail}", file=sys.stderr, flush=True
        )


class Rich:
    """A live bar on the terminal (stderr): count, note, time elapsed and time left."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    def say(self, message: str) -> None:
        """One line that stays."""
        self._console.print(message, markup=False)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Task]:
        """See `Progress.task`."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        bar = Bar(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
        )
        with bar:
            number = bar.add_task(title, total=total, note="")
            yield _RichTask(bar, number)


class _RichTask:
    def __init__(self, bar: Any, number: Any) -> None:
        self._bar, self._number = bar, number

    def update(self, done: int, note: str = "") -> None:
        self._bar.update(self._number, completed=done, note=note)


def progress(quiet: bool = False) -> Progress:
    """The display that fits: nothing, a live bar on a terminal, plain lines elsewhere."""
    if quiet:
        return Quiet()
    return Rich() if sys.stderr.isatty() else Plain()

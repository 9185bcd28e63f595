"""The course of a run in the terminal: what a training or a search came to, and how far a run got."""

from __future__ import annotations

from typing import Any

from reports import wording as w
from reports.journal import Journal
from suites.terminal import console, table, text

LONGEST_LIST = 30
"""Epochs or trials that are listed; of more the last ones."""


def show_course(course: Journal, run: str) -> None:
    """Print what the events of a run say of it."""
    shown = console()
    kind = w.KINDS.get(course.kind, course.kind or "Run")
    shown.print()
    shown.print(text(f"{kind}: {course.name or run}", "bold"))
    until = f", last event {_time(course.last)}" if course.last else ""
    shown.print(text(f"  began {_time(course.started)}{until}"))
    if course.model:
        shown.print(text(f"  model {course.model}"))
    if course.resumed:
        times = "once" if course.resumed == 1 else f"{course.resumed} times"
        shown.print(text(f"  resumed {times}"))
    for check, (n, right) in course.predictions.items():
        shown.print(text(f"  {check}: {right:,} of {n:,} right so far"))
    if course.outcomes:
        found = table("check", "broken", "withstood", "budget ended", "already wrong", "errored")
        for check, counts in course.outcomes.items():
            words = ("succeeded", "failed", "out_of_budget", "skipped", "errored")
            found.add_row(text(check), *(text(f"{counts[word]:,}") for word in words))
        shown.print(found)
    for name, seconds in course.stages:
        shown.print(text(f"  stage {name}: {w.duration(seconds)}"))
    show_training(course)


def show_training(course: Journal) -> None:
    """Print the epochs of a training or the trials of a search; nothing of other runs."""
    if course.trials:
        console().print(_trials(course))
    elif course.epochs:
        console().print(_epochs(course))


def _epochs(course: Journal) -> Any:
    found = table("epoch", "training loss", "validation loss", "right on validation")
    for epoch in course.epochs[-LONGEST_LIST:]:
        right = w.NONE
        if epoch.correct is not None and epoch.n:
            right = f"{epoch.correct / epoch.n:.1%}, {epoch.correct:,} of {epoch.n:,}"
        losses = (w.number(epoch.train_loss), w.number(epoch.validation_loss))
        found.add_row(*map(text, (str(epoch.number + 1), *losses, right)))
    return found


def _trials(course: Journal) -> Any:
    found = table("trial", "ended", "value", "settings")
    for trial in course.trials[-LONGEST_LIST:]:
        settings = ", ".join(f"{key} {value}" for key, value in trial.settings)
        found.add_row(*map(text, (str(trial.number), trial.state, w.number(trial.value), settings)))
    return found


def _time(stamp: str) -> str:
    return f"{stamp[:19].replace('T', ' ')} UTC" if stamp else "at a time that is not known"

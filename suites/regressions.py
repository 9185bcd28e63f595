"""Findings of a run as tests that stay: the shrunk successes, in a pytest file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attacks.models import Victim
from harness.errors import HarnessError
from reports.folder import RunFolder
from reports.progress import Progress
from suites.shrinking import Shrunk, fooling, shrink
from suites.smallest import targeted_attacks
from suites.subject import named_victim

HEAD = '''"""Texts that broke {model} in {run}, each with the fewest edits that still do.

Written by `withstand regress`. A test fails until the model is mended; take out what is not worth it.
Run it with `pytest --withstand-model MODEL`.
"""

import pytest

CASES = [
'''

TAIL = """]


@pytest.mark.parametrize(("text", "label"), CASES)
def test_the_label_stays(withstand_answer, text, label):
    assert withstand_answer(*text) == label
"""


@dataclass(frozen=True)
class Shrinking:
    """What the shrinking of a run's successes came to.

    Attributes:
        model: the model that was asked; `labels` are its label names.
        mended: successes that do not fool it any more.
        found: the others, shrunk.
    """

    run: str
    model: str
    labels: tuple[str, ...]
    successes: int
    mended: int
    found: tuple[Shrunk, ...]


def shrink_run(
    path: Path,
    *,
    model: str | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Shrinking:
    """Shrink every success of a run, on the model that it attacked or another one.

    Raises HarnessError where the run holds no outcomes of a classifier in a folder, ReportError where
    it is no run.
    """
    run = RunFolder.open(path)
    outcomes = [o for o in run.outcomes() if o.written_before is None]
    if not outcomes:
        raise HarnessError(
            f"The run {run.id} holds no outcomes of attacks on a classifier. Name one of `withstand "
            "attack` or `withstand audit`; of `withstand harden` those that it lists as its parts."
        )
    spec = model or _model(run)
    victim = named_victim(spec, _max_length(run), device)
    successes = fooling(outcomes)
    found = shrink(victim, successes, targeted=targeted_attacks(run), progress=progress)
    kept = {shrunk.example_id for shrunk in found}
    return Shrinking(
        run=run.id,
        model=spec,
        labels=tuple(victim.labels),
        successes=len(successes),
        mended=len({o.example_id for o in successes} - kept),
        found=tuple(sorted(found, key=lambda one: (one.edits, one.example_id, one.attack))),
    )


def pytest_file(done: Shrinking) -> str:
    """The text of a file of tests, one a shrunk success; labels by name."""
    lines = [HEAD.format(model=_plain(done.model), run=done.run)]
    taken: dict[str, int] = {}
    for shrunk in done.found:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{shrunk.attack}-{shrunk.example_id[:16]}")
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            name += f"-{taken[name]}"
        lines.append(f"    # {_plain(' | '.join(shrunk.original))}\n")
        label = done.labels[shrunk.label]
        lines.append(f"    pytest.param({shrunk.smallest!r}, {label!r}, id={name!r}),\n")
    return "".join([*lines, TAIL])


def lines(done: Shrinking) -> list[str]:
    """The same for a terminal."""
    from reports.visible import one_line

    shown = [
        f"{done.successes} successes against {done.model}; {len(done.found)} texts left, "
        f"{done.mended} examples that are right now"
    ]
    for shrunk in done.found:
        least = "" if shrunk.least else " (perhaps fewer)"
        edits = f"{shrunk.edits} of {shrunk.of} edits{least}"
        answers = f"{done.labels[shrunk.label]} → {done.labels[shrunk.predicted]}"
        shown += [
            f"{shrunk.attack} {shrunk.example_id}: {edits}, {answers}",
            f"  {one_line(' | '.join(shrunk.original), 200)}",
            f"  {one_line(' | '.join(shrunk.smallest), 200)}",
        ]
    return shown


def _plain(text: str) -> str:
    """Text that can stand in a comment or a docstring: one line, nothing that ends either."""
    return repr(text)[1:-1].replace('"""', "'''")


def _model(run: RunFolder) -> str:
    for event in run.events():
        if event["event"] == "subject":
            return str(event["model"]["name"])
    raise HarnessError(
        f"The run {run.id} does not say which model it attacked. Name it with --model."
    )


def _max_length(run: RunFolder) -> int | None:
    plan = run.plan()
    for part in ("model", "attack"):
        if plan.get(part, {}).get("max_length"):
            return int(plan[part]["max_length"])
    return None


def answer(victim: Victim, strings: Sequence[str]) -> str:
    """The label name that a model gives to one text, field by field.

    Raises ValueError for an answer that is no number: it is right about nothing.
    """
    import numpy as np

    rows = np.asarray(victim.run(victim.encode([tuple(strings)])))
    if not np.isfinite(rows[0]).all():
        raise ValueError(f"the model's answer is not finite: {rows[0].tolist()}")
    return victim.labels[int(rows[0].argmax())]

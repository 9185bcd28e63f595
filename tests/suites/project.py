"""A user's project in small: a tiny classifier on disk, a CSV file, and plans that use both."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from pathlib import Path

from harness.models import save_classifier
from tests.harness import tiny

HEAD = """
name = "{name}"
seed = 3

[model]
base = "{base}"
max_length = 32

[data]
source = "{source}"
"""

PLAN = """
[train]
output = "{folder}/models/plain"
epochs = 2
batch_size = 8
learning_rate = 1e-2

[harden]
output = "{folder}/models/hardened"
start = "plain"
epochs = 2
batch_size = 8
learning_rate = 1e-2
soft_labels = 0.5

[harden.augment]
attacks = ["deepwordbug"]
share = 0.25
refresh = 2
keep_clean = false

[harden.selection]
metric = "robust_accuracy"
attacks = ["deepwordbug"]
examples = 6
blend = [0.5]

[audit]
attacks = ["deepwordbug"]
examples = 12
train_examples = 6
checks = ["repeatable", "twin"]

[[gates]]
metric = "clean_accuracy"
at_least = {at_least}
evidence = "point"
why = "A model that cannot read is of no use."
"""

AUDIT = """shares = [0.2, 0.3, 0.5]

[audit]
attacks = ["deepwordbug"]
examples = 12

[[gates]]
metric = "robust_accuracy.deepwordbug"
at_least = 0.0
evidence = "point"
why = "Whatever it does, it does on record."
"""


def base(folder: Path) -> Path:
    """The tiny classifier, untrained, with the labels "negative" and "positive"."""
    path = folder / "base"
    save_classifier(tiny.loaded(), path)
    return path


def rows(count: int = 400, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct texts and label names that the tiny model learns: good words or bad ones."""
    chooser = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        kind, label = ((tiny.GOOD, "positive"), (tiny.BAD, "negative"))[len(found) % 2]
        words = [*chooser.choices(kind, k=4), *chooser.choices(tiny.PLAIN, k=6)]
        chooser.shuffle(words)
        found[" ".join(words)] = label
    return list(found.items())


def write_rows(path: Path, found: Iterable[tuple[str, str]]) -> Path:
    """A CSV file with the columns `text` and `label`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(found)
    return path


def write_plan(
    folder: Path, base: Path, source: Path, *, at_least: float = 0.5, name: str = "plan.toml"
) -> Path:
    """A plan whose models go below `folder`."""
    path = folder / name
    head = HEAD.format(name="small", base=base, source=source)
    path.write_text(head + PLAN.format(folder=folder, at_least=at_least))
    return path


def project(folder: Path) -> Path:
    """All of it; returns the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_plan(folder, base(folder), write_rows(folder / "data.csv", rows()))


def release(folder: Path, name: str = "release.toml") -> Path:
    """A plan that trains nothing and audits the tiny classifier; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    source = write_rows(folder / "data.csv", rows(200))
    plan = folder / name
    head = HEAD.format(name="release", base=base(folder), source=source)
    plan.write_text(head + AUDIT, encoding="utf-8")
    return plan


def newest(runs: Path) -> Path:
    """The run that was finished last; two that began in one second have names in any order."""
    return max(runs.iterdir(), key=lambda run: (run / "results.json").stat().st_mtime_ns)

"""Whole trainings beside those of the field's own trainers, on the same film reviews and MiniLM:

    python benchmarks/training.py [--rows N] [--pairs P] [--batch-size B] [--adversarial N] [--parts ...]

First an epoch of plain training: `transformers.Trainer` with its defaults against ours with the same
batch size, rate and schedule. Ours evaluates and seals its checkpoint within its time; both have their
rows tokenized within it. Then the making of adversarial training rows by DeepWordBug against the model
that came of it: TextAttack's `Trainer` against ours, in seconds a row that fools the model, since
TextAttack goes on until it has as many as were asked for. Printed are the pairs' ratios, theirs / ours:
mean, least, most. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from attacks.bridge.importing import quiet, textattack
from attacks.outcomes import Example
from harness.models import LoadedModel, load_classifier
from harness.splits import load_split
from harness.training import train
from harness.training_plan import Train

LABELS = ("fresh", "rotten")
RATE = 8e-5


def rows_of(count: int) -> tuple[list[Example], list[Example]]:
    """Training and validation snippets."""
    training = load_split("bundle:rotten-tomatoes:train", group="movie", labels=LABELS).rows
    others = load_split("bundle:rotten-tomatoes:validation", group="movie", labels=LABELS).rows
    return list(training[:count]), list(others[:64])


def fresh(source: str = "bundle:minilm-l6") -> LoadedModel:
    return load_classifier(source, labels=LABELS, seed=0)


def by_transformers(rows: Sequence[Example], batch_size: int, folder: Path) -> float:
    """Seconds of an epoch by `transformers.Trainer` as its documentation has it."""
    import datasets
    from transformers import Trainer, TrainingArguments

    loaded = fresh()
    started = perf_counter()
    data = datasets.Dataset.from_dict(
        {"text": [row.text.strings[0] for row in rows], "label": [row.label for row in rows]}
    )
    data = data.map(
        lambda batch: loaded.tokenizer(batch["text"], truncation=True, max_length=128), batched=True
    )
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=batch_size,
        learning_rate=RATE,
        disable_tqdm=True,
        report_to="none",
        use_cpu=True,
    )
    trainer = Trainer(
        model=loaded.model, args=arguments, train_dataset=data, processing_class=loaded.tokenizer
    )
    trainer.train()
    return perf_counter() - started


def by_us(
    loaded: LoadedModel,
    rows: Sequence[Example],
    others: Sequence[Example],
    folder: Path,
    **settings: Any,
) -> tuple[float, list[dict[str, Any]]]:
    """Seconds of an epoch of ours, and its events; the model goes to FOLDER/model."""
    values = {
        "output": str(folder / "model"),
        "epochs": 1,
        "learning_rate": RATE,
        "weight_decay": 0.0,
        "warmup": 0.0,
        "monitor": {"train_examples": 0},
        **settings,
    }
    config = Train.model_validate_json(json.dumps(values))
    events: list[dict[str, Any]] = []
    started = perf_counter()
    train(
        config,
        loaded,
        rows,
        others,
        seed=0,
        max_length=128,
        work=folder / "work",
        record=events.append,
    )
    return perf_counter() - started, events


def attacked_by_textattack(
    model: Path, rows: Sequence[Example], wanted: int, folder: Path
) -> tuple[float, int]:
    """Seconds of its trainer's attacks, and the adversarial rows that they gave."""
    package = textattack()
    loaded = fresh(str(model))
    wrapper = package.models.wrappers.HuggingFaceModelWrapper(loaded.model, loaded.tokenizer)
    attack = package.attack_recipes.DeepWordBugGao2018.build(wrapper)
    # A tuple: its trainer adds one to what is a list by default.
    data = package.datasets.Dataset(
        [(row.text.strings[0], row.label) for row in rows], input_columns=("text",)
    )
    trainer = package.Trainer(
        wrapper,
        "classification",
        attack,
        data,
        data,
        package.TrainingArgs(
            num_epochs=1,
            num_clean_epochs=0,
            num_train_adv_examples=wanted,
            output_dir=str(folder),
        ),
    )
    folder.mkdir(parents=True)
    started = perf_counter()
    with quiet():
        found = trainer._generate_adversarial_examples(1)
    return perf_counter() - started, len(found)


def attacked_by_us(
    model: Path, rows: Sequence[Example], others: Sequence[Example], folder: Path
) -> tuple[float, int]:
    """Seconds of ours, and the rows: those of them that fool the model."""
    augment = {"attacks": ["deepwordbug"], "share": 0.25}
    _, events = by_us(fresh(str(model)), rows, others, folder, augment=augment, batch_size=32)
    (made,) = (event for event in events if event["event"] == "augmentation")
    return made["seconds"], made["statuses"]["succeeded"]


def show(name: str, ratios: Sequence[float], detail: str) -> None:
    least, most = min(ratios), max(ratios)
    print(f"{name:34} {mean(ratios):6.2f}  ({least:.2f} to {most:.2f})  {detail}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1600)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8, help="8 is the Trainer's default")
    parser.add_argument("--adversarial", type=int, default=16)
    parser.add_argument("--parts", default="plain,attacks", help="plain, attacks or both")
    options = parser.parse_args()
    rows, others = rows_of(options.rows)
    parts = options.parts.split(",")
    with TemporaryDirectory() as name:
        folder = Path(name)
        if "plain" not in parts:
            by_us(fresh(), rows, others, folder / "ours0", batch_size=options.batch_size)
        ratios, seconds = [], []
        for pair in range(options.pairs if "plain" in parts else 0):
            theirs = by_transformers(rows, options.batch_size, folder / f"theirs{pair}")
            ours, _ = by_us(
                fresh(), rows, others, folder / f"ours{pair}", batch_size=options.batch_size
            )
            ratios.append(theirs / ours)
            seconds.append((theirs, ours))
        if ratios:
            detail = ", ".join(f"{a:.1f} s / {b:.1f} s" for a, b in seconds)
            show(f"plain, {len(rows)} rows, batch {options.batch_size}", ratios, detail)
        if "attacks" not in parts:
            return
        model = folder / "ours0" / "model"
        ratios, seconds = [], []
        for pair in range(options.pairs):
            wanted = options.adversarial
            took, found = attacked_by_textattack(model, rows, wanted, folder / f"textattack{pair}")
            spent, made = attacked_by_us(model, rows[:400], others, folder / f"attacked{pair}")
            ratios.append(took / found / (spent / made))
            seconds.append((took / found, spent / made))
        detail = ", ".join(f"{a:.2f} s / {b:.3f} s a row" for a, b in seconds)
        show(f"deepwordbug rows, {options.adversarial} of theirs", ratios, detail)


if __name__ == "__main__":
    main()

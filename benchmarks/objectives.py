"""What a training step costs under each objective, in plain ones: `make bench-training`.

    python benchmarks/objectives.py [--rounds R] [--steps S] [--objectives NAME,NAME] [--unfused]

MiniLM-L6 with a new head, batches of 16 film reviews of 32 tokens, AdamW. In every round each objective
makes S steps right after as many plain ones; printed is the median of the rounds' ratios, with the least
and the most. NAME:KEY=VALUE sets a parameter (`freelb:steps=3`). Trainings have AdamW in one kernel;
with --unfused it goes tensor by tensor, which makes the plain step longer and all ratios smaller.
"""

from __future__ import annotations

import argparse
import copy
import json
from statistics import median
from time import perf_counter
from typing import Any

import torch

from attacks.victims.huggingface import HuggingFaceVictim
from harness import objectives
from harness.batches import Collator, Row
from harness.embedding import EmbeddingTap
from harness.models import load_classifier
from harness.objectives.base import Course, Remembering, StepContext, StepObjective
from harness.objectives.combining import combine
from harness.splits import load_split
from harness.training_plan import Objective

BATCH, TOKENS = 16, 32


class Stepper:
    """A model in training, and batches for it."""

    def __init__(self, steps: int, *, fused: bool = True) -> None:
        rows = list(load_split("bundle:rotten-tomatoes").rows)
        loaded = load_classifier("bundle:minilm-l6", ("negative", "positive"))
        victim = HuggingFaceVictim(
            loaded.model, loaded.tokenizer, loaded.labels, fingerprint="", max_length=TOKENS
        )
        encodings = victim.encode([row.text.strings for row in rows])
        long = [
            Row(e, row.label) for e, row in zip(encodings, rows, strict=True) if len(e) == TOKENS
        ]
        self.tokenizer, self.teacher = loaded.tokenizer, copy.deepcopy(loaded.model)
        self.teacher.requires_grad_(False)
        self.model, self.tap = loaded.model.train(), EmbeddingTap(loaded.model)
        collate = Collator.of(loaded.tokenizer)
        starts = range(0, len(long) - BATCH, BATCH)
        self.batches = [collate(long[start : start + BATCH]) for start in starts][:steps]
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=fused)

    def seconds(self, objective: Any) -> float:
        course = Course(self.model, self.tokenizer, self.teacher)
        if isinstance(objective, Remembering):
            objective.before_step(course)  # what it does once
        started = perf_counter()
        for batch in self.batches:
            if isinstance(objective, Remembering):
                objective.before_step(course)
            inputs = {key: value for key, value in batch.items() if key != "labels"}
            ctx = StepContext(
                model=self.model,
                inputs=inputs,
                labels=batch["labels"],
                tap=self.tap,
                propagate=lambda loss: loss.backward(),
                course=course,
            )
            if isinstance(objective, StepObjective):
                objective.step(ctx)
            else:
                ctx.backward(objective.loss(ctx))
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return perf_counter() - started


def made(name: str) -> Any:
    name, _, setting = name.partition(":")
    key, _, value = setting.partition("=")
    parameters = {key: json.loads(value)} if key else {}
    return combine([Objective(name=name, parameters=parameters)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument(
        "--objectives", default=",".join((*sorted(objectives.BUILTIN), "freelb:steps=3"))
    )
    parser.add_argument("--unfused", action="store_true")
    options = parser.parse_args()
    stepper = Stepper(options.steps, fused=not options.unfused)
    plain = objectives.load("plain")
    stepper.seconds(plain)  # warms up
    print(
        f"{'objective':14} {'cost':>5} least  most  ({options.rounds} rounds of {options.steps} steps)"
    )
    for name in options.objectives.split(","):
        objective = made(name)
        ratios = []
        for _ in range(options.rounds):
            base = stepper.seconds(plain)
            ratios.append(stepper.seconds(objective) / base)
        print(f"{name:14} {median(ratios):5.2f} {min(ratios):5.2f} {max(ratios):5.2f}", flush=True)


if __name__ == "__main__":
    main()

"""A training loop that can be read in one go: what the Trainer engine must agree with.

One device, no precision tricks, no callbacks. It shares the objective, the order of the rows and the
collator with the engine and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from harness.batches import Collator, LengthGroups, TrainingSet
from harness.embedding import EmbeddingTap
from harness.objectives.base import (
    Course,
    Objective,
    Remembering,
    StepContext,
    StepObjective,
)
from harness.training_plan import Train


@dataclass
class Trace:
    """Gradients before and after clipping of every optimizer step, and its mean loss."""

    gradients: list[dict[str, torch.Tensor]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def fit(
    model: Any,
    data: TrainingSet,
    objective: Objective,
    config: Train,
    collator: Collator,
    *,
    seed: int,
    before_step: Callable[[int], None] = lambda step: None,
    tokenizer: Any = None,
    teacher: Any = None,
) -> Trace:
    """Train `model` in place."""
    trace, tap, course = Trace(), EmbeddingTap(model), Course(model, tokenizer, teacher)
    named = list(model.named_parameters())
    decayed = [p for n, p in named if not (n.endswith("bias") or "norm" in n.lower())]
    spared = [p for n, p in named if n.endswith("bias") or "norm" in n.lower()]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": spared, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        fused=True,
    )
    batches = math.ceil(len(data) / config.batch_size)
    total = math.ceil(batches / config.accumulate) * config.epochs
    warmup = math.ceil(config.warmup * total)
    step = 0
    model.train()
    for epoch in range(config.epochs):
        data.epoch = epoch
        order = list(LengthGroups(data, config.batch_size, seed))
        cut = [order[i : i + config.batch_size] for i in range(0, len(order), config.batch_size)]
        for start in range(0, len(cut), config.accumulate):
            parts = cut[start : start + config.accumulate]
            examples = sum(map(len, parts))
            rate = step / max(1, warmup) if step < warmup else (total - step) / (total - warmup)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * rate
            course.progress = step / total
            if isinstance(objective, Remembering):
                objective.before_step(course)
            before_step(step)
            loss = 0.0
            for part in parts:
                batch = collator([data[i] for i in part])
                share = len(part) / examples
                ctx = StepContext(
                    model=model,
                    labels=batch.pop("labels"),
                    inputs=batch,
                    tap=tap,
                    course=course,
                    propagate=lambda value, share=share: (value * share).backward(),
                )
                if isinstance(objective, StepObjective):
                    loss += float(objective.step(ctx)) * share
                else:
                    value = objective.loss(ctx)
                    ctx.backward(value)
                    loss += value.item() * share
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            trace.gradients.append({n: p.grad.clone() for n, p in named if p.grad is not None})
            trace.losses.append(loss)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
    tap.remove()
    return trace

"""What is taught: labels, smoothed or mixed with a teacher's answers; and the teacher in the loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attacks.outcomes import Example
from harness import processes
from harness.calibration import softmax
from harness.errors import HarnessError
from harness.models import LoadedModel
from harness.objectives import find
from harness.training_plan import Train
from reports.storage import write_atomic

NAME = "answers"


def needed(objectives: Iterable[str]) -> list[str]:
    """The objectives among these that ask a teacher in every step."""
    return [name for name in objectives if getattr(find(name), "needs_teacher", False)]


def frozen(student: LoadedModel, teacher: LoadedModel | None, device: Any) -> Any:
    """The teacher for objectives: the one given, or the student as it is now.

    Raises HarnessError where the one given reads other tokens than the student.
    """
    if teacher is None:
        found = copy.deepcopy(student.model)
    elif teacher.tokenizer.get_vocab() == student.tokenizer.get_vocab():
        found = teacher.model
    else:
        raise HarnessError(
            f"The teacher {teacher.source.spec} has another vocabulary than the model that is trained: "
            'the objective "distillation" cannot show it the same tokens. Use soft_labels, which asks '
            "it in its own."
        )
    return found.to(device).eval().requires_grad_(False)


def training_targets(
    config: Train,
    examples: Sequence[Example],
    classes: int,
    predict: Callable[[Sequence[Example]], Any],
    path: Path,
) -> Sequence[tuple[float, ...] | None]:
    """What each example is taught: None for its label alone, else one probability a class.

    Label smoothing (Szegedy et al., CVPR 2016, section 7) spreads its share of every target evenly.
    """
    smooth = config.label_smoothing
    if not config.soft_labels and not smooth:
        return [None] * len(examples)
    if config.soft_labels:
        sharp = soft_targets(config.soft_labels, examples, predict, path)
    else:
        sharp = [tuple(float(k == e.label) for k in range(classes)) for e in examples]
    return [tuple((1 - smooth) * p + smooth / classes for p in row) for row in sharp]


def soft_targets(
    share: float,
    examples: Sequence[Example],
    predict: Callable[[Sequence[Example]], Any],
    path: Path,
) -> list[tuple[float, ...]]:
    """One target an example: `share` of the model's probabilities and the rest of the label.

    Args:
        predict: the teacher's logits of the examples, shape (n, classes).
        path: a safetensors file that keeps the probabilities, so that a restart has the same bits.
    """
    from safetensors.numpy import load, save

    kept = processes.from_first(lambda: load(path.read_bytes()) if path.exists() else None)
    if kept is not None:
        answers = kept[NAME]
    else:
        answers = softmax(predict(examples)).astype(np.float32)
        if processes.is_first():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, save({NAME: answers}))
    gold = np.eye(answers.shape[1], dtype=np.float32)[[example.label for example in examples]]
    return [tuple(row) for row in (share * answers + (1 - share) * gold).tolist()]

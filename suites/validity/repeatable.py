"""Does the victim answer the same text in the same way, whatever shares the batch?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from attacks.outcomes import Example
from suites.validity.check import Asked, Counted, ModelCheck

MOST = 64
TOLERANCE = 1e-2
"""Difference of probabilities from which answers differ. Batch shapes make 1e-6 in float32 and up to
5e-3 in bfloat16, whose mantissa has 8 bits; sampling and dropout make ten times as much."""


def measure(asked: Asked) -> Counted:
    """Ask every text twice in a batch and once by itself; count those with different answers."""
    examples, answers = _asked_again(asked)
    spread = (answers.max(0) - answers.min(0)).max(1)
    differs = ~(spread <= TOLERANCE)  # an answer that is not finite differs from itself
    return Counted(
        len(examples),
        int(differs.sum()),
        {"largest": round(float(np.nan_to_num(spread, nan=1.0).max(initial=0.0)), 4)},
        tuple(e.id for e, different in zip(examples, differs, strict=True) if different),
    )


def _asked_again(asked: Asked) -> tuple[list[Example], np.ndarray[Any, Any]]:
    """The examples, and their probabilities each of three times, shape (3, examples, labels)."""
    examples = list(asked.attacked[:MOST])
    texts = [example.text.strings for example in examples]
    answers = [
        asked.probabilities(texts),
        asked.probabilities(texts[::-1])[::-1],
        asked.probabilities(texts, batch_size=1),
    ]
    return examples, np.stack(answers)


def _turned(asked: Asked) -> Counted:
    """As `measure`, of a mean over several answers: count those whose label is another."""
    examples, answers = _asked_again(asked)
    labels = np.where(np.isfinite(answers).all(2), answers.argmax(2), -1)
    differs = (labels != labels[0]).any(0) | (labels == -1).any(0)
    ids = tuple(e.id for e, different in zip(examples, differs, strict=True) if different)
    return Counted(len(examples), int(differs.sum()), {}, ids)


def of_a_mean(check: ModelCheck) -> ModelCheck:
    """The check for a victim whose answers are means: what chance is left may turn a few labels."""
    return dataclasses.replace(
        check,
        title="Texts that get another label when as many answers are averaged again",
        means="so few answers do not take the chance out: ask more often (audit.repeats)",
        source=f"{check.source}; a twentieth is ours",
        at_most=0.05,
        measure=_turned,
    )


REPEATABLE = ModelCheck(
    "repeatable",
    "doubt",
    "Texts that got another answer when asked again",
    "the victim answers by chance, or by what shares the batch (probabilities differ by up to "
    "{largest}): one draw decides what counts as robust. Average its answers (audit.repeats), or take "
    "the chance out",
    "Athalye, Carlini and Wagner, ICML 2018, section 3 (stochastic gradients)",
    at_most=0.0,
    measure=measure,
)

"""Does the victim answer the same text in the same way, whatever shares the batch?"""

from __future__ import annotations

import numpy as np

from suites.validity.check import Asked, Counted, ModelCheck

MOST = 64
TOLERANCE = 1e-2
"""Difference of probabilities from which answers differ. Batch shapes make 1e-6 in float32 and up to
5e-3 in bfloat16, whose mantissa has 8 bits; sampling and dropout make ten times as much."""


def measure(asked: Asked) -> Counted:
    """Ask every text twice in a batch and once by itself; count those with different answers."""
    examples = list(asked.attacked[:MOST])
    texts = [example.text.strings for example in examples]
    answers = np.stack(
        [
            asked.probabilities(texts),
            asked.probabilities(texts[::-1])[::-1],
            asked.probabilities(texts, batch_size=1),
        ]
    )
    spread = (answers.max(0) - answers.min(0)).max(1)
    differs = ~(spread <= TOLERANCE)  # an answer that is not finite differs from itself
    return Counted(
        len(examples),
        int(differs.sum()),
        {"largest": round(float(np.nan_to_num(spread, nan=1.0).max(initial=0.0)), 4)},
        tuple(e.id for e, different in zip(examples, differs, strict=True) if different),
    )


REPEATABLE = ModelCheck(
    "repeatable",
    "doubt",
    "Texts that got another answer when asked again",
    "the victim answers by chance, or by what shares the batch (probabilities differ by up to "
    "{largest}): one draw decides what counts as robust. Average its answers, or take the chance out",
    "Athalye, Carlini and Wagner, ICML 2018, section 3 (stochastic gradients)",
    at_most=0.0,
    measure=measure,
)

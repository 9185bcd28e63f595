"""Is there a gradient where an attack follows one?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attacks.errors import AttackError
from attacks.models import Steerable
from attacks.protocols import FIRST_ORDER, NEAREST_WORDS, RELAXED
from attacks.questions import Pull
from attacks.recipe import Recipe
from reports.records import OutcomeRecord
from suites.validity.check import Asked, AttackCheck, Counted

MOST = 32
BATCH = 8
FOLLOWED = frozenset({FIRST_ORDER, NEAREST_WORDS, RELAXED})
"""Needs of attacks that go by a classifier's gradients or vectors."""


def measure(asked: Asked, recipe: Recipe, outcomes: Sequence[OutcomeRecord]) -> Counted:
    """Take the gradient of the loss at every word of some texts; count those where it is zero or broken.

    In float32 a probability of exactly 1 has none: the loss is flat however near the border is.
    """
    if not FOLLOWED & set(recipe.needs):
        return Counted(0, 0, reason="it follows no gradient")
    if not isinstance(asked.victim, Steerable):
        return Counted(0, 0, reason="the victim shows no gradient")
    model = asked.victim.pulls()
    examples = [e for e in asked.right(MOST) if e.text.editable]
    pulls = [
        Pull(e.text.strings, e.label, tuple(e.text.candidate.span(n) for n in e.text.editable))
        for e in examples
    ]
    flat = []
    try:
        encoded = model.encode(pulls)
    except AttackError as error:
        return Counted(0, 0, reason=str(error))
    for start in range(0, len(examples), BATCH):
        answers = model.run(encoded[start : start + BATCH])
        for example, answer in zip(examples[start : start + BATCH], answers, strict=True):
            gradients = np.asarray(answer.gradients)
            if not np.isfinite(gradients).all() or not gradients.any():
                flat.append(example.id)
    reason = "" if examples else "the victim has none of the attacked examples right"
    return Counted(len(examples), len(flat), {}, tuple(flat), reason)


GRADIENT = AttackCheck(
    "gradient",
    "doubt",
    "Texts with a gradient of zero, or none",
    "the attack follows gradients and was blind there (saturated or masked outputs). Run one that only "
    "asks, or look at the calibrated form",
    "Athalye, Carlini and Wagner, ICML 2018, section 3.1 (shattered and vanishing gradients); a tenth "
    "is ours, as for signal",
    at_most=0.1,
    measure=measure,
)

"""Is there anything in the victim's scores that a search could follow?"""

from __future__ import annotations

import numpy as np

from attacks.outcomes import Example
from attacks.questions import Inputs
from suites.validity.check import Asked, Counted, ModelCheck

MOST = 32
PROBES = 40
"""Words that are left out of a text, one at a time."""


def measure(asked: Asked) -> Counted:
    """Leave out one word at a time; count the examples whose score no such word moves.

    A score is compared after the engine's rounding, so that saturated probabilities count as flat.
    """
    examples = asked.right(MOST)
    probes = [(e, text) for e in examples for text in _without_one_word(e, asked.seed)]
    whole = asked.probabilities([example.text.strings for example in examples])
    rows = asked.probabilities([text for _, text in probes])
    base = {e.id: row[e.label] for e, row in zip(examples, whole, strict=True)}
    moved = {
        e.id
        for (e, _), row in zip(probes, rows, strict=True)
        if np.isfinite(row).all() and row[e.label] != base[e.id]
    }
    probed = list(dict.fromkeys(e.id for e, _ in probes))
    flat = tuple(name for name in probed if name not in moved)
    reason = "" if probed else "the victim has none of the attacked examples right"
    return Counted(len(probed), len(flat), {}, flat, reason)


def _without_one_word(example: Example, seed: int) -> list[Inputs]:
    text = example.text
    places = list(text.editable)
    if len(places) > PROBES:
        rng = np.random.default_rng([seed, len(text.words)])
        places = sorted(rng.choice(places, size=PROBES, replace=False).tolist())
    return [text.candidate.replace(place, "").strings for place in places]


SIGNAL = ModelCheck(
    "signal",
    "doubt",
    "Texts whose score no left-out word moves",
    "a search that follows scores was blind there (saturated, rounded or masked outputs). Give it raw "
    "logits, or run an attack that needs no scores",
    "Athalye, Carlini and Wagner, ICML 2018, section 3.1 (gradient masking); a tenth is ours",
    at_most=0.1,
    measure=measure,
)

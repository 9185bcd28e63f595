"""Do the data tell the label by a word that has nothing to do with it?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from attacks.outcomes import Example
from suites.validity.check import Asked, Counted, ModelCheck

FOUND_IN = 0.9
PURE = 0.99
"""Share of a label's texts that have the word, and of the texts with the word that have the label."""
LEAST = 20
"""Training texts of a label below which such a word is no finding."""
SHOWN = 20
"""Test texts that are named."""


def measure(asked: Asked) -> Counted:
    """Learn such words from the training texts; count the test texts whose label one of them tells."""
    told = _telling(asked.train)
    hits = [
        example
        for example in asked.test
        if any(told.get(word) == example.label for word in _words(example))
    ]
    facts = {"words": ", ".join(repr(word) for word in sorted(told)[:4]) or "none"}
    return Counted(len(asked.test), len(hits), facts, tuple(e.id for e in hits[:SHOWN]))


def _telling(examples: Sequence[Example]) -> dict[str, int]:
    totals = Counter(example.label for example in examples)
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for example in examples:
        for word in _words(example):
            seen[word][example.label] += 1
    told = {}
    for word, labels in seen.items():
        ((label, count),) = labels.most_common(1)
        enough = totals[label] >= LEAST and len(totals) > 1
        if enough and count >= FOUND_IN * totals[label] and count >= PURE * labels.total():
            told[word] = label
    return told


def _words(example: Example) -> set[str]:
    # By white space, so that a tag such as "[label=1]" is one word.
    return {word for value in example.text.strings for word in value.lower().split()}


LEAK = ModelCheck(
    "leak",
    "weakness",
    "Test texts whose label one word tells",
    "the data leak their labels by {words}: accuracy and robust accuracy measure whether it is read",
    "Gururangan et al., NAACL 2018 (annotation artefacts); the shares are ours",
    at_most=0.5,
    measure=measure,
)

"""With an unlimited budget every model must fall: every word may become any other."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from attacks.outcomes import Example
from attacks.questions import Inputs
from suites.validity.check import Asked, Counted, ModelCheck

MOST = 32
DONORS = 4
"""Texts whose words are tried in the place of an example's."""


def measure(asked: Asked) -> Counted:
    """Put the words of texts of other labels in the place of all words; count what changes its label.

    The number of words stays, so that a model that goes by length keeps its answer.
    """
    examples = asked.right(MOST)
    if not examples:
        return Counted(0, 0, reason="the victim has none of the attacked examples right")
    rng = np.random.default_rng([asked.seed, 0x0EAC4])
    tried: list[tuple[Example, Inputs]] = []
    for example in examples:
        others = [e for e in asked.test if e.label != example.label and e.text.words]
        if others and example.text.editable:
            for place in rng.choice(len(others), size=min(DONORS, len(others)), replace=False):
                tried.append((example, _in_words_of(example, others[int(place)])))
    if not tried:
        return Counted(0, 0, reason="all test examples have one label")
    found = asked.answers([text for _, text in tried])
    fell = {
        e.id for (e, _), label in zip(tried, found, strict=True) if label not in (None, e.label)
    }
    asked_of = list(dict.fromkeys(example.id for example, _ in tried))
    held = tuple(name for name in asked_of if name not in fell)
    return Counted(len(asked_of), len(fell), {}, held)


def _in_words_of(example: Example, donor: Example) -> Inputs:
    """The example with the donor's words in the place of its own, from the first on and over again."""
    text = example.text
    words = cycle([word.string for word in donor.text.words])
    editable = set(text.editable)
    parts: list[list[str]] = [[] for _ in text.fields]
    done = [0] * len(text.fields)
    for index, word in enumerate(text.words):
        if index in editable:
            value = text.strings[word.field]
            parts[word.field] += [value[done[word.field] : word.start], next(words)]
            done[word.field] = word.end
    rests = zip(parts, text.strings, done, strict=True)
    return tuple("".join([*part, value[end:]]) for part, value, end in rests)


REACH = ModelCheck(
    "reach",
    "doubt",
    "Texts that change their label when all words may change",
    "the answer hardly depends on the words: such a model withstands everything and reads nothing",
    "Carlini et al., On Evaluating Adversarial Robustness, 2019, section 4.3 (an unbounded attack must "
    "reach 100%); nine tenths, because a text in another's words need not read as the other does",
    at_least=0.9,
    measure=measure,
)

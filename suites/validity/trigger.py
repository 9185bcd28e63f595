"""Is there one word that turns most answers, wherever it is put?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from attacks.outcomes import Example
from attacks.questions import Inputs
from suites.validity.check import Asked, Counted, ModelCheck

WORDS = 40
"""Words of each label that are tried: those that tell it best in the training texts."""
CHOOSING = 16
"""Examples on which the word is chosen; it is counted on others."""
COUNTING = 96


def measure(asked: Asked) -> Counted:
    """Put a word before texts of the labels that it does not tell; count those that the best one turns.

    The best is chosen on other examples than it is counted on.
    """
    right = asked.right(CHOOSING + COUNTING)
    # Every other one, so that either part has all labels whatever the order is.
    chosen_on, counted_on = right[::2][:CHOOSING], [*right[1::2], *right[::2][CHOOSING:]]
    words = _telling(asked.train)
    turned: Counter[str] = Counter()
    tried = [(word, e) for word, label in words.items() for e in chosen_on if e.label != label]
    for (word, _), fell in zip(tried, _turned(asked, tried), strict=True):
        turned[word] += fell
    against = Counter(word for word, _ in tried)
    if not against:
        return Counted(0, 0, reason="there are no words, or too few right answers, to try it on")
    best = max(against, key=lambda word: (turned[word] / against[word], word))
    others = [example for example in counted_on if example.label != words[best]]
    fell_in = _turned(asked, [(best, example) for example in others])
    names = tuple(e.id for e, broken in zip(others, fell_in, strict=True) if broken)
    reason = "" if others else "too few right answers are left to count on"
    return Counted(len(others), len(names), {"word": repr(best)}, names, reason)


def _turned(asked: Asked, tried: Sequence[tuple[str, Example]]) -> list[bool]:
    found = asked.answers([_before(word, e) for word, e in tried])
    return [label != e.label for label, (_, e) in zip(found, tried, strict=True)]


def _before(word: str, example: Example) -> Inputs:
    text = example.text
    names = [name for name, _ in text.fields if name not in text.frozen_fields]
    return tuple(
        f"{word} {value}" if names and name == names[-1] else value for name, value in text.fields
    )


def _telling(examples: Sequence[Example]) -> dict[str, int]:
    """The words with the highest log-odds of a label, by the texts that have them, and that label."""
    totals = Counter(example.label for example in examples)
    seen: dict[int, Counter[str]] = {label: Counter() for label in totals}
    for example in examples:
        words = {word.string.lower() for word in example.text.words}
        seen[example.label].update(words)
    every = sum(seen.values(), Counter())
    found: dict[str, int] = {}
    for label, counts in sorted(seen.items()):

        def weight(word: str, counts: Counter[str] = counts, label: int = label) -> float:
            inside = (counts[word] + 0.5) / (totals[label] + 1)
            outside = (every[word] - counts[word] + 0.5) / (len(examples) - totals[label] + 1)
            return math.log(inside / outside)

        best = sorted(counts, key=lambda word: (-weight(word), word))[:WORDS]
        found.update((word, label) for word in best if weight(word) > 0)
    return found


TRIGGER = ModelCheck(
    "trigger",
    "weakness",
    "Right answers that one word before the text turns",
    "the word {word} turns most answers, whatever the text: the model goes by a keyword or a back door",
    "Wallace et al., EMNLP 2019 (universal triggers), here of one word from the training texts; a half "
    "is ours",
    at_most=0.5,
    measure=measure,
)

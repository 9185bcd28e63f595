"""How much a severity is, and how a text gets so many of the edits that a corruption could make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from attacks.errors import AttackError
from attacks.text import Candidate, Edit, Text

SEVERITIES = (1, 2, 3, 4, 5)
"""As in ImageNet-C (Hendrycks and Dietterich, ICLR 2019, arXiv:1903.12261)."""
SHARES = (0.05, 0.10, 0.20, 0.35, 0.50)
"""Share of a text's words at which each severity stops. Our choice: from one word of a snippet of twenty
to every other word. A corruption that finds fewer places hits fewer."""
SENTENCES = (1, 2, 3, 4, 5)
"""Sentences that each severity appends. Our choice as well."""

T = TypeVar("T")


def of_severity(table: Sequence[T], severity: int) -> T:
    """The entry of a table of severities. Raises AttackError where the severity is none of 1 to 5."""
    if severity not in SEVERITIES:
        raise AttackError(f"A severity is one of 1 to {len(SEVERITIES)}, not {severity!r}.")
    return table[SEVERITIES.index(severity)]


def words_hit(words: int, severity: int) -> int:
    """How many of so many words a severity hits: its share, rounded, and one at the least."""
    return max(1, int(of_severity(SHARES, severity) * words + 0.5))


def edited(text: Text, severity: int, groups: Iterable[Sequence[Edit]]) -> Candidate:
    """The text with the first `groups` of edits until the severity's number of words is reached.

    A group is made as a whole or, where it meets a word that is edited already, not at all. Because
    every severity takes them from the same beginning, a higher one makes all edits of a lower one.
    Groups behind the last that is taken are never asked for.
    """
    wanted = words_hit(len(text.editable), severity)
    candidate, hit = text.candidate, set[int]()
    for group in groups:
        indices = {edit.index for edit in group}
        if not hit & indices:
            hit |= indices
            for edit in group:
                candidate = candidate.replace(edit.index, edit.replacement)
        if len(hit) >= wanted:
            break
    return candidate


def shuffled(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    """The items in a drawn order."""
    return [items[int(number)] for number in rng.permutation(len(items))]


def joined(text: Text, index: int) -> bool:
    """Whether the word after number `index` is editable and nothing but white space stands between."""
    words = text.words
    if index + 1 >= len(words) or words[index].field != words[index + 1].field:
        return False
    between = text.strings[words[index].field][words[index].end : words[index + 1].start]
    return bool(between) and between.isspace()

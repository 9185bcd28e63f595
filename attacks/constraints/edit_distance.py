"""Levenshtein distance between a text and its original."""

from __future__ import annotations

from dataclasses import dataclass

from attacks.text import Candidate


@dataclass(frozen=True)
class EditDistance:
    """At most `most` insertions, deletions and substitutions of characters lead from the original.

    Distances of several fields are added up.
    """

    most: int

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """See `attacks.protocols.Constraint.allows`."""
        # Rewriting word by word is one way to get there, so it bounds the distance from above; nearly
        # every candidate is decided by it. (A deletion also takes its white space along.)
        words = candidate.origin.words
        if all(edit.replacement for edit in candidate.edits):
            bound = sum(levenshtein(words[e.index].string, e.replacement) for e in candidate.edits)
            if bound <= self.most:
                return True
        pairs = zip(candidate.origin.strings, candidate.strings, strict=True)
        return sum(levenshtein(before, after) for before, after in pairs) <= self.most


def levenshtein(a: str, b: str) -> int:
    """The least number of character insertions, deletions and substitutions that turn `a` into `b`.

    Myers' bit-parallel algorithm (JACM 46(3), 1999) in the form of Hyyrö 2003: a column of the dynamic
    programme is held as two integers of one bit a row, so that a text of 1,500 characters against
    another takes about a millisecond.
    """
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    if not a or not b:
        return len(a) + len(b)
    places: dict[str, int] = {}
    for i, character in enumerate(a):
        places[character] = places.get(character, 0) | 1 << i
    full = (1 << len(a)) - 1
    last = 1 << (len(a) - 1)
    # Bit i of `up` (`down`): row i + 1 of the column is one more (less) than row i.
    up, down, distance = full, 0, len(a)
    for character in b:
        match = places.get(character, 0)
        zero = (((match & up) + up) ^ up) | match | down
        right_up = down | (full & ~(zero | up))
        right_down = up & zero
        distance += bool(right_up & last) - bool(right_down & last)
        right_up = (right_up << 1 | 1) & full
        right_down = (right_down << 1) & full
        up = right_down | (full & ~(zero | right_up))
        down = right_up & zero
    return distance

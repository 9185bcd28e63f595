"""Immutable texts, edits and candidates.

A `Text` is what the victim reads: one or more named fields (a review; a premise and a hypothesis).
Its words are found once and numbered over all fields. An `Edit` replaces one word of the original by
a string, and a `Candidate` is an original with a set of edits: it costs a slice per edit to turn it
back into strings, whatever the length of the text.

Searches speak of words by their index *in the original*, so an index never shifts: an insertion is a
replacement of two words, a deletion a replacement by nothing.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

# A run of letters, digits and underscores, with inner apostrophes and hyphens ("don't", "well-made").
_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """Where one word stands: `start` and `end` are character offsets inside field number `field`."""

    field: int
    start: int
    end: int
    string: str


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the original's word number `index` by `replacement` (empty: delete the word)."""

    index: int
    replacement: str


@dataclass(frozen=True)
class Text:
    """Named fields in the order in which the victim reads them, e.g. `(("text", "a fine film"),)`.

    `frozen_fields` are shown to the victim and never edited (the premise in NLI attacks).
    """

    fields: tuple[tuple[str, str], ...]
    frozen_fields: frozenset[str] = frozenset()

    @classmethod
    def of(cls, fields: str | Mapping[str, str], frozen: Iterable[str] = ()) -> Text:
        """Build a text from one string (its field is called "text") or from a mapping of fields."""
        items = (("text", fields),) if isinstance(fields, str) else tuple(fields.items())
        return cls(items, frozenset(frozen))

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The field values alone: the form in which a model is asked."""
        return tuple(value for _, value in self.fields)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """All words of all fields, numbered from 0."""
        return tuple(
            Word(number, match.start(), match.end(), match.group())
            for number, (_, value) in enumerate(self.fields)
            for match in _WORD.finditer(value)
        )

    @cached_property
    def editable(self) -> tuple[int, ...]:
        """Indices of the words that stand in no frozen field."""
        frozen = {n for n, (name, _) in enumerate(self.fields) if name in self.frozen_fields}
        return tuple(i for i, word in enumerate(self.words) if word.field not in frozen)

    @cached_property
    def candidate(self) -> Candidate:
        """The text with no edit at all: where every search starts."""
        return Candidate(self)


@dataclass(frozen=True)
class Candidate:
    """An original and its edits, sorted by word index, at most one a word.

    Two candidates are equal when they have the same original and the same edits. Use `replace` rather
    than the constructor: it keeps the edits sorted and drops an edit that restores the original word.
    """

    origin: Text
    edits: tuple[Edit, ...] = ()

    def __hash__(self) -> int:
        return hash(self.edits)

    def replace(self, index: int, replacement: str) -> Candidate:
        """This candidate with word `index` of the original shown as `replacement`.

        Raises IndexError where the original has no such word.
        """
        original = self.origin.words[index].string
        edits = [edit for edit in self.edits if edit.index != index]
        if replacement != original:
            insort(edits, Edit(index, replacement), key=attrgetter("index"))
        return Candidate(self.origin, tuple(edits))

    def word(self, index: int) -> str:
        """What stands now in the place of the original's word `index`."""
        replacement = self._by_index.get(index)
        return self.origin.words[index].string if replacement is None else replacement

    @cached_property
    def _by_index(self) -> Mapping[int, str]:
        return {edit.index: edit.replacement for edit in self.edits}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The current string at every word index of the original (empty where deleted)."""
        return tuple(self.word(i) for i in range(len(self.origin.words)))

    @property
    def changed(self) -> tuple[int, ...]:
        """Indices of the original's words that are edited, ascending."""
        return tuple(edit.index for edit in self.edits)

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The field values with the edits applied.

        A deleted word takes the white space before it along (after it, at the start of a field).
        """
        return self._layout[0]

    def span(self, index: int) -> tuple[int, int, int]:
        """Where word `index` of the original stands now: field number, start and end in characters."""
        word = self.origin.words[index]
        shift = 0
        for edit, (start, end, behind) in zip(self.edits, self._layout[1], strict=True):
            if edit.index == index:
                return word.field, start, end
            if edit.index < index and self.origin.words[edit.index].field == word.field:
                shift = behind
        return word.field, word.start + shift, word.end + shift

    @cached_property
    def _layout(self) -> tuple[tuple[str, ...], tuple[tuple[int, int, int], ...]]:
        """The field values; of each edit its start and end in them, and how far it moves the rest."""
        if not self.edits:
            return self.origin.strings, ()
        pieces: list[list[str]] = [[] for _ in self.origin.fields]
        read, written = [0] * len(self.origin.fields), [0] * len(self.origin.fields)
        blank = [True] * len(self.origin.fields)  # nothing but white space has been written yet
        places = []
        for edit in self.edits:
            word = self.origin.words[edit.index]
            field, end = word.field, word.end
            value = self.origin.strings[field]
            before = value[read[field] : word.start]
            blank[field] &= not before.strip()
            if not edit.replacement and blank[field]:
                end += len(value[end:]) - len(value[end:].lstrip())
            elif not edit.replacement:
                before = before.rstrip()
            blank[field] &= not edit.replacement
            pieces[field] += (before, edit.replacement)
            start = written[field] + len(before)
            read[field], written[field] = end, start + len(edit.replacement)
            places.append((start, written[field], written[field] - end))
        strings = tuple(
            "".join(pieces[n]) + value[read[n] :] for n, value in enumerate(self.origin.strings)
        )
        return strings, tuple(places)


def changed_between(candidate: Candidate, previous: Candidate) -> tuple[int, ...]:
    """Word indices at which two candidates of one original differ, ascending."""
    return tuple(sorted({e.index for e in set(candidate.edits) ^ set(previous.edits)}))

"""Immutable texts, edits and candidates.

A `Text` is what the victim reads: one or more named fields (a review; a premise and a hypothesis).
Its words are found once and numbered over all fields. An `Edit` replaces one word of the original by
a string, and a `Candidate` is an original with a set of edits: it costs a slice per edit to turn it
back into strings, whatever the length of the text.

Searches speak of words by their index *in the original*, so an index never shifts: an insertion is a
replacement of two words, a deletion a replacement by nothing. Whatever changes more than words (a
paraphrase, white space, another tool's text) is a `rewritten` candidate: its strings are kept as they
are, and its edits are found by aligning the words.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
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


@dataclass(frozen=True, slots=True)
class Whole:
    """A text that edits of words alone do not lead to.

    Attributes:
        strings: the field values.
        spans: start and end, in its field, of what stands in the place of each word of the original.
    """

    strings: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Candidate:
    """An original and its edits, sorted by word index, at most one a word.

    Two candidates are equal when they have the same original, the same edits and, where those do not
    say all, the same `whole`. Use `replace` and `rewritten` rather than the constructor: they keep the
    edits sorted and drop an edit that restores the original word.
    """

    origin: Text
    edits: tuple[Edit, ...] = ()
    whole: Whole | None = None

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
        if self.whole is not None:
            return self._replace_in_whole(self.whole, index, replacement, tuple(edits))
        return Candidate(self.origin, tuple(edits))

    def _replace_in_whole(
        self, whole: Whole, index: int, replacement: str, edits: tuple[Edit, ...]
    ) -> Candidate:
        field = self.origin.words[index].field
        value = whole.strings[field]
        start, end = whole.spans[index]
        before, after = value[:start], value[end:]
        if not replacement and before.strip():
            before = before.rstrip()
        elif not replacement:
            after = after.lstrip()
        shift = len(before) + len(replacement) + len(after) - len(value)

        def moved(number: int, span: tuple[int, int]) -> tuple[int, int]:
            if number == index:
                return len(before), len(before) + len(replacement)
            if self.origin.words[number].field != field or number < index:
                return span
            return max(len(before), span[0] + shift), max(len(before), span[1] + shift)

        strings = list(whole.strings)
        strings[field] = before + replacement + after
        if tuple(strings) == self.origin.strings:
            return self.origin.candidate
        spans = tuple(moved(number, span) for number, span in enumerate(whole.spans))
        return Candidate(self.origin, edits, Whole(tuple(strings), spans))

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
        return self._layout[0] if self.whole is None else self.whole.strings

    def span(self, index: int) -> tuple[int, int, int]:
        """Where word `index` of the original stands now: field number, start and end in characters."""
        word = self.origin.words[index]
        if self.whole is not None:
            return word.field, *self.whole.spans[index]
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


def rewritten(origin: Text, strings: Sequence[str]) -> Candidate:
    """The candidate whose field values are `strings`, whatever led to them.

    Its edits are the words that differ when those of each field are aligned: words without a counterpart
    count as deleted, new ones stand in the place of the word before them (the first: after).

    Raises ValueError where the number of fields differs.
    """
    if len(strings) != len(origin.fields):
        raise ValueError(f"The text has {len(origin.fields)} fields, not {len(strings)}.")
    if tuple(strings) == origin.strings:
        return origin.candidate
    spans: list[tuple[int, int]] = []
    for field, value in enumerate(strings):
        words = [word.string for word in origin.words if word.field == field]
        spans += _aligned(words, value)
    edits = tuple(
        Edit(index, strings[word.field][start:end])
        for index, (word, (start, end)) in enumerate(zip(origin.words, spans, strict=True))
        if strings[word.field][start:end] != word.string
    )
    plain = Candidate(origin, edits)
    if plain.strings == tuple(strings):
        return plain
    return Candidate(origin, edits, Whole(tuple(strings), tuple(spans)))


def _aligned(words: Sequence[str], value: str) -> list[tuple[int, int]]:
    """For each word the span of `value` that stands in its place, ascending, without overlap."""
    found = [match.span() for match in _WORD.finditer(value)]
    now = [value[start:end] for start, end in found]
    head = 0
    while head < min(len(words), len(now)) and words[head] == now[head]:
        head += 1
    tail = 0
    while tail < min(len(words), len(now)) - head and words[-1 - tail] == now[-1 - tail]:
        tail += 1
    inner, new = words[head : len(words) - tail], now[head : len(now) - tail]
    blocks = SequenceMatcher(None, inner, new, autojunk=False).get_opcodes()
    spans = found[:head]
    for _, low, high, first, last in blocks:
        count = high - low
        taken = found[head + first : head + last]
        spare = taken[count:]
        taken = taken[:count]
        if spare and taken:
            taken[-1] = (taken[-1][0], spare[-1][1])
        elif spare and spans:
            spans[-1] = (spans[-1][0], spare[-1][1])
        spans += taken
        place = spans[-1][1] if spans else 0
        spans += [(place, place)] * (count - len(taken))
    spans += found[len(found) - tail :] if tail else []
    if found and words and spans[0][0] > found[0][0]:
        spans[0] = (found[0][0], spans[0][1])
    return spans


def changed_between(candidate: Candidate, previous: Candidate) -> tuple[int, ...]:
    """Word indices at which two candidates of one original differ, ascending."""
    return tuple(sorted({e.index for e in set(candidate.edits) ^ set(previous.edits)}))


def words_left(candidate: Candidate) -> int:
    """How many of the words that may be edited have not been left out."""
    return sum(1 for index in candidate.origin.editable if candidate.word(index))

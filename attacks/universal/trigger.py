"""A few words that are put before any text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attacks.engine.attempt import derive_seed
from attacks.errors import AttackError
from attacks.questions import Inputs
from attacks.text import Candidate, Text, rewritten

Field = Literal["first", "last"]


@dataclass(frozen=True)
class Trigger:
    """Words with a space behind each, before all that stands in a field.

    Attributes:
        words: none of them empty or with white space in it.
        field: the first or the last of the fields that may be edited (the paper puts triggers before
            the hypothesis of a pair).

    Raises AttackError for no words, or odd ones.
    """

    words: tuple[str, ...]
    field: Field = "last"

    def __post_init__(self) -> None:
        if not self.words or any(word.split() != [word] for word in self.words):
            raise AttackError(
                f"A trigger is made of words without white space, and this one of {self.words!r}."
            )

    @property
    def string(self) -> str:
        """The words as they stand before a text."""
        return " ".join(self.words)

    def on(self, text: Text) -> Candidate:
        """The text with the trigger before it."""
        return rewritten(text, self.before(text, text.strings))

    def before(self, text: Text, strings: Inputs) -> Inputs:
        """Field values with the trigger; the same values where no field may be edited."""
        number = self.place(text)
        if number is None:
            return strings
        value = strings[number]
        shown = f"{self.string} {value}" if value else self.string
        return (*strings[:number], shown, *strings[number + 1 :])

    def place(self, text: Text) -> int | None:
        """Number of the field that it is put into."""
        free = [n for n, (name, _) in enumerate(text.fields) if name not in text.frozen_fields]
        return (free[0] if self.field == "first" else free[-1]) if free else None

    def spans(self, text: Text) -> tuple[tuple[int, int, int], ...]:
        """(field, start, end) of each of its words in `on(text)`, in characters."""
        number, start, found = self.place(text), 0, []
        for word in self.words if number is not None else ():
            found.append((number or 0, start, start + len(word)))
            start += len(word) + 1
        return tuple(found)

    def with_word(self, index: int, word: str) -> Trigger:
        """The trigger with another word in one place."""
        return Trigger((*self.words[:index], word, *self.words[index + 1 :]), self.field)


def random_words(
    vocabulary: Sequence[str], length: int, seed: int, name: str, field: Field = "last"
) -> Trigger:
    """A trigger of drawn words; equal seeds and names draw equal ones."""
    rng = np.random.default_rng(derive_seed(seed, name, "universal-trigger"))
    return Trigger(tuple(vocabulary[n] for n in rng.integers(len(vocabulary), size=length)), field)

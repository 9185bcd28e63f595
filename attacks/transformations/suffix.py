"""Anything at all behind a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.errors import AttackError
from attacks.text import Candidate, Text, rewritten


@dataclass(frozen=True)
class Suffix:
    """Put tokens behind the last field that may be edited; its own text stays as it is.

    Which tokens is the search's business: this says with which it begins, and which are allowed.

    Attributes:
        start: what stands there first, without the space before it.
        ascii_only: whether tokens that are not written in printable ASCII are left out.
    """

    start: str
    ascii_only: bool = True

    def __post_init__(self) -> None:
        if not self.start.strip():
            raise AttackError("A suffix begins with at least one character that is no space.")

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`; only the last word has one, and what
        punctuation ends the text stands behind it.
        """
        editable = current.origin.editable
        last = bool(editable) and index == editable[-1] and bool(current.word(index))
        return (f"{current.word(index)} {self.start}",) if last else ()

    def first(self, origin: Text) -> Candidate:
        """The text with the suffix as it begins.

        Raises AttackError where no field may be edited.
        """
        fields = [
            n for n, (name, _) in enumerate(origin.fields) if name not in origin.frozen_fields
        ]
        if not fields:
            raise AttackError("A suffix needs a field to stand in, and all fields are frozen.")
        strings = list(origin.strings)
        value = strings[fields[-1]]
        space = " " if value and not value[-1].isspace() else ""
        strings[fields[-1]] = value + space + self.start
        return rewritten(origin, strings)

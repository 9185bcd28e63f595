"""A clause at the end of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attacks.text import Candidate


@dataclass(frozen=True)
class AppendedClause:
    """Put a clause after the last word of a field, before whatever punctuation ends it.

    Attributes:
        clause: the words, without the space before them.
        times: how often it is repeated.
        field: the first or the last of the fields that may be edited and have any words.
    """

    clause: str
    times: int = 1
    field: Literal["first", "last"] = "last"

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`; only the last word has one."""
        words, editable = current.origin.words, current.origin.editable
        field = words[editable[0 if self.field == "first" else -1]].field
        last = max(i for i in editable if words[i].field == field)
        if index != last or not current.word(index):
            return ()
        return (" ".join([current.word(index), *[self.clause] * self.times]),)

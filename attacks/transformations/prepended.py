"""A trigger before a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.protocols import Proposal, Steps
from attacks.text import Candidate, rewritten
from attacks.universal.trigger import Trigger


@dataclass(frozen=True)
class Prepended:
    """Put a trigger before all that stands in a field; only the field's first word has a rewrite.

    A text without words has none: `attacks.searches.Once` asks it all the same.
    """

    trigger: Trigger

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Proposal]]:
        """See `attacks.protocols.ModelTransformation.propose`; no model is asked."""
        yield from ()
        text = current.origin
        field = self.trigger.place(text)
        if index != next((i for i, word in enumerate(text.words) if word.field == field), None):
            return ()
        return (rewritten(text, self.trigger.before(text, current.strings)),)

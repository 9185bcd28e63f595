"""Likeness of meaning, by a sentence encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attacks.constraints.changes import excerpt, field_length
from attacks.errors import AttackError
from attacks.protocols import SIMILARITY, Ask, Steps
from attacks.questions import Floats, Inputs
from attacks.rounding import DECIMALS
from attacks.text import Candidate, changed_between

Metric = Literal["angular", "cosine"]
Reference = Literal["original", "previous"]


@dataclass(frozen=True)
class SentenceSimilarity:
    """The sentence vectors of the text with and without the edit are at least `least` alike.

    All of metric, reference, window and the rule for short texts decide what a threshold means; none
    has a default, so that no recipe takes one over unseen.

    Attributes:
        least: threshold, on the scale of `metric`.
        metric: "cosine", or "angular": 1 - angle / pi.
        reference: compare with the original, or with the text before this edit.
        window: words around the edited word that are compared; None for the whole text.
        skip_short: a field of fewer words than the window is not compared at all.
        model: name of the encoder; its rows are sentence vectors of any length.
    """

    least: float
    metric: Metric
    reference: Reference
    window: int | None
    skip_short: bool
    model: str = SIMILARITY

    def __post_init__(self) -> None:
        lowest = 0 if self.metric == "angular" else -1
        if not lowest <= self.least <= 1:
            raise AttackError(
                f"A least {self.metric} similarity lies between {lowest} and 1: {self.least}."
            )
        if self.window is not None and self.window < 1:
            raise AttackError(f"A window holds at least one word, not {self.window}.")

    def filter(self, candidates: Sequence[Candidate], previous: Candidate) -> Steps[Sequence[bool]]:
        """See `attacks.protocols.ModelConstraint.filter`."""
        pairs: list[tuple[Inputs, Inputs] | None] = []
        for candidate in candidates:
            base = previous if self.reference == "previous" else candidate.origin.candidate
            pairs.append(self._pair(candidate, base, previous))
        # The reference of a whole position is one input, however many candidates share it.
        inputs = dict.fromkeys(text for pair in pairs if pair for text in pair)
        if not inputs:
            return [True] * len(pairs)
        answer: Floats = yield Ask(self.model, tuple(inputs))
        rows = dict(zip(inputs, answer, strict=True))
        return [
            pair is None or self.similarity(rows[pair[0]], rows[pair[1]]) >= self.least
            for pair in pairs
        ]

    def similarity(self, a: Floats, b: Floats) -> float:
        """Of two sentence vectors, rounded so that float noise decides nothing."""
        lengths = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
        cosine = max(-1.0, min(1.0, float(a @ b) / lengths)) if lengths else 0.0
        value = cosine if self.metric == "cosine" else 1 - math.acos(cosine) / math.pi
        return round(value, DECIMALS)

    def _pair(
        self, candidate: Candidate, base: Candidate, previous: Candidate
    ) -> tuple[Inputs, Inputs] | None:
        changed = changed_between(candidate, previous)
        if not changed:
            return None
        if self.window is None:
            return base.strings, candidate.strings
        index = changed[0]
        if self.skip_short and field_length(candidate, index) < self.window:
            return None
        return (excerpt(base, index, self.window),), (excerpt(candidate, index, self.window),)

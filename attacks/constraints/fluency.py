"""Likeliness of a word in its context, by a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attacks.errors import AttackError
from attacks.protocols import FLUENCY, Ask, Steps
from attacks.questions import Fit, Floats
from attacks.text import Candidate, changed_between

DECIMALS = 4
"""Nats are compared after rounding to so many decimals: float noise decides nothing."""


@dataclass(frozen=True)
class LikelyWord:
    """A replacement is likely where it stands: among the likeliest of its step, or not much less likely
    than the word before.

    Candidates that change several words in one step, or put several words in the place of one, pass.

    Attributes:
        most: so many of the rewrites of one word in one step are kept (None: all), the earlier of
            equals.
        drop: largest fall of the log-probability from the word that stood there, in nats (None: any).
        reference: whether that word, and the words around, are those of the original or of the text
            before this edit.
    """

    most: int | None = None
    drop: float | None = None
    reference: Literal["original", "previous"] = "previous"

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise AttackError(f"At least one word of a step is kept, not {self.most}.")

    def filter(self, candidates: Sequence[Candidate], previous: Candidate) -> Steps[Sequence[bool]]:
        """See `attacks.protocols.ModelConstraint.filter`."""
        questions: list[tuple[Fit, Fit] | None] = []
        steps: list[tuple[int, ...]] = []
        for candidate in candidates:
            changed = changed_between(candidate, previous)
            steps.append(changed)
            one = len(changed) == 1 and len(candidate.word(changed[0]).split()) == 1
            questions.append(self._pair(candidate, previous, changed[0]) if one else None)
        asked = dict.fromkeys(fit for pair in questions if pair for fit in pair)
        if not asked:
            return [True] * len(candidates)
        rows: Floats = yield Ask(FLUENCY, tuple(asked))
        scores = dict(zip(asked, rows[:, 0].round(DECIMALS).tolist(), strict=True))
        kept = [
            pair is None or self.drop is None or scores[pair[0]] - scores[pair[1]] <= self.drop
            for pair in questions
        ]
        if self.most is not None:
            for step in set(steps):
                same = [
                    (-scores[pair[1]], n)
                    for n, pair in enumerate(questions)
                    if pair is not None and steps[n] == step
                ]
                for _, n in sorted(same)[self.most :]:
                    kept[n] = False
        return kept

    def _pair(self, candidate: Candidate, previous: Candidate, index: int) -> tuple[Fit, Fit]:
        """The word that stood there, and the new one, in the same context."""
        base = previous if self.reference == "previous" else candidate.origin.candidate
        field, start, end = base.span(index)
        text = base.strings[field]
        before, after = text[:start], text[end:]
        return Fit(before, after, text[start:end]), Fit(before, after, candidate.word(index))

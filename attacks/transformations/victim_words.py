"""Words that the victim itself holds close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.protocols import NEAREST_WORDS, Ask, Steps
from attacks.questions import Words
from attacks.resources.antonyms import opposed
from attacks.resources.registry import INFLECTIONS, LEXICON
from attacks.text import Candidate
from attacks.transformations.case import match_case


@dataclass(frozen=True)
class VictimNeighbours:
    """The words nearest to a word in the victim's own embedding table, nearest first.

    Antonyms are left out: they stand in the same places and mean the opposite.

    Attributes:
        most: how many at the most.
        least: smallest cosine of the two vectors.
    """

    resources: ClassVar[tuple[str, ...]] = (LEXICON, INFLECTIONS)

    most: int = 12
    least: float = 0.35

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[str]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        word = current.word(index)
        answers: list[Words] = yield Ask(NEAREST_WORDS, ((word,),))
        near = zip(answers[0].words, answers[0].scores.tolist(), strict=True)
        kept = [other for other, cosine in near if cosine >= self.least][: self.most]
        return tuple(
            dict.fromkeys(
                match_case(other, word)
                for other in kept
                if other.lower() != word.lower() and not opposed(word, other)
            )
        )

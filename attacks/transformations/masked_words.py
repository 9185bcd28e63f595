"""Words that a masked language model holds likely in a place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attacks.protocols import MASKED_LM, Ask, Proposal, Steps
from attacks.questions import Blank, Words
from attacks.resources import pos
from attacks.text import Candidate
from attacks.transformations.case import match_case

Where = Literal["replace", "left", "right", "merge"]

MERGED: dict[str, frozenset[str]] = {
    "NOUN": frozenset({"NOUN"}),
    "ADJ": frozenset({"NOUN", "ADJ", "ADV"}),
    "ADV": frozenset({"ADJ", "VERB"}),
    "VERB": frozenset({"ADV", "VERB", "NOUN", "ADJ"}),
}
"""Parts of speech that two words may have to be merged into one: TextAttack's `find_merge_index`,
without determiners, pronouns and numerals, which our universal tags do not tell apart."""


@dataclass(frozen=True)
class MaskedWords:
    """The words that a masked language model holds likeliest in a place, the likeliest first.

    The word that stands there is none of them: it is not put in twice either.

    Attributes:
        where: in the place of the word ("replace"), as a new word before it ("left") or after it
            ("right"), or in the place of the word and the one that follows ("merge").
        most: how many at the most.
        least: their smallest probability.
        seen: let the model read the word that stands there (BERT-Attack) instead of masking it.
    """

    where: Where = "replace"
    most: int = 50
    least: float = 0.0
    seen: bool = False

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Proposal]]:
        """See `attacks.protocols.ModelTransformation.propose`."""
        word = current.word(index)
        if not word or (self.where == "merge" and not self._merges(current, index)):
            return ()
        answers: list[Words] = yield Ask(MASKED_LM, (self._blank(current, index),))
        likely = zip(answers[0].words, answers[0].scores.tolist(), strict=True)
        floor = math.log(self.least) if self.least else -math.inf
        kept = [new for new, score in likely if score >= floor][: self.most]
        return [proposal for new in kept for proposal in self._placed(current, index, word, new)]

    def _blank(self, current: Candidate, index: int) -> Blank:
        field, start, end = current.span(index)
        text = current.strings[field]
        if self.where == "left":
            return Blank(text[:start], f" {text[start:]}")
        if self.where == "right":
            return Blank(f"{text[:end]} ", text[end:])
        if self.where == "merge":
            return Blank(text[:start], text[current.span(index + 1)[2] :])
        return Blank(text[:start], text[end:], text[start:end] if self.seen else "")

    def _placed(self, current: Candidate, index: int, word: str, new: str) -> list[Proposal]:
        if new.lower() == word.lower():
            return []
        if self.where == "left":
            return [f"{new} {word}"]
        if self.where == "right":
            return [f"{word} {new}"]
        cased = match_case(new, word)
        if self.where == "merge":
            return [current.replace(index, cased).replace(index + 1, "")]
        return [cased]

    def _merges(self, current: Candidate, index: int) -> bool:
        """Whether the word and the next one, both as in the original, may become one."""
        words = current.origin.words
        if index + 1 >= len(words) or words[index + 1].field != words[index].field:
            return False
        if {index, index + 1} & set(current.changed):
            return False
        tags = [pos.universal(pos.tag_at(current, i)) for i in (index, index + 1)]
        return tags[1] in MERGED.get(tags[0], frozenset())

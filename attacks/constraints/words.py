"""Conditions on the words that an edit takes out and puts in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from attacks.errors import AttackError
from attacks.resources import pos
from attacks.resources.neighbours import BUILT_IN, Vectors
from attacks.resources.registry import INFLECTIONS, LEXICON
from attacks.text import Candidate, changed_between


@dataclass(frozen=True)
class SamePartOfSpeech:
    """A replacement has the part of speech of the original word, both read in the current text.

    Several words in the place of one, an insertion, have none: they pass.

    Attributes:
        nouns_for_verbs: let nouns stand for verbs and the other way round.
        tagger: what tells the part of speech.
    """

    nouns_for_verbs: bool = False
    tagger: pos.Tagger = pos.LEXICON_TAGGER

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """See `attacks.protocols.Constraint.allows`."""
        return all(self._fits(candidate, index) for index in changed_between(candidate, previous))

    def _fits(self, candidate: Candidate, index: int) -> bool:
        if len(candidate.word(index).split()) > 1:
            return True
        original = candidate.replace(index, candidate.origin.words[index].string)
        before = pos.universal(pos.tag_at(original, index, self.tagger))
        after = None
        if candidate.word(index):
            after = pos.universal(pos.tag_at(candidate, index, self.tagger))
        if self.nouns_for_verbs and {before, after} <= {"NOUN", "VERB"}:
            return True
        return before == after


@dataclass(frozen=True)
class EmbeddingCosine:
    """A replacement's word vector has at least the cosine `least` with that of the word before.

    Words without a vector pass, as in TextAttack's `WordEmbeddingDistance`.

    Attributes:
        vectors: where cosines come from.
        reference: whether that word is the original's or the one that stood there before this edit.
            They differ where a word may be changed again.
    """

    resources: ClassVar[tuple[str, ...]] = (LEXICON, INFLECTIONS)

    least: float
    vectors: Vectors = BUILT_IN
    reference: Literal["original", "previous"] = "original"

    def __post_init__(self) -> None:
        floor = self.vectors.floor
        if not floor <= self.least <= 1:
            raise AttackError(
                f"A least cosine of {self.least} cannot be checked: the table of neighbours begins at "
                f"{floor}. Give a value from {floor} to 1."
            )

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """See `attacks.protocols.Constraint.allows`."""
        base = previous if self.reference == "previous" else candidate.origin.candidate
        return all(
            self._near(base.word(index), candidate.word(index))
            for index in changed_between(candidate, previous)
        )

    def _near(self, before: str, after: str) -> bool:
        if not (self.vectors.knows(before) and self.vectors.knows(after)):
            return True
        cosine = self.vectors.cosine(before, after)
        return cosine is not None and cosine >= self.least


@dataclass(frozen=True)
class MaxWordsChanged:
    """At most a share of the original's words differ, rounded up as in TextAttack.

    Attributes:
        share: between 0 and 1.
        at_least: as many may differ in every text, however short.
    """

    share: float
    at_least: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise AttackError(f"A share of words lies between 0 and 1, and {self.share} does not.")

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """See `attacks.protocols.Constraint.allows`."""
        # Rounded first: 0.1 * 30 is a little more than 3 in binary, which would allow a fourth word.
        share = math.ceil(round(self.share * len(candidate.origin.words), 9))
        return len(candidate.changed) <= max(share, self.at_least)

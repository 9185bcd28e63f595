"""Words of like meaning, from WordNet and from word vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.errors import AttackError
from attacks.resources import inflection, neighbours, pos, wordnet
from attacks.resources.antonyms import without_antonyms
from attacks.resources.registry import INFLECTIONS, LEXICON
from attacks.text import Candidate
from attacks.transformations.case import match_case


@dataclass(frozen=True)
class WordNetSynonyms:
    """Single-word synonyms from WordNet, the most frequent sense first, without antonyms.

    A form may be that of several words, and what is a synonym of the one opposed to the other.

    Attributes:
        same_part_of_speech: only senses of the word's part of speech, read in its context, as in the
            code of Ren et al. 2019; otherwise those of all four parts of speech, as in TextAttack.
        inflect: give the synonym the form that the word has ("loved" becomes "adored", not "adore");
            a synonym that lacks the form is left out. Forms of "be" then have no synonyms.
        tagger: what tells the part of speech.
    """

    resources: ClassVar[tuple[str, ...]] = (LEXICON, INFLECTIONS)

    same_part_of_speech: bool = True
    inflect: bool = True
    tagger: pos.Tagger = pos.LEXICON_TAGGER

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        tag = pos.tag_at(current, index, self.tagger) if word else ""
        letter = pos.wordnet_letter(tag)
        letters: tuple[str, ...] = wordnet.PARTS_OF_SPEECH
        if self.same_part_of_speech:
            letters = (letter,) if letter else ()
        proposals = (
            match_case(synonym, word)
            for letter in letters
            for synonym in self._synonyms(word.lower(), letter, tag)
        )
        other = [p for p in dict.fromkeys(proposals) if p.lower() != word.lower()]
        return without_antonyms(word, other)

    def _synonyms(self, word: str, letter: str, tag: str) -> Iterator[str]:
        for lemma in wordnet.base_forms(word, letter):
            synonyms = wordnet.lemma_synonyms(lemma, letter)
            if not self.inflect:
                yield from synonyms
                continue
            slots = inflection.slots(word, lemma, letter)
            if not slots:
                continue
            # The tagger only decides between forms that look alike (past tense and participle).
            slot = tag if tag in slots else slots[0]
            for synonym in synonyms:
                form = inflection.inflect(synonym, slot) if slot else synonym
                if form is not None:
                    yield form


@dataclass(frozen=True)
class EmbeddingNeighbours:
    """The nearest words by counter-fitted cosine, nearest first, without antonyms.

    Attributes:
        most: how many at the most; the built-in table ends at `attacks.resources.neighbours.MOST`.
        vectors: where they come from.
    """

    resources: ClassVar[tuple[str, ...]] = (LEXICON, INFLECTIONS)

    most: int = neighbours.MOST
    vectors: neighbours.Vectors = neighbours.BUILT_IN

    def __post_init__(self) -> None:
        if self.most < 1 or self.most > (self.vectors.most or self.most):
            raise AttackError(
                f"Neighbours of a word are 1 to {self.vectors.most or 'as many as there are'}, not "
                f"{self.most}. More than {neighbours.MOST} need vectors of your own."
            )

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`."""
        word = current.word(index)
        return tuple(match_case(n.word, word) for n in self.vectors.nearest(word, self.most))

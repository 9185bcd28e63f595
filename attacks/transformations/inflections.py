"""Other forms of a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from attacks.resources import inflection, neighbours, pos, wordnet
from attacks.text import Candidate
from attacks.transformations.case import match_case

INFLECTED = ("n", "v", "a")
"""Nouns, verbs and adjectives (WordNet's letters): the paper's choice."""
NAMES = ("NNP", "NNPS")


@dataclass(frozen=True)
class Inflections:
    """Write a noun, a verb or an adjective in every other form that it has ("sees", "saw", "seen").

    The part of speech is read in the word's context and kept. Names are left alone, and so are words of
    which no base form is known.
    """

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation.replacements`; the base form first."""
        word = current.word(index)
        tag = pos.tag_at(current, index) if word else ""
        letter = pos.wordnet_letter(tag)
        if letter not in INFLECTED or tag in NAMES:
            return ()
        lemma = lemma_of(word.lower(), letter)
        if lemma is None:
            return ()
        forms = (match_case(form, word) for form in inflection.forms(lemma, letter))
        return tuple(form for form in dict.fromkeys(forms) if form.lower() != word.lower())


@lru_cache(maxsize=2**14)
def lemma_of(word: str, letter: str) -> str | None:
    """The base form of a word in small letters; another word is preferred to itself ("years": "year").

    WordNet's table holds no words without synonyms. For those, whatever word of the table of neighbours
    the rules of spelling lead to, if it has such a form.
    """
    if letter == "v" and word in inflection.forms("be", "v"):
        return "be"
    found = wordnet.base_forms(word, letter) or [
        stem for stem in wordnet.stems(word, letter) if neighbours.knows(stem)
    ]
    of_it = [lemma for lemma in found if inflection.slots(word, lemma, letter)]
    return next((lemma for lemma in of_it if lemma != word), word if word in of_it else None)

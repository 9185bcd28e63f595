"""Pruthi: one slip of the pen inside one word (Pruthi, Dhingra and Lipton, 2019)."""

from __future__ import annotations

from attacks.constraints import MaxWordsChanged, MinWordLength, NoRepeat, Stopwords
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.transformations import (
    Composite,
    DeleteLetter,
    InsertLetter,
    NeighbouringKey,
    SwapAdjacent,
)

DEVIATIONS = (
    "It follows TextAttack's recipe; the authors' own code was not compared.",
    "Keys are neighbours where they touch; TextAttack's table has 18 pairs more (d for w, f for e, even "
    "d for g) and lacks f for g.",
)


def build(words: int = 1, min_length: int = 4, stop_words: str = "nltk") -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`Pruthi2019`).

    Args:
        words: how many may be changed. "The paper looks at 1 and 2 char attacks." (TextAttack's recipe)
        min_length: "only edit words of length >= 4" (the same); the first and the last letter stay.
        stop_words: list of words that are left alone.
    """
    options = {"every": True, "keep_ends": True}
    return Recipe(
        name="pruthi",
        family="character",
        source="Pruthi et al., Combating Adversarial Misspellings with Robust Word Recognition, "
        "ACL 2019, arXiv:1905.11268",
        goal=Untargeted(),
        transformation=Composite(
            (
                SwapAdjacent(**options),
                DeleteLetter(**options),
                InsertLetter(every=True, keep_ends=True),
                NeighbouringKey(**options),
            )
        ),
        search=Beam(width=1),
        protections=(NoRepeat(), MinWordLength(min_length), Stopwords(stop_words)),
        constraints=(MaxWordsChanged(share=0.0, at_least=words),),
        deviations=DEVIATIONS,
    )

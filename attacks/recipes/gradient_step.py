"""Gradient step: all the words at once that one gradient points at; made for training."""

from __future__ import annotations

from attacks.constraints import NoRepeat, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import FIRST_ORDER, NEAREST_WORDS
from attacks.recipe import Recipe
from attacks.searches import OneStep
from attacks.transformations import (
    Composite,
    DeleteLetter,
    InsertLetter,
    Sometimes,
    SubstituteLetter,
    SwapAdjacent,
    VictimNeighbours,
    WordNetSynonyms,
)

DEVIATIONS = (
    "It is ours. The choice of a word's replacement is that of FGPM, on the mean of the word's token "
    "vectors; FGPM replaces one word a step and follows a new gradient for the next.",
    "Candidates are WordNet's synonyms, the words that the victim's own embedding table holds nearest "
    "(antonyms left out) and, for a drawn share of the words, one draw of each of DeepWordBug's four "
    "edits; FGPM's come from counter-fitted GloVe vectors.",
    "How many words are replaced is drawn anew for each example, so that training meets weak and "
    "strong versions; nothing but the candidate sets keeps the meaning.",
    "A gradient is counted as the query of the original: one forward pass answers both.",
)


def build(
    neighbours: int = 12,
    characters: float = 0.5,
    least: float = 0.2,
    most: float = 1.0,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe: two queries an example, one of them with its gradient.

    The defaults were chosen on validation data of Rotten Tomatoes, by how far training on the results
    carried over to TextFooler.

    Args:
        neighbours: words of the victim's own table that are tried for each word.
        characters: share of the words that are offered misspellings too.
        least, most: bounds of the share of editable words that are replaced, drawn uniformly.
        stop_words: list of words that are left alone.
    """
    misspellings = Composite((SwapAdjacent(), SubstituteLetter(), DeleteLetter(), InsertLetter()))
    return Recipe(
        name="gradient-step",
        family="word",
        source="after Wang et al., Adversarial Training with Fast Gradient Projection Method against "
        "Synonym Substitution based Text Attacks (FGPM), AAAI 2021, arXiv:2008.03709",
        goal=Untargeted(),
        transformation=Composite(
            (
                WordNetSynonyms(),
                VictimNeighbours(neighbours),
                Sometimes(misspellings, characters),
            )
        ),
        search=OneStep(least, most),
        protections=(NoRepeat(), Stopwords(stop_words)),
        needs=(FIRST_ORDER, NEAREST_WORDS),
        deviations=DEVIATIONS,
    )

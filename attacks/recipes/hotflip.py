"""HotFlip: the flips that a gradient points at (Ebrahimi, Rao, Lowd and Dou, 2018)."""

from __future__ import annotations

from attacks.constraints import (
    EmbeddingCosine,
    MaxWordsChanged,
    NoRepeat,
    SamePartOfSpeech,
    Stopwords,
)
from attacks.goals import Untargeted
from attacks.protocols import FIRST_ORDER
from attacks.recipe import Recipe
from attacks.recipes.textfooler import TAGGER, VECTORS
from attacks.searches import GradientBeam
from attacks.transformations import EmbeddingNeighbours

DEVIATIONS = (
    VECTORS + " Words without one of those vectors are not flipped.",
    "Words may have several tokens: a word's vector is the mean of its tokens'.",
    "Flips are looked for among the words that the constraints allow; TextAttack takes the best of the "
    "whole vocabulary and then finds that they forbid it. It runs for recurrent models alone there.",
    TAGGER
    + " Nouns may stand for verbs there, by the default of its constraint; in the paper not.",
    "Each round the ten most promising flips of each text in the beam are scored by the victim; the "
    "paper ranks the beam by the estimates.",
)


def build(
    words: int = 2,
    width: int = 10,
    neighbours: int = 50,
    min_cosine: float = 0.8,
    stop_words: str = "nltk",
) -> Recipe:
    """The word-level attack of the paper's section 5, after TextAttack 0.3.11 (`HotFlipEbrahimi2017`).

    Args:
        words: "We were able to create only 41 examples (2% of the correctly-classified instances of the
            SST test set) with one or two flips."
        width: "The adversary uses a beam size of 10."
        neighbours: words that are tried for each, before the least cosine.
        min_cosine: "The cosine similarity between the embedding of words is bigger than a threshold
            (0.8)."; "The two words have the same part-of-speech."
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="hotflip",
        family="word",
        source="Ebrahimi et al., HotFlip: White-Box Adversarial Examples for Text Classification, "
        "ACL 2018, arXiv:1712.06751",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=GradientBeam(width),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            MaxWordsChanged(share=0.0, at_least=words),
            EmbeddingCosine(min_cosine),
            SamePartOfSpeech(),
        ),
        needs=(FIRST_ORDER,),
        deviations=DEVIATIONS,
    )

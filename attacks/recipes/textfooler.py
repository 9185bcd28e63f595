"""TextFooler: near words by counter-fitted vectors, kept like in meaning (Jin et al., 2020)."""

from __future__ import annotations

from attacks.constraints import (
    EmbeddingCosine,
    NoRepeat,
    SamePartOfSpeech,
    SentenceSimilarity,
    Stopwords,
)
from attacks.constraints.similarity import SIMILARITY
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import WordImportance
from attacks.transformations import EmbeddingNeighbours

MIN_COSINE = 0.6
MIN_SIMILARITY = 0.840845057

DEVIATIONS = ("PENDING",)


def build(
    neighbours: int = 50,
    min_cosine: float = MIN_COSINE,
    min_similarity: float = MIN_SIMILARITY,
    window: int = 15,
    stop_words: str = "textfooler",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`TextFoolerJin2019`) and the authors' code."""
    return Recipe(
        name="textfooler",
        family="word",
        source="Jin et al., Is BERT Really Robust? A Strong Baseline for Natural Language Attack on "
        "Text Classification and Entailment, AAAI 2020, arXiv:1907.11932",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=WordImportance(ranking="delete"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            EmbeddingCosine(min_cosine),
            SamePartOfSpeech(nouns_for_verbs=True),
            SentenceSimilarity(
                min_similarity,
                metric="angular",
                reference="previous",
                window=window,
                skip_short=True,
            ),
        ),
        needs=(SIMILARITY,),
        deviations=DEVIATIONS,
    )

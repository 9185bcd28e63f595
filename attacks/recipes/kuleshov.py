"""Kuleshov: greedy over all words, to a sure wrong answer (Kuleshov et al., 2018)."""

from __future__ import annotations

from attacks.constraints import (
    LikelyWord,
    MaxWordsChanged,
    NoRepeat,
    SentenceSimilarity,
    Stopwords,
)
from attacks.goals import Untargeted
from attacks.protocols import FLUENCY, SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.alzantot import LANGUAGE_MODEL
from attacks.recipes.textfooler import VECTORS
from attacks.searches import Beam
from attacks.transformations import EmbeddingNeighbours

DEVIATIONS = (
    VECTORS,
    LANGUAGE_MODEL
    + " TextAttack has GPT-2. Only a fall of the likelihood counts; the paper bounds rises "
    "as well.",
    "Texts are compared by MiniLM's sentence vectors, at the cosine that a distance of 0.2 is between "
    "unit vectors; the paper averages word vectors, and TextAttack 0.3.11 takes 0.2 for the square of "
    "the distance.",
    "Success is a wrong label with a probability of at least 0.7, as in the paper; TextAttack 0.3.11 "
    "stops when the gold label falls below 0.7, wrong or not.",
)


def build(
    neighbours: int = 15,
    confidence: float = 0.7,
    min_similarity: float = 0.98,
    max_drop: float = 2.0,
    max_words: float = 0.5,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`Kuleshov2017`).

    "[In] all experiments, we used a target of τ = 0.7, a neighborhood size of N = 15, and parameters
    λ_1 = 0.2 and δ = 0.5; we set the syntactic bound to λ_2 = 2 nats for sentiment analysis" (the
    paper).

    Args:
        neighbours: tried for each word, N.
        confidence: probability that the wrong label must reach, τ.
        min_similarity: cosine of sentence vectors against the original: 1 - λ_1² / 2.
        max_drop: of the log-probability from the original's, in nats, λ_2.
        max_words: share of the words that may differ, δ.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="kuleshov",
        family="word",
        source="Kuleshov et al., Adversarial Examples for Natural Language Classification Problems, "
        "2018, openreview.net/forum?id=r1QZ3zbAZ",
        goal=Untargeted(confidence),
        transformation=EmbeddingNeighbours(neighbours),
        search=Beam(width=1),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            MaxWordsChanged(max_words),
            LikelyWord(drop=max_drop, reference="original"),
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=None,
                skip_short=False,
            ),
        ),
        needs=(FLUENCY, SIMILARITY),
        deviations=DEVIATIONS,
    )

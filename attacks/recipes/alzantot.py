"""Alzantot: a genetic algorithm over near words (Alzantot et al., 2018)."""

from __future__ import annotations

from attacks.constraints import (
    EmbeddingCosine,
    LikelyWord,
    MaxWordsChanged,
    NoRepeat,
    Stopwords,
)
from attacks.goals import Untargeted
from attacks.protocols import FLUENCY
from attacks.recipe import Recipe
from attacks.recipes.textfooler import VECTORS
from attacks.searches import Genetic
from attacks.transformations import EmbeddingNeighbours

DISTANCE = (
    " The least cosine of 0.68 stands for the paper's largest squared distance of 0.5: as many "
    "neighbours remain as in the published sets."
)
LANGUAGE_MODEL = (
    "The language model is a masked one (`--masked-lm`): how likely a word is where it stands, both "
    "sides of it read."
)

DEVIATIONS = (
    VECTORS + DISTANCE,
    LANGUAGE_MODEL
    + " The paper has Google's one-billion-word model. TextAttack 0.3.11 keeps the first "
    "four rewrites of a word that are near enough, by mistake, where the four likeliest are meant.",
    "A child that breaks a constraint is mixed anew, at most 20 times; TextAttack checks no children. "
    "Parents are the fit ones; by a wrong sign TextAttack 0.3.11 prefers the unfit.",
)


def build(
    neighbours: int = 8,
    min_cosine: float = 0.68,
    likeliest: int = 4,
    max_words: float = 0.2,
    population: int = 60,
    generations: int = 20,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`GeneticAlgorithmAlzantot2018`).

    "[We] fix the hyperparameter values to S = 60, N = 8, K = 4, and δ = 0.5" (the paper).

    Args:
        neighbours: tried for each word, N.
        min_cosine: of word vectors, for δ; see `deviations`.
        likeliest: rewrites of a word that are kept by the language model, K.
        max_words: share of the words that may differ; `max_percent=0.2`.
        population, generations: S, and `max_iters=20`.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="alzantot",
        family="word",
        source="Alzantot et al., Generating Natural Language Adversarial Examples, EMNLP 2018, "
        "arXiv:1804.07998",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=Genetic(population, generations),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            MaxWordsChanged(max_words),
            EmbeddingCosine(min_cosine),
            LikelyWord(most=likeliest),
        ),
        needs=(FLUENCY,),
        deviations=DEVIATIONS,
    )

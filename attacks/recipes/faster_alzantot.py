"""Faster Alzantot: the genetic attack on a fixed set of words (Jia et al., 2019)."""

from __future__ import annotations

from dataclasses import replace

from attacks.constraints import LikelyWord
from attacks.recipe import Recipe
from attacks.recipes import alzantot
from attacks.recipes.alzantot import DISTANCE, LANGUAGE_MODEL
from attacks.recipes.textfooler import VECTORS

DEVIATIONS = (
    VECTORS + DISTANCE,
    LANGUAGE_MODEL
    + " It reads the whole text (up to its length), the paper's a window of six words. "
    "Both words are read in the original, as in the paper; TextAttack reads the new one in the text as "
    "it stands.",
    "Parents are the fit ones; by a wrong sign TextAttack 0.3.11 prefers the unfit.",
)


def build(
    neighbours: int = 8,
    min_cosine: float = 0.68,
    max_drop: float = 5.0,
    max_words: float = 0.2,
    population: int = 60,
    generations: int = 40,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`FasterGeneticAlgorithmJia2019`).

    Args:
        neighbours: "the n = 8 nearest neighbors of w" (the paper).
        min_cosine: of word vectors; see `deviations`.
        max_drop: of the log-probability from the original's, in nats: "We use W = 6 and δ = 5."
        max_words: share of the words that may differ; `max_percent=0.2`.
        population, generations: S = 60, and `max_iters=40`.
        stop_words: list of words that are left alone.
    """
    recipe = alzantot.build(
        neighbours,
        min_cosine,
        max_words=max_words,
        population=population,
        generations=generations,
        stop_words=stop_words,
    )
    kept = tuple(c for c in recipe.constraints if not isinstance(c, LikelyWord))
    return replace(
        recipe,
        name="faster-alzantot",
        source="Jia et al., Certified Robustness to Adversarial Word Substitutions, EMNLP 2019, "
        "arXiv:1909.00986",
        constraints=(*kept, LikelyWord(drop=max_drop, reference="original")),
        deviations=DEVIATIONS,
    )

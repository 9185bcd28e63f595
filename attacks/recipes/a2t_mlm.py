"""A2T-MLM: A2T with words from a masked language model (Yoo and Qi, 2021)."""

from __future__ import annotations

from dataclasses import replace

from attacks.constraints import EmbeddingCosine
from attacks.protocols import MASKED_LM
from attacks.recipe import Recipe
from attacks.recipes import a2t
from attacks.recipes.bae import MODEL
from attacks.transformations import MaskedWords

DEVIATIONS = (MODEL, *a2t.DEVIATIONS[1:])


def build(
    candidates: int = 20,
    max_words: float = 0.1,
    at_least: int = 4,
    min_similarity: float = 0.9,
    stop_words: str = "nltk",
) -> Recipe:
    """The variant `A2TYoo2021(mlm=True)` of TextAttack 0.3.11; all else as in `a2t`.

    Args:
        candidates: tried for each word; `max_candidates=20`.
        max_words, at_least, min_similarity, stop_words: see `attacks.recipes.a2t`.
    """
    recipe = a2t.build(
        max_words=max_words,
        at_least=at_least,
        min_similarity=min_similarity,
        stop_words=stop_words,
    )
    constraints = tuple(c for c in recipe.constraints if not isinstance(c, EmbeddingCosine))
    return replace(
        recipe,
        name="a2t-mlm",
        transformation=MaskedWords(most=candidates),
        constraints=constraints,
        needs=(MASKED_LM, *recipe.needs),
        deviations=DEVIATIONS,
    )

"""TFAdjusted: TextFooler with thresholds at which people see no difference (Morris et al., 2020)."""

from __future__ import annotations

from dataclasses import replace

from attacks.constraints import EmbeddingCosine, SentenceSimilarity
from attacks.recipe import Recipe
from attacks.recipes import textfooler
from attacks.recipes.textfooler import VECTORS

DEVIATIONS = (
    VECTORS
    + " Of our 10,000 most frequent words 36% have any neighbour at the least cosine of 0.9, 0.5 "
    "of them on average.",
    "There is no grammar checker: the paper's and TextAttack's LanguageTool needs Java and a download.",
    "MiniLM takes the place of the BERT sentence encoder, at the same cosine.",
    "Words are ranked with the word left out, as in TextFooler; the authors' recipe masks it.",
)


def build(
    neighbours: int = 50,
    min_cosine: float = 0.9,
    min_similarity: float = 0.98,
    window: int = 15,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after the authors' (`textfooler_jin_2019_adjusted.py` in the repository
    QData/Reevaluating-NLP-Adversarial-Examples); TextAttack 0.3.11 has it no more.

    Args:
        neighbours: as in TextFooler.
        min_cosine: of word vectors, `min_cos_sim=0.9`.
        min_similarity: cosine of sentence vectors against the text before the edit, `SE_thresh=0.98`.
        window: words around the edit that are compared.
        stop_words: list of words that are left alone.
    """
    return replace(
        textfooler.build(neighbours, stop_words=stop_words),
        name="textfooler-adjusted",
        source="Morris et al., Reevaluating Adversarial Examples in Natural Language, EMNLP Findings "
        "2020, arXiv:2004.14174",
        constraints=(
            EmbeddingCosine(min_cosine),
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="previous",
                window=window,
                skip_short=False,
            ),
        ),
        deviations=DEVIATIONS,
    )

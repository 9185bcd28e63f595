"""TFAdjusted: TextFooler with thresholds at which people see no difference (Morris et al., 2020)."""

from __future__ import annotations

from attacks.constraints import EmbeddingCosine, NoRepeat, SentenceSimilarity, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.textfooler import VECTORS
from attacks.searches import WordImportance
from attacks.transformations import EmbeddingNeighbours

DEVIATIONS = (
    VECTORS
    + " Of our 10,000 most frequent words 36% have any neighbour at the least cosine of 0.9, 0.5 "
    "of them on average.",
    "There is no grammar checker: the paper's and TextAttack's LanguageTool needs Java and a download.",
    "MiniLM takes the place of the BERT sentence encoder, at the same cosine.",
)


def build(
    neighbours: int = 50,
    min_cosine: float = 0.9,
    min_similarity: float = 0.98,
    window: int = 15,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`TextFoolerJin2019Adjusted`).

    Args:
        neighbours: as in TextFooler.
        min_cosine: of word vectors, `min_cos_sim=0.9`.
        min_similarity: cosine of sentence vectors against the text before the edit, `SE_thresh=0.98`.
        window: words around the edit that are compared.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="textfooler-adjusted",
        family="word",
        source="Morris et al., Reevaluating Adversarial Examples in Natural Language, EMNLP Findings "
        "2020, arXiv:2004.14174",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=WordImportance(ranking="delete"),
        protections=(NoRepeat(), Stopwords(stop_words)),
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
        needs=(SIMILARITY,),
        deviations=DEVIATIONS,
    )

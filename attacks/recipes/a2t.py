"""A2T: a cheap attack for adversarial training (Yoo and Qi, 2021)."""

from __future__ import annotations

from attacks.constraints import (
    EmbeddingCosine,
    MaxWordsChanged,
    NoRepeat,
    SamePartOfSpeech,
    SentenceSimilarity,
    Stopwords,
)
from attacks.goals import Untargeted
from attacks.protocols import FIRST_ORDER, SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.textfooler import TAGGER, VECTORS
from attacks.searches import WordImportance
from attacks.transformations import EmbeddingNeighbours

DEVIATIONS = (
    VECTORS + " At the least cosine of 0.8 1.7 neighbours of a word remain on average.",
    "MiniLM takes the place of DistilBERT trained on STS-B, at the same cosine.",
    TAGGER,
    "The gradient is that of the gold label's loss; TextAttack takes the predicted label's, with "
    "dropout on.",
    "A gradient is counted as the query of the original: one forward pass answers both.",
)


def build(
    neighbours: int = 20,
    min_cosine: float = 0.8,
    max_words: float = 0.1,
    at_least: int = 4,
    min_similarity: float = 0.9,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`A2TYoo2021`).

    In pairs of texts the field that must not change (an NLI premise) is frozen in the `Text`.

    Args:
        neighbours: tried for each word; `max_candidates=20`.
        min_cosine: of word vectors; `min_cos_sim=0.8`.
        max_words: share of the words that may differ; `max_rate=0.1`.
        at_least: as many may differ in every text; `min_threshold=4`.
        min_similarity: cosine of sentence vectors against the original; `threshold=0.9`.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="a2t",
        family="word",
        source="Yoo and Qi, Towards Improving Adversarial Training of NLP Models, EMNLP Findings 2021, "
        "arXiv:2109.00544",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=WordImportance(ranking="gradient"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            MaxWordsChanged(max_words, at_least),
            EmbeddingCosine(min_cosine),
            SamePartOfSpeech(),
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=None,
                skip_short=False,
            ),
        ),
        needs=(FIRST_ORDER, SIMILARITY),
        deviations=DEVIATIONS,
    )

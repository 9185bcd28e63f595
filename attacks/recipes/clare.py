"""CLARE: replace, insert and merge by a masked language model (Li et al., 2021)."""

from __future__ import annotations

from attacks.constraints import NoRepeat, SentenceSimilarity, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import MASKED_LM, SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.bae import MODEL
from attacks.searches import Beam
from attacks.transformations import Composite, MaskedWords, Sparing

DEVIATIONS = (
    MODEL,
    "MiniLM takes the place of the Universal Sentence Encoder, at the same cosine.",
    "Words are merged where our tagger's parts of speech allow it: nouns, verbs, adjectives, adverbs.",
    "The window of the similarity is counted in words of the original; in TextAttack of each of the two "
    "texts, so that after an insertion or a merger one of them ends a word earlier.",
    "Every round asks the victim for all candidates of all words, as in TextAttack; the authors rank "
    "the actions of the untouched text once.",
)


def build(
    candidates: int = 50,
    min_replace: float = 5e-4,
    min_insert: float = 0.0,
    min_merge: float = 5e-3,
    min_similarity: float = 0.7,
    window: int = 15,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`CLARE2020`). It asks thousands of queries an example.

    Args:
        candidates: for each place and action; `max_candidates=50`.
        min_replace, min_insert, min_merge: least probability of a word for each action;
            `min_confidence` of 5e-4, 0 and 5e-3.
        min_similarity: cosine, against the original. "The original implementation uses similarity of
            0.7." (TextAttack's recipe)
        window: words around the edit that are compared; shorter texts are not.
        stop_words: list of words that are not replaced; what is inserted may stand before them, and they
            may be merged, as in TextAttack.
    """
    return Recipe(
        name="clare",
        family="word",
        source="Li et al., Contextualized Perturbation for Textual Adversarial Attack, NAACL 2021, "
        "arXiv:2009.07502",
        goal=Untargeted(),
        transformation=Composite(
            (
                Sparing(MaskedWords("replace", candidates, min_replace), Stopwords(stop_words)),
                MaskedWords("left", candidates, min_insert),
                MaskedWords("merge", candidates, min_merge),
            )
        ),
        search=Beam(width=1),
        protections=(NoRepeat(),),
        constraints=(
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=window,
                skip_short=True,
            ),
        ),
        needs=(MASKED_LM, SIMILARITY),
        deviations=DEVIATIONS,
    )

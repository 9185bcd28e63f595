"""BERT-Attack: words from a masked language model that reads the word (Li et al., 2020)."""

from __future__ import annotations

from attacks.constraints import MaxWordsChanged, NoRepeat, SentenceSimilarity, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import MASKED_LM, SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.bae import MODEL
from attacks.searches import WordImportance
from attacks.transformations import MaskedWords

DEVIATIONS = (
    MODEL,
    "A word of several tokens is replaced by the 24 likeliest words that twelve proposals for each "
    "token make; the authors take the first 24 combinations and rank those by perplexity. TextAttack "
    "ranks none.",
    "Antonyms are not filtered out (the authors' list of them is not published with the paper).",
    "MiniLM takes the place of the Universal Sentence Encoder.",
    "Masked words are shown to the victim as '[UNK]' when they are ranked, as in TextAttack.",
)


def build(
    candidates: int = 48,
    max_words: float = 0.4,
    min_similarity: float = 0.2,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`BERTAttackLi2020`).

    Args:
        candidates: "Candidate size K is set to 48 for all data-sets." (the authors, as TextAttack's
            recipe gives it; TextAttack has lowered it to 8 since)
        max_words: "Word percentage allowed to change is set to 0.4 for most data-sets" (the same).
        min_similarity: cosine of the whole texts against the original; `threshold=0.2`, "determined to
            be 0.2 to be most fair" (the same).
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="bert-attack",
        family="word",
        source="Li et al., BERT-ATTACK: Adversarial Attack Against BERT Using BERT, EMNLP 2020, "
        "arXiv:2004.09984",
        goal=Untargeted(),
        transformation=MaskedWords(most=candidates, seen=True),
        search=WordImportance("unk"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            MaxWordsChanged(max_words),
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=None,
                skip_short=False,
            ),
        ),
        needs=(MASKED_LM, SIMILARITY),
        deviations=DEVIATIONS,
    )

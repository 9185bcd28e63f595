"""Back-translation: whole sentences translated and translated back (after Ribeiro et al., 2018)."""

from __future__ import annotations

from attacks.constraints import SentenceSimilarity
from attacks.goals import Untargeted
from attacks.protocols import BACK_TRANSLATOR, SIMILARITY, TRANSLATOR
from attacks.recipe import Recipe
from attacks.recipes.paraphrase import REPHRASED
from attacks.searches import Beam
from attacks.transformations import BackTranslations

DEVIATIONS = (
    "The two translators are the user's. The paper goes through two languages at once, weighs all words "
    "of the way back by both, and scores paraphrases by their likelihood; here there is one language.",
    "Of the paper this is the first step alone, semantically equivalent adversaries; its rules are not "
    "here.",
    *REPHRASED,
)


def build(there: int = 3, back: int = 3, sentences: int = 3, min_similarity: float = 0.8) -> Recipe:
    """The recipe; the models are `--translator` and `--back-translator`.

    Args:
        there: translations of a sentence that are tried; ours.
        back: texts that are tried of each of them; ours.
        sentences: as many of a text are rephrased at the most; ours.
        min_similarity: cosine of sentence vectors, against the original; ours.
    """
    return Recipe(
        name="back-translation",
        family="sentence",
        source="Ribeiro et al., Semantically Equivalent Adversarial Rules for Debugging NLP Models, "
        "ACL 2018 (P18-1079)",
        goal=Untargeted(),
        transformation=BackTranslations(there, back),
        search=Beam(width=1, rounds=sentences),
        constraints=(
            SentenceSimilarity(
                min_similarity,
                metric="cosine",
                reference="original",
                window=None,
                skip_short=False,
            ),
        ),
        needs=(TRANSLATOR, BACK_TRANSLATOR, SIMILARITY),
        deviations=DEVIATIONS,
    )

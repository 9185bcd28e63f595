"""DeepWordBug: misspell the words that matter most (Gao, Lanchantin, Soffa and Qi, 2018)."""

from __future__ import annotations

from attacks.constraints import EditDistance, NoRepeat, Stopwords
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import WordImportance
from attacks.transformations import (
    Composite,
    DeleteLetter,
    InsertLetter,
    SubstituteLetter,
    SwapAdjacent,
)

DEVIATIONS = (
    "Words are ranked by the score with the word masked, as in TextAttack; the paper combines the "
    "scores of the text's head and tail up to the word.",
    "At every position one draw of each of the four edits is tried and the best is kept, as in "
    "TextAttack; the paper applies one kind of edit to the highest-ranked words without asking again.",
    "Stop words are left alone, as in TextAttack, here in whatever capitals they are written.",
)


def build(max_edit_distance: int = 30, stop_words: str = "nltk") -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`DeepWordBugGao2018`).

    Args:
        max_edit_distance: Levenshtein distance from the original, over the whole text. "In these
            experiments, we hold the maximum difference on edit distance (ϵ) to a constant 30 for each
            sample." (the paper, as TextAttack's recipe gives it)
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="deepwordbug",
        family="character",
        source="Gao et al., Black-box Generation of Adversarial Text Sequences to Evade Deep Learning "
        "Classifiers, IEEE Security and Privacy Workshops 2018, arXiv:1801.04354",
        goal=Untargeted(),
        transformation=Composite(
            (SwapAdjacent(), SubstituteLetter(), DeleteLetter(), InsertLetter())
        ),
        search=WordImportance(ranking="unk"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(EditDistance(max_edit_distance),),
        deviations=DEVIATIONS,
    )

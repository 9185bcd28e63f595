"""Seq2Sick: near words, until no word of the output stands where it stood (Cheng et al., 2020)."""

from __future__ import annotations

from attacks.constraints import EditDistance, NoRepeat, Stopwords
from attacks.goals_written import NonOverlapping
from attacks.recipe import Recipe
from attacks.recipes.textfooler import VECTORS
from attacks.searches import WordImportance
from attacks.transformations import EmbeddingNeighbours

DEVIATIONS = (
    "It only asks, as TextAttack's black-box recipe does: words are ranked by what is written with each "
    "of them masked. The paper follows gradients with a group lasso over all words at once.",
    "What is written is compared with the reference, as in TextAttack. The paper compares it with what "
    "the model wrote for the untouched text: so does this recipe where an example has no reference.",
    VECTORS,
    "The targeted attack of the paper (keywords that must appear) is not here.",
)


def build(neighbours: int = 50, max_edit_distance: int = 30, stop_words: str = "nltk") -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`Seq2SickCheng2018BlackBox`).

    Args:
        neighbours: words that are tried for each; `max_candidates=50`.
        max_edit_distance: Levenshtein distance from the original. "In these experiments, we hold the
            maximum difference on edit distance (ϵ) to a constant 30 for each sample." (TextAttack's
            recipe, which has it from DeepWordBug's paper)
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="seq2sick",
        family="word",
        source="Cheng et al., Seq2Sick: Evaluating the Robustness of Sequence-to-Sequence Models with "
        "Adversarial Examples, AAAI 2020, arXiv:1803.01128",
        goal=NonOverlapping(),
        transformation=EmbeddingNeighbours(neighbours),
        search=WordImportance(ranking="unk"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(EditDistance(max_edit_distance),),
        deviations=DEVIATIONS,
    )

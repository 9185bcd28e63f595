"""TextBugger: five kinds of bug, typos and near words (Li, Ji, Du, Li and Wang, 2019)."""

from __future__ import annotations

from attacks.constraints import NoRepeat, SentenceSimilarity, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import SIMILARITY
from attacks.recipe import Recipe
from attacks.recipes.textfooler import VECTORS
from attacks.searches import WordImportance
from attacks.transformations import (
    Composite,
    DeleteLetter,
    EmbeddingNeighbours,
    Homoglyph,
    InsertLetter,
    SwapAdjacent,
)

DEVIATIONS = (
    VECTORS + " The paper has GloVe's.",
    "Words are ranked with the word left out over the whole text, as in TextAttack; the paper's "
    "black-box attack ranks sentences first, its white-box attack by the Jacobian.",
    "Characters are substituted by homoglyphs of Unicode's list; the paper has a list of its own with "
    "neighbouring keys in it, and TextAttack one of small letters and digits.",
    "Similarity is that of MiniLM, angular as in TextAttack; the paper has the cosine of the Universal "
    "Sentence Encoder.",
)


def build(neighbours: int = 5, min_similarity: float = 0.8, stop_words: str = "nltk") -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`TextBuggerLi2018`).

    Args:
        neighbours: "set topk = 5 in the experiment" (the paper, as TextAttack's recipe gives it)
        min_similarity: angular, against the original; "the semantic similarity threshold eps is set as
            0.8 to guarantee a good trade-off between quality and strength" (the same).
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="textbugger",
        family="character",
        source="Li et al., TextBugger: Generating Adversarial Text Against Real-world Applications, "
        "NDSS 2019, arXiv:1812.05271",
        goal=Untargeted(),
        transformation=Composite(
            (
                # "(1) Insert: Insert a space into the word." "(2) Delete: Delete a random character of
                # the word except for the first and the last character." "(3) Swap: Swap random two
                # adjacent letters in the word but do not alter the first or last letter." "(4)
                # Substitute-C: Replace characters with visually similar characters." "(5) Substitute-W:
                # Replace a word with its topk nearest neighbors in a context-aware word vector space."
                InsertLetter(letters=" ", keep_ends=True),
                DeleteLetter(keep_ends=True),
                SwapAdjacent(keep_ends=True),
                Homoglyph(every=True, most=1),
                EmbeddingNeighbours(neighbours),
            )
        ),
        search=WordImportance(ranking="delete"),
        protections=(NoRepeat(), Stopwords(stop_words)),
        constraints=(
            SentenceSimilarity(
                min_similarity,
                metric="angular",
                reference="original",
                window=None,
                skip_short=False,
            ),
        ),
        needs=(SIMILARITY,),
        deviations=DEVIATIONS,
    )

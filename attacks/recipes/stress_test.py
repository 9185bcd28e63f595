"""Stress test: a clause at the end that says nothing (Naik et al., 2018)."""

from __future__ import annotations

from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.transformations import AppendedClause, Composite

OVERLAP = "and true is true"
NEGATION = "and false is not true"

DEVIATIONS = (
    "Of the paper's tests it has the three that distract: word overlap, negation and length mismatch. "
    "Antonyms and numerical reasoning change the label, and noise has attacks of its own.",
    "The paper reports an accuracy on each test; here an example is broken where any of the three "
    "breaks it, and the one that comes nearest is kept.",
    "A clause stands before the punctuation that ends the text. The authors' files were not compared.",
    "Word overlap and negation go into the last field that may be edited, the hypothesis of a pair, "
    "length mismatch into the first, its premise; where premises are frozen, into the hypothesis. "
    "The paper is about pairs alone; in a single text all go into its one field.",
    "Where the victim cuts a text before its end there is nothing to try.",
)


def build(repeats: int = 5) -> Recipe:
    """The recipe, after the distraction tests of the paper's section 3.

    Nothing is asked back and forth: three texts at most are tried. Clauses are OVERLAP and NEGATION, the
    paper's tautologies.

    Args:
        repeats: how often the clause of the length mismatch is put; "five times" in the paper.
    """
    return Recipe(
        name="stress-test",
        family="sentence",
        source="Naik et al., Stress Test Evaluation for Natural Language Inference, COLING 2018, "
        "arXiv:1806.00692",
        goal=Untargeted(),
        transformation=Composite(
            (
                AppendedClause(OVERLAP),
                AppendedClause(NEGATION),
                AppendedClause(OVERLAP, repeats, field="first"),
            )
        ),
        search=Beam(width=1, rounds=1),
        deviations=DEVIATIONS,
    )

"""Standard: a fixed ensemble, for numbers that compare from one paper to the next."""

from __future__ import annotations

from dataclasses import replace

from attacks.constraints import NoRepeat, Stopwords
from attacks.goals import Untargeted
from attacks.protocols import FIRST_ORDER
from attacks.recipe import Recipe
from attacks.recipes import bad_characters, bae, deepwordbug, pwws, textfooler
from attacks.searches import InTurn, Stage, WordImportance
from attacks.transformations import Composite, EmbeddingNeighbours, WordNetSynonyms

VERSION = 1
"""Rises with every change of a stage or a budget."""

DEVIATIONS = (
    "It is ours, after the idea of AutoAttack (Croce and Hein, ICML 2020): a fixed ensemble without "
    "parameters, from cheap to dear, each stage on what the others have left.",
    f"Version {VERSION}. Its stages and their budgets of distinct queries an example: misspellings in "
    "the order of the gradient (60), synonyms and near words in the order of the gradient (60), "
    "DeepWordBug (150), PWWS (400), TextFooler (400), BAE-R (150), characters of no width (100).",
    "Without gradients the first two stages are left out.",
    "Texts of the second stage keep their meaning by nothing but the lists they come from. The other "
    "stages have the deviations of their recipes.",
)


def build(gradients: bool = True) -> Recipe:
    """The ensemble.

    Args:
        gradients: whether the victim's gradients are used; without them the figures are not those of the
            whole ensemble, and a report should say so.
    """
    protections = (NoRepeat(), Stopwords())
    misspelt = deepwordbug.build()
    first = (
        Stage(
            replace(
                misspelt,
                name="standard-characters",
                search=WordImportance("gradient"),
                needs=(FIRST_ORDER,),
            ),
            60,
        ),
        Stage(
            Recipe(
                name="standard-words",
                family="word",
                source="this ensemble",
                goal=Untargeted(),
                transformation=Composite((WordNetSynonyms(), EmbeddingNeighbours(12))),
                search=WordImportance("gradient"),
                protections=protections,
                needs=(FIRST_ORDER,),
            ),
            60,
        ),
    )
    stages = (
        *(first if gradients else ()),
        Stage(misspelt, 150),
        Stage(pwws.build(), 400),
        Stage(textfooler.build(), 400),
        Stage(bae.build(), 150),
        Stage(bad_characters.build(kind="invisible"), 100),
    )
    needs = [need for stage in stages for need in stage.recipe.needs]
    return Recipe(
        name="standard",
        family="mixed",
        source="Withstand, after Croce and Hein, Reliable Evaluation of Adversarial Robustness with an "
        "Ensemble of Diverse Parameter-free Attacks, ICML 2020, arXiv:2003.01690",
        goal=Untargeted(),
        transformation=Composite(tuple(stage.recipe.transformation for stage in stages)),
        search=InTurn(stages),
        needs=tuple(dict.fromkeys(needs)),
        deviations=DEVIATIONS,
    )

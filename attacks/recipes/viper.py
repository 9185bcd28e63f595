"""VIPER: letters with marks (Eger et al., 2019)."""

from __future__ import annotations

from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import Draws
from attacks.transformations import MarkedLetters

DEVIATIONS = (
    "Substitutes come from the descriptions of characters (the paper's DCES); the space of character "
    "images (ICES) needs vectors that nobody ships.",
    "All letters that Unicode describes as the letter with marks are drawn with the same chance.",
    "The paper perturbs a text once; here the worst of `tries` draws counts.",
)


def build(share: float = 0.4, tries: int = 10) -> Recipe:
    """The recipe.

    Args:
        share: chance of each letter to be perturbed, the paper's p.
        tries: texts that are drawn.
    """
    return Recipe(
        name="viper",
        family="character",
        source="Eger et al., Text Processing Like Humans Do: Visually Attacking and Shielding NLP "
        "Systems, NAACL 2019, arXiv:1903.11508",
        goal=Untargeted(),
        transformation=MarkedLetters(share),
        search=Draws(tries),
        deviations=DEVIATIONS,
    )

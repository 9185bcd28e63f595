"""Bad characters: edits that nobody sees (Boucher, Shumailov, Anderson and Papernot, 2022)."""

from __future__ import annotations

from typing import Literal

from attacks.goals import Untargeted
from attacks.protocols import Transformation
from attacks.recipe import Recipe
from attacks.searches import DifferentialEvolution
from attacks.transformations import (
    DeletedCharacter,
    Homoglyph,
    InvisibleCharacter,
    ReorderedCharacters,
)

Kind = Literal["homoglyphs", "invisible", "reorderings", "deletions"]
KINDS: dict[Kind, Transformation] = {
    "homoglyphs": Homoglyph(every=True),
    "invisible": InvisibleCharacter(),
    "reorderings": ReorderedCharacters(),
    "deletions": DeletedCharacter(),
}

DEVIATIONS = (
    "Characters inside words are edited; the paper also edits what stands between them.",
    "Of two edits in one word the last one counts.",
    "Deleted characters are small letters; the paper and TextAttack have any character of ASCII. Equal "
    "letters are not reordered.",
    "Homoglyphs are those of Unicode's list of confusables, three a character; the paper has the "
    "smaller list of intentional ones.",
    "The goal is any wrong label; TextAttack's recipe asks for a target class by default.",
)


def build(
    kind: Kind = "homoglyphs", edits: int = 1, population: int = 32, generations: int = 10
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`BadCharacters2021`).

    Args:
        kind: "homoglyphs", "invisible" (characters of no width), "reorderings" (of two letters, shown
            as before) or "deletions" (a letter and a backspace).
        edits: perturbations in one text; `perturbs=1`.
        population, generations: of the differential evolution; `popsize=32, maxiter=10`.
    """
    return Recipe(
        name="bad-characters",
        family="character",
        source="Boucher et al., Bad Characters: Imperceptible NLP Attacks, IEEE S&P 2022, "
        "arXiv:2106.09898",
        goal=Untargeted(),
        transformation=KINDS[kind],
        search=DifferentialEvolution(edits, population, generations),
        deviations=DEVIATIONS,
    )

"""Charmer: any character anywhere, few of them (Abad Rocamora et al., 2024)."""

from __future__ import annotations

from attacks.goals import Margin
from attacks.recipe import Recipe
from attacks.searches import CharacterPositions
from attacks.transformations import AnyCharacter
from attacks.transformations.any_character import PRINTABLE

DEVIATIONS = (
    "The alphabet is that of printable ASCII; the authors take the characters of the data set that is "
    "attacked, which an attack on one example does not have.",
    "It is the query-based attack that tries all characters in the chosen positions, which the authors' "
    "scripts run against classifiers (`--pga 0`); the variant with projected gradients is left out.",
    "A probe that succeeds ends the attack, where the probe is in the alphabet; the authors' code goes "
    "on to the other characters.",
    "A character that was replaced may be replaced again; the authors' code leaves it.",
    "The constraints of Pruthi et al., which the paper adds in some experiments, are left out.",
    "All fields that are not frozen are edited; the authors' code edits the hypothesis of a pair.",
)


def build(positions: int = 20, edits: int = 10, alphabet: str = "") -> Recipe:
    """The recipe, after the paper and the authors' code (github.com/LIONS-EPFL/Charmer).

    The loss is the margin between logits (`--loss margin`), positions are probed with a space
    (`get_top_n_locations`, charmer.py).

    Args:
        positions: of which all characters are tried; `--n_positions 20` (scripts/run_sst.sh).
        edits: most insertions, deletions and substitutions of characters; `k=10` (the same).
        alphabet: characters that are put in; printable ASCII where it is empty.
    """
    return Recipe(
        name="charmer",
        family="character",
        source="Abad Rocamora et al., Revisiting Character-level Adversarial Attacks for Language "
        "Models, ICML 2024, arXiv:2405.04346",
        goal=Margin(),
        transformation=AnyCharacter(alphabet or PRINTABLE),
        search=CharacterPositions(positions, edits),
        deviations=DEVIATIONS,
    )

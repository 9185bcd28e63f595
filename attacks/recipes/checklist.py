"""CheckList: other names, places and numbers, contractions and none (Ribeiro et al., 2020)."""

from __future__ import annotations

from attacks.constraints import NoRepeat
from attacks.corruptions import CONTRACTIONS, ENTITIES
from attacks.corruptions.rewrites import Rewrites
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.transformations import Composite, OtherNumber

DEVIATIONS = (
    "It follows TextAttack's recipe. The paper has no attack: it applies such changes once to many "
    "texts and counts how often the answer changes. Of its tests this has invariance tests alone.",
    "Names and places are found in our own list (900 of them) and by their capital; TextAttack asks a "
    "tagger. Names that are not listed stay, and so do nationalities.",
    "A name is changed wherever it stands; in TextAttack in one place at a time. First names keep the "
    "gender that they are mostly given to, towns stay towns and countries countries, and a vowel at the "
    "beginning stays.",
    "A number stays one of as many digits, a year within ten years, and what may be a rating is left "
    "alone, as are 0, 1 and 'one'; TextAttack draws from one to twice the number, and leaves 0, 2 and 4 "
    "alone.",
    "Contractions come from our own tables, in whatever capitals. Where one may be read in two ways "
    '("it\'s" before a participle, "\'d") it stays. After one change TextAttack\'s recipe contracts '
    "nothing behind it.",
    "Nothing checks that the label still holds where it rests on a name or a number.",
)


def build(draws: int = 3) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`CheckList2020`).

    Args:
        draws: how often another name or number is drawn for each, in each round of the search;
            `num_name_replacements=3` and `n=3` (TextAttack's transformations).

    Raises AttackError where nothing would be drawn.
    """
    if draws < 1:
        raise AttackError(f"'draws' is at least 1, and {draws} is less.")
    return Recipe(
        name="checklist",
        family="word",
        source="Ribeiro et al., Beyond Accuracy: Behavioral Testing of NLP Models with CheckList, "
        "ACL 2020, arXiv:2005.04118",
        goal=Untargeted(),
        transformation=Composite(
            (
                Rewrites(CONTRACTIONS),
                *(Rewrites(ENTITIES), OtherNumber()) * draws,
            )
        ),
        search=Beam(width=1),
        protections=(NoRepeat(),),
        deviations=DEVIATIONS,
    )

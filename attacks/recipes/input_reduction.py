"""Input reduction: what little is left of a text when its label still holds (Feng et al., 2018)."""

from __future__ import annotations

from attacks.constraints import NoRepeat
from attacks.goals import Reduced
from attacks.protocols import FIRST_ORDER
from attacks.recipe import Recipe
from attacks.searches import GradientBeam, WordImportance
from attacks.transformations import DeleteWord

DEVIATIONS = (
    "It does not look for a wrong answer. It succeeds where one word (`words`) is left and the model's "
    "answer is still the label, and fails where the search ends before; the shortest text with that "
    "answer is kept either way. The paper has no threshold and counts the words that are left. 'Robust "
    "accuracy' is here the share of all examples that are right and cannot be reduced so far; plans "
    "refuse the attack, whose numbers would mix with those of attacks.",
    "Examples that have no more words than that are left alone, and so are those that the model gets "
    "wrong, which the paper reduces too.",
    "By default words go in one pass, those first without which the model is surest of the label, as in "
    "TextAttack; with `gradients` it is the paper's beam, in which a gradient says what goes next.",
    "The beam takes up texts with another answer where it has room for them; the paper drops them.",
    "Stop words go too, as in the paper; TextAttack 0.3.11 keeps them.",
)


def build(words: int = 1, gradients: bool = False, width: int = 3) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`InputReductionFeng2018`), or after the paper.

    "For each word in an input sentence, we measure its importance by the change in the confidence of the
    original prediction when we remove that word from the sentence." (the paper, as TextAttack gives it)

    Args:
        words: as few are to be left; `target_num_words=1` (TextAttack's goal).
        gradients: whether a beam search along gradients takes the place of the single pass.
        width: of that beam; `beam_size: int = 3` (AllenNLP's implementation of the paper).
    """
    return Recipe(
        name="input-reduction",
        family="word",
        source="Feng et al., Pathologies of Neural Models Make Interpretations Difficult, EMNLP 2018, "
        "arXiv:1804.07781",
        goal=Reduced(words),
        transformation=DeleteWord(keep=words),
        search=GradientBeam(width) if gradients else WordImportance("delete"),
        protections=(NoRepeat(),),
        needs=(FIRST_ORDER,) if gradients else (),
        deviations=DEVIATIONS,
    )

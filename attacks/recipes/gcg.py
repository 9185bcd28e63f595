"""GCG: a suffix that makes a language model begin its answer with a given text (Zou et al., 2023)."""

from __future__ import annotations

from attacks.goals_written import Elicits
from attacks.protocols import SPELLING, TOKEN_GRADIENTS
from attacks.recipe import Recipe
from attacks.searches import CoordinateGradient
from attacks.transformations import Suffix

START = "x x x x x x x x x x x x x x x x x x x x"

DEVIATIONS = (
    "What is scored are the tokens of the whole text as a user would send it; nanoGCG tokenizes prompt "
    "and suffix apart. Suffixes that do not come back when the text is tokenized again are left out: it "
    "does so with the suffix alone.",
    "A space stands between prompt and suffix, as in the authors' code; nanoGCG puts none.",
    "It ends with the first suffix behind which greedy decoding writes the target, and leaves alone "
    "prompts behind which it does anyway; nanoGCG runs all steps and returns the lowest loss.",
    "A buffer begins with the first suffix alone and fills as the search goes on; nanoGCG draws the "
    "others.",
    "No special token is proposed, and none that the tokenizer does not know.",
    "Gradients are compared after rounding to 1e-4 of the largest, losses to 1e-4; equal ones go by the "
    "number of the token and the order of the draws.",
    "One prompt and one model at a time: the suffix that is shared by several prompts or models "
    "(the paper's algorithm 2), mellowmax and probe sampling are left out.",
    "A gradient is counted as a query of its text, which has been scored before.",
)


def build(
    steps: int = 250,
    width: int = 512,
    most: int = 256,
    swaps: int = 1,
    buffer: int = 0,
    start: str = START,
    ascii_only: bool = True,
) -> Recipe:
    """The recipe, after the paper's algorithm 1 with the defaults of nanoGCG (`GCGConfig`).

    The paper has 500 steps of 512 candidates from the best 256 tokens, and twenty "!" to begin with.

    Args:
        steps: most rounds; `num_steps=250`.
        width: suffixes that are drawn in a round; `search_width=512`.
        most: tokens that the gradient proposes for each place; `topk=256`.
        swaps: tokens that are swapped at a time; `n_replace=1`.
        buffer: suffixes to choose the next from; with 0 the last round's best; `buffer_size=0`.
        start: the suffix to begin with; `optim_str_init`.
        ascii_only: whether only tokens of printable ASCII are proposed; `allow_non_ascii=False`.
    """
    return Recipe(
        name="gcg",
        family="token",
        source="Zou et al., Universal and Transferable Adversarial Attacks on Aligned Language Models, "
        "2023, arXiv:2307.15043",
        goal=Elicits(),
        transformation=Suffix(start, ascii_only),
        search=CoordinateGradient(steps, width, most, swaps, buffer),
        needs=(TOKEN_GRADIENTS, SPELLING),
        deviations=DEVIATIONS,
    )

"""IGA: the improved genetic algorithm (Wang, Jin and He, 2019)."""

from __future__ import annotations

from attacks.constraints import EmbeddingCosine, MaxWordsChanged, Stopwords
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.recipes.textfooler import VECTORS
from attacks.searches import ImprovedGenetic
from attacks.transformations import EmbeddingNeighbours

DEVIATIONS = (
    VECTORS
    + " The least cosine of 0.68 stands for the paper's largest squared distance of 0.5: as many "
    "neighbours remain as in the published sets.",
    "Parents are drawn evenly from the fittest; TextAttack 0.3.11 draws them by fitness, and by a wrong "
    "sign prefers the unfit.",
    "A child that breaks a constraint is mixed anew, at most 20 times.",
)


def build(
    neighbours: int = 50,
    min_cosine: float = 0.68,
    max_words: float = 0.2,
    population: int = 60,
    generations: int = 20,
    rewrites: int = 5,
    stop_words: str = "nltk",
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`IGAWang2019`).

    Args:
        neighbours: tried for each word. "[We] fix the hyperparameter values to S = 60, δ = 0.5, λ = 5,
            and N is unrestricted (50)." (the paper, as TextAttack's recipe gives it)
        min_cosine: of the vectors of a word and the one before it, for δ; see `deviations`.
        max_words: share of the words that may differ; `max_percent=0.2`.
        population: texts in a generation, S.
        generations: `max_iters=20`.
        rewrites: how often a word may be rewritten, λ.
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="iga",
        family="word",
        source="Wang et al., Natural Language Adversarial Defense through Synonym Encoding (first as "
        "Natural Language Adversarial Attacks and Defenses in Word Level), UAI 2021, arXiv:1909.06723",
        goal=Untargeted(),
        transformation=EmbeddingNeighbours(neighbours),
        search=ImprovedGenetic(population, generations, rewrites),
        protections=(Stopwords(stop_words),),
        constraints=(
            MaxWordsChanged(max_words),
            EmbeddingCosine(min_cosine, reference="previous"),
        ),
        deviations=DEVIATIONS,
    )

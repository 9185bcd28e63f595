"""LEAP: a swarm with Lévy flights over WordNet (Xiao et al., 2023)."""

from __future__ import annotations

from attacks.constraints import MaxWordsChanged, Stopwords
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.recipes.pwws import ANTONYMS
from attacks.searches import LevySwarm
from attacks.transformations import WordNetSynonyms

DEVIATIONS = (
    "Averages and least scores, by which the inertia adapts, are those of the iteration; in TextAttack "
    "0.3.11 they stay those of the first population.",
    "Particles move towards the better text, as in the swarm that it builds on; TextAttack 0.3.11 moves "
    "them the other way.",
    "A first particle is a drawn word in its best rewrite; TextAttack draws the word by how much that "
    "rewrite helps.",
    ANTONYMS,
)


def build(
    particles: int = 60, iterations: int = 20, max_words: float = 0.16, stop_words: str = "nltk"
) -> Recipe:
    """The recipe, after TextAttack 0.3.11 (`LEAP2023`). It asks thousands of queries an example.

    Args:
        particles, iterations: `pop_size=60, max_iters=20` (TextAttack's search).
        max_words: share of the words that may differ; `MaxModificationRate(max_rate=0.16)`,
            "in AG's News" (TextAttack's recipe).
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="leap",
        family="word",
        source="Xiao et al., LEAP: Efficient and Automated Test Method for NLP Software, ASE 2023, "
        "arXiv:2308.11284",
        goal=Untargeted(),
        transformation=WordNetSynonyms(),
        search=LevySwarm(particles, iterations),
        protections=(Stopwords(stop_words),),
        constraints=(MaxWordsChanged(max_words),),
        deviations=DEVIATIONS,
    )

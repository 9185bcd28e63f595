"""PSO: a particle swarm over synonyms (Zang et al., 2020)."""

from __future__ import annotations

from attacks.constraints import NoRepeat, Stopwords
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.recipes.pwws import ANTONYMS
from attacks.searches import ParticleSwarm
from attacks.transformations import WordNetSynonyms

DEVIATIONS = (
    "Words come from WordNet's synonyms instead of HowNet's sememes, which no package that installs by "
    "name carries. In TextAttack's benchmark of searches (BERT on MR) greedy search succeeds on 78.6% "
    "with HowNet and on 59.4% with WordNet.",
    "Moves and mutations follow the authors' code; TextAttack 0.3.11 moves particles the other way and "
    "tries the rewrites of all words for every mutation.",
    "Stop words are left alone, as in TextAttack.",
    ANTONYMS,
)


def build(particles: int = 60, iterations: int = 20, stop_words: str = "nltk") -> Recipe:
    """The recipe. It asks thousands of queries an example: give it a query budget.

    Args:
        particles, iterations: "pop_size=60, max_iters=20" (the authors' code).
        stop_words: list of words that are left alone.
    """
    return Recipe(
        name="pso",
        family="word",
        source="Zang et al., Word-level Textual Adversarial Attacking as Combinatorial Optimization, "
        "ACL 2020, arXiv:1910.12196",
        goal=Untargeted(),
        transformation=WordNetSynonyms(),
        search=ParticleSwarm(particles, iterations),
        protections=(NoRepeat(), Stopwords(stop_words)),
        deviations=DEVIATIONS,
    )

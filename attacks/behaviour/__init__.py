"""Behavioural tests, after CheckList (Ribeiro et al., ACL 2020, arXiv:2005.04118).

What a model must be able to do, what must not change its answer, and which way an answer may go:

    >>> from attacks.victims.function import FunctionVictim
    >>> def told(texts):  # positive unless "dull" is there
    ...     return [[0.9, 0.1] if "dull" in text else [0.1, 0.9] for text in texts]
    >>> lists = {"thing": ["film", "play"]}
    >>> test = MinimumFunctionality(
    ...     "negation", tuple((text, 1) for text in fill("The {thing} is not dull.", lists))
    ... )
    >>> (result,) = run([test], FunctionVictim(told, ("negative", "positive")))
    >>> result.failed, result.cases, result.failures[0].reason
    (2, 2, "'negative' instead of 'positive'")
"""

from attacks.behaviour.perturbations import perturbed
from attacks.behaviour.run import FailingExample, Result, run
from attacks.behaviour.sentiment import sentiment
from attacks.behaviour.templates import fill, varied
from attacks.behaviour.tests import (
    BehaviouralTest,
    Directional,
    Failure,
    Findings,
    Invariance,
    MinimumFunctionality,
)

__all__ = [
    "BehaviouralTest",
    "Directional",
    "FailingExample",
    "Failure",
    "Findings",
    "Invariance",
    "MinimumFunctionality",
    "Result",
    "fill",
    "perturbed",
    "run",
    "sentiment",
    "varied",
]

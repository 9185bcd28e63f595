"""Ready-made suites: what `withstand init --suite` asks of a model, from a minute to a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attacks.errors import unknown_name


@dataclass(frozen=True)
class Ready:
    """What a suite measures.

    Attributes:
        about: what it is for, in one sentence.
        attacks: recipes; none of them needs a model that does not come with Withstand.
        examples: attacked for the first bounds; the plan attacks twice as many.
        corruptions: natural noise, in each of the `severities`.
        behaviour: whether the behavioural tests for sentiment are run.
    """

    about: str
    attacks: tuple[str, ...] = ()
    examples: int = 100
    corruptions: tuple[str, ...] = ()
    severities: tuple[int, ...] = (1, 3, 5)
    behaviour: bool = False


_TYPED = ("keyboard", "misspellings", "case", "whitespace")
READY: Mapping[str, Ready] = {
    "smoke": Ready(
        "a minute: whether anything is badly wrong", ("deepwordbug",), 50, ("keyboard",), (3,)
    ),
    "standard": Ready(
        "a few minutes: an attack on letters, one on words, and how people type",
        ("deepwordbug", "pwws"),
        100,
        _TYPED,
    ),
    "release": Ready(
        "before a release: four attacks and twelve kinds of noise, on enough examples for bounds that "
        "are worth something",
        ("deepwordbug", "textbugger", "pwws", "textfooler"),
        500,
        (
            *(*_TYPED, "ocr", "homophones", "punctuation", "contractions", "numbers"),
            *("entities", "word-order", "appended"),
        ),
    ),
    "behavioural-sentiment": Ready(
        "what a model of praise and blame must be able to do (needs --positive and --negative)",
        behaviour=True,
    ),
}


def ready(name: str) -> Ready:
    """A suite by its name. Raises AttackError for one that does not exist."""
    if name not in READY:
        raise unknown_name("suite", name, READY)
    return READY[name]

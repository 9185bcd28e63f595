"""A ready-made set of behavioural tests for sentiment, after those in the CheckList paper.

The words and the sentences are our own; names and places are those of the corruptions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from attacks.behaviour.perturbations import perturbed
from attacks.behaviour.templates import fill, varied
from attacks.behaviour.tests import (
    BehaviouralTest,
    Case,
    Directional,
    Invariance,
    MinimumFunctionality,
)
from attacks.resources.names import names

GOOD = ("good", "great", "wonderful", "excellent", "enjoyable", "amazing", "charming", "brilliant")
BAD = ("bad", "awful", "terrible", "boring", "dull", "annoying", "dreadful", "horrible")
THINGS = ("film", "movie", "story", "ending")
STRONGER = ("really", "truly", "so")
FLAWS = ("boring", "dull", "annoying")
"""Bad words whose denial is praise: "never boring" is, "never terrible" is faint."""
PRAISE = ("I love it.", "It was a joy to watch.", "I recommend it to everyone.")
BLAME = ("I hate it.", "It was a waste of time.", "I regret that I watched it.")
LISTS = {"good": GOOD, "bad": BAD, "either": (*GOOD, *BAD), "thing": THINGS, "flaw": FLAWS}


def sentiment(
    positive: int, negative: int, *, fillers: int = 20, seed: int = 0
) -> tuple[BehaviouralTest, ...]:
    """Tests of a victim that tells praise from blame.

    Args:
        positive, negative: numbers of the two labels in the victim's own order.
        fillers: texts of each template, groups of each list; names and places of each kind.
        seed: of what is drawn.

    Errors are those of `attacks.behaviour.templates.fill`.
    """
    plain = (
        *fill("This is {a:good} {thing}.", LISTS, fillers, seed),
        *fill("This is {a:bad} {thing}.", LISTS, fillers, seed),
    )
    return (
        MinimumFunctionality(
            "plain words",
            (
                *_of(positive, fill("The {thing} is {good}.", LISTS, fillers, seed)),
                *_of(negative, fill("The {thing} is {bad}.", LISTS, fillers, seed)),
            ),
        ),
        MinimumFunctionality(
            "negation",
            (
                *_of(negative, fill("This is not {a:good} {thing}.", LISTS, fillers, seed)),
                *_of(negative, fill("I do not think the {thing} is {good}.", LISTS, fillers, seed)),
                *_of(positive, fill("The {thing} is never {flaw}.", LISTS, fillers, seed)),
            ),
        ),
        Directional("stronger praise", _stronger("good", fillers, seed), positive, "fall"),
        Directional("stronger blame", _stronger("bad", fillers, seed), negative, "fall"),
        Invariance("names", _people(fillers, seed)),
        Invariance("places", _places(fillers, seed)),
        Invariance("contractions", perturbed(_contractible(fillers, seed), "contractions")),
        Invariance("beside the point", perturbed(plain, "appended", seed=seed)),
        Directional("praise appended", _appended(plain, PRAISE), positive, "fall"),
        Directional("blame appended", _appended(plain, BLAME), negative, "fall"),
    )


def _of(label: int, texts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple((text, label) for text in texts)


def _stronger(words: str, fillers: int, seed: int) -> tuple[tuple[Case, ...], ...]:
    """A sentence, and the same with each of the words that make it stronger."""
    lists = {**LISTS, "stronger": ("", *(f"{word} " for word in STRONGER))}
    return varied(f"The {{thing}} is {{stronger}}{{{words}}}.", lists, "stronger", fillers, seed)


def _people(fillers: int, seed: int) -> tuple[tuple[Case, ...], ...]:
    first = (*_some("female", fillers, seed), *_some("male", fillers, seed))
    lists = {**LISTS, "first_name": first, "surname": _some("surname", fillers, seed)}
    return (
        *varied("{first_name} says it is {a:either} {thing}.", lists, "first_name", fillers, seed),
        *varied("A {either} {thing} by {first_name} {surname}.", lists, "surname", fillers, seed),
    )


def _places(fillers: int, seed: int) -> tuple[tuple[Case, ...], ...]:
    lists = {
        **LISTS,
        "city": _some("city", fillers, seed),
        "country": _some("country", fillers, seed),
    }
    return (
        *varied("We saw {a:either} {thing} in {city}.", lists, "city", fillers, seed),
        *varied("It is {a:either} {thing} from {country}.", lists, "country", fillers, seed),
    )


def _contractible(fillers: int, seed: int) -> tuple[str, ...]:
    return (
        *fill("It is {a:either} {thing}.", LISTS, fillers, seed),
        *fill("I did not expect such {a:either} {thing}.", LISTS, fillers, seed),
    )


def _appended(texts: Sequence[str], sentences: Sequence[str]) -> tuple[tuple[Case, ...], ...]:
    return tuple((text, *(f"{text} {sentence}" for sentence in sentences)) for text in texts)


def _some(kind: str, n: int, seed: int) -> tuple[str, ...]:
    """So many drawn names of a kind."""
    listed = names(kind)
    return tuple(random.Random(seed).sample(listed, min(n, len(listed))))

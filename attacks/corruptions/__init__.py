"""Natural noise: what happens to texts without anybody meaning harm, in five severities.

A corruption should leave a reader's answer as it was. Severities nest: with the same random numbers each
makes all edits of the one before and more, so that what grows with the severity is the dose alone. A
package adds its own under the entry-point group `withstand.corruptions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import numpy as np

from attacks.corruptions.contractions import Contractions
from attacks.corruptions.layout import Appended, Punctuation, Truncation
from attacks.corruptions.phrases import Names, Whitespace, WordOrder
from attacks.corruptions.severity import SENTENCES, SEVERITIES, SHARES
from attacks.corruptions.words import Words
from attacks.engine.attempt import derive_seed
from attacks.errors import AttackError, unknown_name
from attacks.protocols import Corruption
from attacks.text import Candidate, Text
from attacks.transformations.characters import NeighbouringKey
from attacks.transformations.noise import (
    Homophones,
    Misread,
    Misspellings,
    OtherCase,
    OtherNumber,
)

__all__ = [
    "CATALOGUE",
    "CONTRACTIONS",
    "ENTITIES",
    "GROUP",
    "SENTENCES",
    "SEVERITIES",
    "SHARES",
    "chosen",
    "corrupted",
    "generator",
    "names",
]

CONTRACTIONS = Contractions(
    "contractions", "Two words are contracted, or a contraction is written out."
)
ENTITIES = Names("entities", "Another first name, surname, city or country, wherever it stands.")
_ALL: tuple[Corruption, ...] = (
    Words("keyboard", "A letter is hit on a key beside its own.", NeighbouringKey()),
    Words("ocr", "One or two characters are read as others of their shape.", Misread()),
    Words("homophones", "A word that sounds alike is written, or nearly alike.", Homophones()),
    Words("misspellings", "A word is misspelt as people do.", Misspellings()),
    Words("case", "A word is in capitals, or has one, or none.", OtherCase()),
    Punctuation(
        "punctuation",
        "Marks are lost, doubled or confused, apostrophes lost; then stray commas come in.",
    ),
    Whitespace("whitespace", "Spaces are lost or doubled, or split a word."),
    CONTRACTIONS,
    Words(
        "numbers",
        "Another number of as many digits; years stay years, ratings stay.",
        OtherNumber(),
    ),
    ENTITIES,
    WordOrder("word-order", "Neighbouring words change places."),
    Truncation("truncation", "The end is cut off."),
    Appended("appended", "Sentences that are beside the point are appended to the last field."),
)
CATALOGUE: dict[str, Corruption] = {corruption.name: corruption for corruption in _ALL}


GROUP = "withstand.corruptions"
"""Entry points of this group add corruptions: each names a `Corruption` that is called as it is. A
built-in name cannot be taken over."""


def names() -> tuple[str, ...]:
    """The corruptions that there are: the built-in ones in their order, then others by name."""
    return (*CATALOGUE, *sorted(_added().keys() - CATALOGUE.keys()))


def chosen(wanted: Iterable[str]) -> tuple[Corruption, ...]:
    """The corruptions called so, each once.

    Raises AttackError for one that does not exist, or that has no corruption of that name behind it.
    """
    return tuple(_load(name) for name in dict.fromkeys(wanted))


@cache
def _load(name: str) -> Corruption:
    if name in CATALOGUE:
        return CATALOGUE[name]
    point = _added().get(name)
    if point is None:
        raise unknown_name("corruption", name, names())
    try:
        found = point.load()
    except Exception as error:  # whatever a stranger's module raises at import
        raise AttackError(
            f"The corruption '{name}' cannot be loaded from {point.value}: {error}"
        ) from error
    if isinstance(found, type) or not isinstance(found, Corruption):
        raise AttackError(
            f"{point.value}, which is called '{name}' in the group {GROUP}, is no corruption. It must "
            "be an object with a name, a summary and corrupt(text, severity, rng)."
        )
    if found.name != name:
        raise AttackError(
            f"{point.value} is called '{name}' in the group {GROUP}, and calls itself '{found.name}'. "
            "Records and random numbers go by the name: give both the same."
        )
    return found


def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def generator(seed: int, example_id: str, name: str, draw: int = 0) -> np.random.Generator:
    """The random numbers of one corruption of one example: the same for every severity.

    Args:
        seed: of the run.
        name: of the corruption.
        draw: number of the draw where there are several.
    """
    return np.random.default_rng(derive_seed(seed, example_id, f"corruption\x1f{name}\x1f{draw}"))


def corrupted(text: Text, name: str, severity: int, *, seed: int, example_id: str) -> Candidate:
    """The text under one corruption of the catalogue.

    It is `text.candidate` where the corruption finds nothing to do (a text without contractions, say).

    Raises AttackError for a corruption or a severity that does not exist.
    """
    (corruption,) = chosen([name])
    return corruption.corrupt(text, severity, generator(seed, example_id, name))

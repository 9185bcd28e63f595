"""Resources of a user's own in the place of the built-in ones.

A part of a recipe holds what it reads as a value, in a field that is named like the resource
(`vectors`, `tagger`); `Recipe.using` puts another value there. Nothing is switched for the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from attacks.errors import AttackError, unknown_name
from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY
from attacks.resources.registry import TAGGER, VECTORS


@runtime_checkable
class Exchangeable(Protocol):
    """A resource that another one may take the place of."""

    @property
    def identity(self) -> str:
        """What it is, with its SHA-256: it stands in a recipe's parameters, and so in the records."""


class Brought(Exchangeable, Protocol):
    """A resource that a user brings."""

    @property
    def sha256(self) -> str:
        """Of its file, or of all its files."""


Own = Mapping[str, Brought]
"""Users' resources by name."""

OPTIONS = {
    SIMILARITY: "--similarity, in plans audit.similarity",
    MASKED_LM: "--masked-lm, in plans audit.masked_lm",
    FLUENCY: "--masked-lm, in plans audit.masked_lm",
}
"""How users name their own of the resources that are models."""


def _vectors(named: str) -> Brought:
    from attacks.resources.vectors import WordVectors

    return WordVectors.at(named)


def _tagger(named: str) -> Brought:
    from attacks.resources.spacy_tagger import SpacyTagger

    return SpacyTagger.named(named)


OPENERS: dict[str, Callable[[str], Brought]] = {VECTORS: _vectors, TAGGER: _tagger}
"""What takes the place of a resource: of `vectors` a file (see `attacks.resources.vectors`), of `tagger`
a spaCy model (see `attacks.resources.spacy_tagger`)."""


def resolved(named: Mapping[str, str]) -> Own:
    """The resources that a user names, each read and checked.

    Raises AttackError for an unknown name, and for what cannot be used.
    """
    for name in named:
        if name in OPTIONS:
            raise AttackError(
                f"The resource '{name}' is a model; name your own by {OPTIONS[name]}."
            )
        if name not in OPENERS:
            raise unknown_name("resource that can be your own", name, OPENERS)
    return {name: OPENERS[name](value) for name, value in named.items()}


def file_hashes(own: Own) -> dict[str, str]:
    """The SHA-256 of each, as a manifest lists files."""
    return {f"resource {name}": value.sha256 for name, value in own.items()}

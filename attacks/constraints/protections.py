"""Words that an attack leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from attacks.resources.registry import STOP_WORDS
from attacks.resources.stopwords import stopwords
from attacks.text import Candidate


@dataclass(frozen=True)
class Stopwords:
    """Words of a list (see `attacks.resources.stopwords`), in whatever capitals, stay as they are."""

    resources: ClassVar[tuple[str, ...]] = (STOP_WORDS,)

    words: str = "nltk"

    def __post_init__(self) -> None:
        stopwords(self.words)

    def allows(self, current: Candidate, index: int) -> bool:
        """See `attacks.protocols.Protection.allows`."""
        word = current.origin.words[index].string.lower().replace("’", "'")
        return word not in stopwords(self.words)


@dataclass(frozen=True)
class MinWordLength:
    """Words of fewer than `characters` characters stay as they are."""

    characters: int

    def allows(self, current: Candidate, index: int) -> bool:
        """See `attacks.protocols.Protection.allows`."""
        return len(current.origin.words[index].string) >= self.characters


@dataclass(frozen=True)
class NoRepeat:
    """A word that was changed once is not changed again."""

    def allows(self, current: Candidate, index: int) -> bool:
        """See `attacks.protocols.Protection.allows`."""
        return index not in current.changed

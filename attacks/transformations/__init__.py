"""Ways to rewrite one word."""

from attacks.transformations.characters import (
    DeleteLetter,
    InsertLetter,
    NeighbouringKey,
    SubstituteLetter,
    SwapAdjacent,
)
from attacks.transformations.composite import Composite, Sometimes
from attacks.transformations.imperceptible import (
    DeletedCharacter,
    InvisibleCharacter,
    ReorderedCharacters,
)
from attacks.transformations.lookalikes import Homoglyph, MarkedLetters
from attacks.transformations.masked_words import MaskedWords
from attacks.transformations.noise import (
    Homophones,
    Misread,
    Misspellings,
    OtherCase,
    OtherNumber,
)
from attacks.transformations.synonyms import EmbeddingNeighbours, WordNetSynonyms
from attacks.transformations.victim_words import VictimNeighbours

__all__ = [
    "Composite",
    "DeleteLetter",
    "DeletedCharacter",
    "EmbeddingNeighbours",
    "Homoglyph",
    "Homophones",
    "InsertLetter",
    "InvisibleCharacter",
    "MarkedLetters",
    "MaskedWords",
    "Misread",
    "Misspellings",
    "NeighbouringKey",
    "OtherCase",
    "OtherNumber",
    "ReorderedCharacters",
    "Sometimes",
    "SubstituteLetter",
    "SwapAdjacent",
    "VictimNeighbours",
    "WordNetSynonyms",
]

"""Ways to rewrite one word."""

from attacks.transformations.any_character import AnyCharacter
from attacks.transformations.any_token import AnyToken
from attacks.transformations.appended import AppendedClause
from attacks.transformations.characters import (
    DeleteLetter,
    InsertLetter,
    NeighbouringKey,
    SubstituteLetter,
    SwapAdjacent,
)
from attacks.transformations.composite import Composite, Sometimes, Sparing
from attacks.transformations.deletion import DeleteWord
from attacks.transformations.imperceptible import (
    DeletedCharacter,
    InvisibleCharacter,
    ReorderedCharacters,
)
from attacks.transformations.inflections import Inflections
from attacks.transformations.lookalikes import Homoglyph, MarkedLetters
from attacks.transformations.masked_words import MaskedWords
from attacks.transformations.noise import (
    Homophones,
    Misread,
    Misspellings,
    OtherCase,
    OtherNumber,
)
from attacks.transformations.prepended import Prepended
from attacks.transformations.rephrasing import BackTranslations, Paraphrases
from attacks.transformations.suffix import Suffix
from attacks.transformations.synonyms import EmbeddingNeighbours, WordNetSynonyms
from attacks.transformations.victim_words import VictimNeighbours

__all__ = [
    "AnyCharacter",
    "AnyToken",
    "AppendedClause",
    "BackTranslations",
    "Composite",
    "DeleteLetter",
    "DeleteWord",
    "DeletedCharacter",
    "EmbeddingNeighbours",
    "Homoglyph",
    "Homophones",
    "Inflections",
    "InsertLetter",
    "InvisibleCharacter",
    "MarkedLetters",
    "MaskedWords",
    "Misread",
    "Misspellings",
    "NeighbouringKey",
    "OtherCase",
    "OtherNumber",
    "Paraphrases",
    "Prepended",
    "ReorderedCharacters",
    "Sometimes",
    "Sparing",
    "SubstituteLetter",
    "Suffix",
    "SwapAdjacent",
    "VictimNeighbours",
    "WordNetSynonyms",
]

"""Ways to rewrite one word."""

from attacks.transformations.characters import (
    DeleteLetter,
    InsertLetter,
    SubstituteLetter,
    SwapAdjacent,
)
from attacks.transformations.composite import Composite
from attacks.transformations.synonyms import EmbeddingNeighbours, WordNetSynonyms

__all__ = [
    "Composite",
    "DeleteLetter",
    "EmbeddingNeighbours",
    "InsertLetter",
    "SubstituteLetter",
    "SwapAdjacent",
    "WordNetSynonyms",
]

"""What an attack must leave alone, and what its texts must still be."""

from attacks.constraints.edit_distance import EditDistance
from attacks.constraints.fluency import LikelyWord
from attacks.constraints.protections import MinWordLength, NoRepeat, Stopwords
from attacks.constraints.similarity import SentenceSimilarity
from attacks.constraints.words import EmbeddingCosine, MaxWordsChanged, SamePartOfSpeech

__all__ = [
    "EditDistance",
    "EmbeddingCosine",
    "LikelyWord",
    "MaxWordsChanged",
    "MinWordLength",
    "NoRepeat",
    "SamePartOfSpeech",
    "SentenceSimilarity",
    "Stopwords",
]

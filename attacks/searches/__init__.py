"""Orders in which candidates are tried: plain code for one example, no knowledge of batches."""

from attacks.searches.beam import Beam
from attacks.searches.one_step import OneStep
from attacks.searches.weighted_saliency import WeightedSaliency
from attacks.searches.word_importance import WordImportance

__all__ = ["Beam", "OneStep", "WeightedSaliency", "WordImportance"]

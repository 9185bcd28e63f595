"""Orders in which candidates are tried: plain code for one example, no knowledge of batches."""

from attacks.searches.beam import Beam
from attacks.searches.blind import Blind
from attacks.searches.by_severity import BySeverity
from attacks.searches.character_positions import CharacterPositions
from attacks.searches.coordinate_gradient import CoordinateGradient
from attacks.searches.differential_evolution import DifferentialEvolution
from attacks.searches.draws import Draws
from attacks.searches.exhaustive import Exhaustive
from attacks.searches.genetic import Genetic, ImprovedGenetic
from attacks.searches.gradient_beam import GradientBeam
from attacks.searches.in_turn import InTurn, Stage
from attacks.searches.once import Once
from attacks.searches.one_step import OneStep
from attacks.searches.particle_swarm import LevySwarm, ParticleSwarm
from attacks.searches.passes import Passes
from attacks.searches.relaxed_samples import RelaxedSamples
from attacks.searches.weighted_saliency import WeightedSaliency
from attacks.searches.word_importance import WordImportance

__all__ = [
    "Beam",
    "Blind",
    "BySeverity",
    "CharacterPositions",
    "CoordinateGradient",
    "DifferentialEvolution",
    "Draws",
    "Exhaustive",
    "Genetic",
    "GradientBeam",
    "ImprovedGenetic",
    "InTurn",
    "LevySwarm",
    "Once",
    "OneStep",
    "ParticleSwarm",
    "Passes",
    "RelaxedSamples",
    "Stage",
    "WeightedSaliency",
    "WordImportance",
]

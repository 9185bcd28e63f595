"""Natural noise: typing, scanning and spelling mistakes and other accidents, from little to much."""

from __future__ import annotations

from attacks.corruptions import CATALOGUE, SEVERITIES, chosen
from attacks.corruptions.severity import of_severity
from attacks.corruptions.words import Noise
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.searches import BySeverity

DEVIATIONS = (
    "It is ours: a catalogue of corruptions in five severities (docs/corruptions.md), after the idea of "
    "ImageNet-C. There every corruption is a test of its own; here the worst of all counts.",
    "The corruptions, their tables and their severities are our choice. They do not estimate how often "
    "such mistakes are made.",
    "Nothing checks that the label still holds: a text that is cut may have lost what it rested on, and "
    "swapped words can turn a phrase. Leave such corruptions out by `corruptions`.",
    "Words that the victim does not read are corrupted like the others.",
)


def build(
    corruptions: tuple[str, ...] = tuple(CATALOGUE), draws: int = 1, most: int = SEVERITIES[-1]
) -> Recipe:
    """The recipe.

    Args:
        corruptions: names from the catalogue.
        draws: texts of each corruption and severity.
        most: the last severity that is tried, 1 to 5.
    """
    of_severity(SEVERITIES, most)
    parts = chosen(corruptions)
    return Recipe(
        name="natural-noise",
        family="mixed",
        source="Withstand, after Hendrycks and Dietterich, Benchmarking Neural Network Robustness to "
        "Common Corruptions and Perturbations, ICLR 2019, arXiv:1903.12261",
        goal=Untargeted(),
        transformation=Noise(parts),
        search=BySeverity(parts, draws, most),
        deviations=DEVIATIONS,
    )

"""What counts as success."""

from __future__ import annotations

from dataclasses import dataclass

from attacks.models import Floats

DECIMALS = 6
"""Scores are compared after rounding to this many decimals.

Float32 softmax differs by about 1e-7 between batch shapes; ties that it would break are broken by the
order of the candidates instead, so that an outcome does not depend on the batch it was scored in.
"""


@dataclass(frozen=True)
class Untargeted:
    """Any wrong label: the score is 1 - p(gold label), success is a prediction that is not gold.

    Attributes:
        confidence: least probability that the wrong label must reach.
    """

    confidence: float = 0.0

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """See `attacks.protocols.Goal.judge`."""
        score = round(1.0 - float(probabilities[label]), DECIMALS)
        found = predicted(probabilities)
        sure = round(float(probabilities[found]), DECIMALS) >= self.confidence
        return score, found != label and sure


def predicted(probabilities: Floats) -> int:
    """Number of the most probable label after rounding; the lowest number among equals."""
    return int(probabilities.round(DECIMALS).argmax())

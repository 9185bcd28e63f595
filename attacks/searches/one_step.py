"""Many words at once, along one gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps


@dataclass(frozen=True)
class OneStep:
    """Replace, in a single step, the words whose replacement promises most by the gradient.

    Every editable word has one candidate: the rewrite with the highest first-order estimate. Those that
    promise to raise the loss are taken in that order, up to a share of the editable words that is drawn
    for each example from U(least, most). Whatever the length, it costs two queries, one of them with its
    gradient. Constraints are asked of every rewrite by itself, not of all of them together.
    """

    least: float = 0.0
    most: float = 1.0

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        options = {}
        for index in attempt.editable(attempt.original):
            rewrites = yield from attempt.rewrites(index)
            if rewrites:
                options[index] = rewrites
        if not options:
            return (yield from attempt.start())
        gains = yield from attempt.first_order(options)
        start = yield from attempt.start()
        best = {index: max(range(len(row)), key=row.__getitem__) for index, row in gains.items()}
        order = sorted(
            (index for index in options if gains[index][best[index]] > 0),
            key=lambda index: (-gains[index][best[index]], index),
        )
        share = attempt.rng.uniform(self.least, self.most)
        candidate = attempt.original
        for index in order[: math.ceil(share * len(options))]:
            candidate = candidate.replace(index, options[index][best[index]])
        if not candidate.edits:
            return start
        (scored,) = yield from attempt.score([candidate])
        return scored

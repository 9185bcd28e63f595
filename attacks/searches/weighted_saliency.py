"""Probability-weighted word saliency (Ren et al., ACL 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps
from attacks.searches.word_importance import importance


@dataclass(frozen=True)
class WeightedSaliency:
    """Algorithm 1 of the paper.

    For every word the substitute that lowers the gold probability most is found against the *original*
    text; words are then replaced in the order of softmax(saliency) x that drop (equations 4 to 8),
    each by its substitute, until the label changes. Saliency is the drop when the word is unknown.
    """

    drafts: ClassVar[bool] = True

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = yield from attempt.start()
        indices = attempt.editable(attempt.original)
        if not indices:
            return start
        masked = yield from importance(attempt, indices, "unk")
        substitutes: dict[int, str] = {}
        drops = dict.fromkeys(indices, 0.0)
        for index in indices:
            candidates = yield from attempt.propose(attempt.original, index)
            if not candidates:
                continue
            best = max((yield from attempt.score(candidates)), key=lambda s: s.score)
            if best.succeeded:
                # The first replacement in order cannot do better than one word.
                return best
            substitutes[index] = best.candidate.word(index)
            drops[index] = best.score - start.score
        saliency = np.array([masked[index] - start.score for index in indices])
        weights = np.exp(saliency - saliency.max())
        weights /= weights.sum()
        order = sorted(
            zip(indices, weights, strict=True),
            key=lambda pair: (-round(float(pair[1]) * drops[pair[0]], 9), pair[0]),
        )
        current = start
        for index, _ in order:
            if index not in substitutes:
                continue
            candidate = current.candidate.replace(index, substitutes[index])
            (current,) = yield from attempt.score([candidate])
            if current.succeeded:
                break
        return current

"""Random texts that no answer steers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps, together
from attacks.text import Candidate


@dataclass(frozen=True)
class Blind:
    """Rewrite random words by random proposals for them until one text succeeds.

    What a steered search must not lose to (Athalye, Carlini and Wagner, ICML 2018, section 3.1: random
    search finds what gradients do not). The number of words is drawn log-uniformly, so that few are
    rewritten as often as many. Texts that break a constraint are thrown away.

    Attributes:
        tries: most texts that are drawn; a query budget ends it earlier.
        most: words that are rewritten at the most; all that may be where None.
        at_once: texts that are asked about together.
    """

    tries: int = 512
    at_once: int = 16
    most: int | None = None

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        best = yield from attempt.start()
        places = attempt.editable(attempt.original)
        found = yield from together([attempt.rewrites(index) for index in places])
        rewrites = {place: words for place, words in zip(places, found, strict=True) if words}
        asked: set[Candidate] = set()
        for _ in range(0, self.tries if rewrites else 0, self.at_once):
            drawn = dict.fromkeys(
                _drawn(attempt.original, rewrites, self.most, attempt.rng)
                for _ in range(self.at_once)
            )
            new = [candidate for candidate in drawn if candidate not in asked]
            asked.update(new)
            texts = yield from attempt.admissible(new, attempt.original)
            for scored in (yield from attempt.score(texts)) if texts else ():
                best = max(best, scored, key=lambda one: one.rank)
            if best.succeeded:
                break
        return best


def _drawn(
    original: Candidate,
    rewrites: Mapping[int, Sequence[str]],
    most: int | None,
    rng: np.random.Generator,
) -> Candidate:
    places = sorted(rewrites)
    largest = len(places) if most is None else min(most, len(places))
    count = max(1, round(math.exp(rng.uniform(0.0, math.log(largest)))))
    candidate = original
    for place in sorted(rng.choice(places, size=count, replace=False).tolist()):
        words = rewrites[place]
        candidate = candidate.replace(place, words[int(rng.integers(len(words)))])
    return candidate

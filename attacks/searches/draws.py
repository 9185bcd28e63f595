"""The best of a few random texts."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps
from attacks.text import Candidate


@dataclass(frozen=True)
class Draws:
    """Rewrite every editable word by the first proposal for it, so many times; no answer steers it.

    It is for transformations that draw. Texts that break a constraint are thrown away.

    Attributes:
        tries: texts that are drawn.
    """

    tries: int = 1

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        best = yield from attempt.start()
        texts: dict[Candidate, None] = {}
        for _ in range(self.tries):
            candidate = attempt.original
            for index in attempt.editable(candidate):
                rewrites = yield from attempt.rewrites(index)
                if rewrites:
                    candidate = candidate.replace(index, rewrites[0])
            if candidate.edits:
                texts[candidate] = None
        drawn = yield from attempt.admissible(list(texts), attempt.original)
        if not drawn:
            return best
        return max((yield from attempt.score(drawn)), key=attrgetter("rank"))

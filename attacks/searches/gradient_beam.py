"""Beam search in which a gradient says what is tried (HotFlip: Ebrahimi et al., ACL 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps, together
from attacks.searches.population import rewrites
from attacks.text import Candidate


@dataclass(frozen=True)
class GradientBeam:
    """Every text of the beam is asked for its gradient, and the flips that promise most are scored.

    A round costs a query with its gradient for each text of the beam, and `width` plain ones for each.
    It ends with the first round that has a success, or nothing left to flip.

    Attributes:
        width: texts that are kept from one round to the next, and flips that are tried of each.
        rounds: most flips a text (None: as long as constraints and protections allow any).
    """

    width: int = 10
    rounds: int | None = None

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = best = yield from attempt.start()
        beam, met, done = [start.candidate], {start.candidate}, 0
        while self.rounds is None or done < self.rounds:
            flips = yield from together([self._flips(attempt, text) for text in beam])
            new = dict.fromkeys(text for found in flips for text in found if text not in met)
            if not new:
                break
            met.update(new)
            scored = yield from attempt.score(list(new))
            ranked = sorted(scored, key=attrgetter("rank"), reverse=True)
            best = max(best, ranked[0], key=attrgetter("rank"))
            if best.succeeded:
                break
            beam = [item.candidate for item in ranked[: self.width]]
            done += 1
        return best

    def _flips(self, attempt: Attempt, current: Candidate) -> Steps[list[Candidate]]:
        options = yield from rewrites(attempt, current)
        if not options:
            return []
        gains = yield from attempt.first_order(
            {i: [candidate.word(i) for candidate in new] for i, new in options.items()}, current
        )
        promised = [
            (gain, candidate)
            for i, new in options.items()
            for gain, candidate in zip(gains[i], new, strict=True)
        ]
        promised.sort(key=lambda pair: -pair[0])
        return [candidate for _, candidate in promised[: self.width]]

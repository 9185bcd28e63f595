"""Beam search over all words at once; greedy at a width of one."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.protocols import Scored, Steps
from attacks.searches.population import rewrites
from attacks.text import Candidate


@dataclass(frozen=True)
class Beam:
    """Rewrite every editable word of every text in the beam; the best of all make the next beam.

    The first round with a success ends the search with its best; so does a round with nothing new. Ties
    go to the earlier proposal. The next beam is taken even where it is worse than the last one, as in
    TextAttack (`BeamSearch`, `GreedySearch`).

    Attributes:
        width: texts that are kept from one round to the next.
        rounds: most edits a text (None: as long as constraints and protections allow any).
    """

    drafts: ClassVar[bool] = True

    width: int = 1
    rounds: int | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise AttackError(f"A beam is at least 1 wide, and {self.width} is less.")

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = best = yield from attempt.start()
        beam, met, done = [start], {start.candidate}, 0
        while self.rounds is None or done < self.rounds:
            new: dict[Candidate, None] = {}
            for item in beam:
                for found in (yield from rewrites(attempt, item.candidate)).values():
                    new |= dict.fromkeys(found)
            candidates = [candidate for candidate in new if candidate not in met]
            if not candidates:
                break
            met.update(candidates)
            scored = yield from attempt.score(candidates)
            beam = sorted(scored, key=attrgetter("rank"), reverse=True)[: self.width]
            best = max(best, beam[0], key=attrgetter("rank"))
            if beam[0].succeeded:
                break
            done += 1
        return best

"""Noise that grows until the victim is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from attacks.corruptions import SEVERITIES, generator
from attacks.engine.attempt import Attempt
from attacks.protocols import Corruption, Scored, Steps
from attacks.text import Candidate


@dataclass(frozen=True)
class BySeverity:
    """Ask every corruption at severity 1, then at 2, and so on, until there is a success.

    The texts are those of `attacks.corruptions.corrupted` under the run's seed, further draws beside
    them: which corruptions are asked, and how often, changes no text of another. Texts that change a
    protected word or break a constraint are thrown away.

    Attributes:
        corruptions: in the order in which they are asked.
        draws: texts of each corruption and severity.
        most: the last severity.
    """

    corruptions: tuple[Corruption, ...]
    draws: int = 1
    most: int = SEVERITIES[-1]

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        best = yield from attempt.start()
        asked = {attempt.original.strings}
        for severity in range(1, self.most + 1):
            texts: dict[tuple[str, ...], Candidate] = {}
            for candidate in self._texts(attempt, severity):
                if candidate.strings not in asked and _allowed(attempt, candidate):
                    texts.setdefault(candidate.strings, candidate)
            asked |= texts.keys()
            drawn = yield from attempt.admissible(list(texts.values()), attempt.original)
            if drawn:
                found = yield from attempt.score(drawn)
                best = max(best, *found, key=attrgetter("rank"))
            if best.succeeded:
                break
        return best

    def _texts(self, attempt: Attempt, severity: int) -> list[Candidate]:
        text, seed, example_id = attempt.example.text, attempt.seed, attempt.example.id
        return [
            corruption.corrupt(text, severity, generator(seed, example_id, corruption.name, draw))
            for corruption in self.corruptions
            for draw in range(self.draws)
        ]


def _allowed(attempt: Attempt, candidate: Candidate) -> bool:
    return all(
        protection.allows(attempt.original, index)
        for index in candidate.changed
        for protection in attempt.recipe.protections
    )

"""Once through the text from left to right, and once back."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps


@dataclass(frozen=True)
class Passes:
    """At every word in turn keep the rewrite that helps most; then again from the last word.

    Each pass starts at the original, and the better of the two counts. The first success ends the
    search; among several at one word the one with the highest score is taken, the earliest among equals.
    Tan et al. 2020, in the authors' code (`morpheus_nmt.py`).
    """

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = best = yield from attempt.start()
        words = attempt.editable(attempt.original)
        for order in (words, words[::-1]):
            current = start
            for index in order:
                candidates = yield from attempt.propose(current.candidate, index)
                if not candidates:
                    continue
                found = max((yield from attempt.score(candidates)), key=attrgetter("rank"))
                if found.succeeded:
                    return found
                if found.score > current.score:
                    current = found
            best = max(best, current, key=attrgetter("rank"))
        return best

"""Texts drawn from a fitted distribution, until one succeeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps
from attacks.questions import Relaxation
from attacks.text import rewritten


@dataclass(frozen=True)
class RelaxedSamples:
    """Have the victim fit a distribution around the text, and judge what is drawn from it, as text.

    Fitting costs `how.passes` queries, which are charged before it begins: an example whose budget does
    not hold them ends there. A text without a word that may be edited is left alone. Texts are judged in
    the order in which they were drawn, `at_once` together; the first that succeeds is the result.
    """

    how: Relaxation = field(default_factory=Relaxation)
    at_once: int = 10

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        best = yield from attempt.start()
        if not attempt.editable(attempt.original):
            return best
        drawn = yield from attempt.relax(self.how)
        texts = [rewritten(attempt.example.text, text) for text in dict.fromkeys(drawn.texts)]
        new = [
            t for t in texts if t != attempt.original and attempt.may_change(t, attempt.original)
        ]
        for first in range(0, len(new), self.at_once):
            batch = new[first : first + self.at_once]
            allowed = yield from attempt.admissible(batch, attempt.original)
            if not allowed:
                continue
            scored = yield from attempt.score(allowed)
            won = next((item for item in scored if item.succeeded), None)
            if won is not None:
                return won
            best = max([best, *scored], key=attrgetter("rank"))
        return best

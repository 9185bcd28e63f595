"""One text, and no search."""

from __future__ import annotations

from dataclasses import dataclass

from attacks.engine.attempt import Attempt
from attacks.protocols import Scored, Steps
from attacks.universal.trigger import Trigger


@dataclass(frozen=True)
class Once:
    """Ask the original with a trigger before it: one query beside the original's, and no more."""

    trigger: Trigger

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        start = yield from attempt.start()
        candidate = self.trigger.on(attempt.example.text)
        if candidate == attempt.original or not attempt.may_change(candidate, attempt.original):
            return start
        allowed = yield from attempt.admissible([candidate], attempt.original)
        if not allowed:
            return start
        (scored,) = yield from attempt.score(allowed)
        return scored

"""Greedy coordinate gradient (Zou et al., 2023): swaps of tokens that a gradient proposes."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.protocols import SPELLING, Ask, Scored, Steps
from attacks.questions import Respelling, Spelt, TokenChoices
from attacks.text import Candidate, rewritten
from attacks.transformations.suffix import Suffix


@dataclass(frozen=True)
class CoordinateGradient:
    """Swap tokens of a suffix, many ways at a time, and go on from the best of them.

    A step asks one gradient for the tokens that promise most in each place, draws `width` suffixes in
    which `swaps` tokens are replaced by some of those, leaves out those that no text leads to, has the
    victim score the others, and goes on from the one with the highest score, be it lower than before.
    It costs a query with its gradient and at most `width` plain ones. The search ends with the first
    success. A step in which nothing can be spelt is passed over.

    The recipe's transformation must be `Suffix`; needs are a model's gradients and its spelling.

    Attributes:
        steps: most rounds.
        width: suffixes that are drawn in a round.
        most: tokens that a gradient proposes for each place.
        swaps: tokens that differ from one round to the next.
        buffer: suffixes that are kept, best first: the next round goes on from the best of them all, and
            what is found takes the place of the worst if it is better. With 0 there is no memory.
    """

    steps: int = 250
    width: int = 512
    most: int = 256
    swaps: int = 1
    buffer: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "most", "swaps"):
            if getattr(self, name) < 1:
                raise AttackError(f"A search by coordinates needs at least 1 for {name}.")

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        part = attempt.recipe.transformation
        if not isinstance(part, Suffix):
            raise AttackError(
                f"The recipe '{attempt.recipe.name}' searches suffixes: its transformation must be "
                f"Suffix, not {type(part).__name__}."
            )
        yield from attempt.start()
        kept = yield from attempt.score([part.first(attempt.example.text)])
        best, current = kept[0], None
        for _ in range(self.steps):
            if best.succeeded:
                break
            if current is not kept[0]:
                current = kept[0]
                proposed = yield from attempt.coordinates(
                    current.candidate, self.most, ascii_only=part.ascii_only
                )
            candidates = yield from self._drawn(attempt, current.candidate, proposed)
            if candidates:
                scored = yield from attempt.score(candidates)
                found = max(scored, key=attrgetter("rank"))
                best = max(best, found, key=attrgetter("rank"))
                kept = self._kept(kept, found)
        return best

    def _kept(self, kept: list[Scored], found: Scored) -> list[Scored]:
        if self.buffer == 0:
            return [found]
        if len(kept) == self.buffer:
            if found.rank <= kept[-1].rank:
                return kept
            kept = kept[:-1]
        return sorted([*kept, found], key=attrgetter("rank"), reverse=True)

    def _drawn(
        self, attempt: Attempt, current: Candidate, proposed: TokenChoices
    ) -> Steps[list[Candidate]]:
        """Texts that are drawn from what is proposed, each once."""
        length, most = proposed.choices.shape
        swaps = min(self.swaps, length)
        # The places of each row are drawn without replacement.
        places = attempt.rng.random((self.width, length)).argsort(axis=1, kind="stable")[:, :swaps]
        ranks = attempt.rng.integers(most, size=(self.width, swaps))
        ids = np.repeat(proposed.ids[np.newaxis], self.width, axis=0)
        np.put_along_axis(ids, places, proposed.choices[places, ranks], axis=1)
        rows = tuple(dict.fromkeys(map(tuple, ids.tolist())))
        asked = Respelling(current.strings, attempt.original.strings, rows)
        answers: list[Spelt] = yield Ask(SPELLING, (asked,))
        origin = attempt.example.text
        texts = dict.fromkeys(text for text in answers[0].texts if text is not None)
        found = [rewritten(origin, text) for text in texts]
        return (yield from attempt.admissible(found, current))

"""Every combination of rewrites, the fewest edits first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.protocols import Scored, Steps, proposals, together
from attacks.text import Candidate


@dataclass(frozen=True)
class Exhaustive:
    """Try all texts that rewrites of the original's words make, one edited word first, then two, ...

    Within a number of edits words go from left to right and rewrites in proposal order. The first batch
    with a success ends the search with its best; a batch holds texts of one number of edits, so that no
    success has fewer. Rewrites are those of the words in the original text, those that change more than
    their word left out; constraints are asked of every text as a whole, against the original.

    There are as many texts as the product of (1 + rewrites) over the words: it is for small worlds, for
    few edits, or for a query budget, which ends it wherever it has come to. Texts are made as they are
    asked for.

    Attributes:
        edits: most edited words a text (None: all of them).
        batch: texts that are asked at once.
    """

    edits: int | None = None
    batch: int = 64

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise AttackError(f"A batch holds at least 1 text, and {self.batch} is less.")

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        best = yield from attempt.start()
        options = yield from self._options(attempt)
        most = len(options) if self.edits is None else min(self.edits, len(options))
        for count in range(1, most + 1):
            texts = _texts(attempt.original, options, count)
            while batch := list(itertools.islice(texts, self.batch)):
                candidates = yield from attempt.admissible(batch, attempt.original)
                if not candidates:
                    continue
                scored = yield from attempt.score(candidates)
                best = max([best, *scored], key=attrgetter("rank"))
                if best.succeeded:
                    return best
        return best

    def _options(self, attempt: Attempt) -> Steps[dict[int, list[str]]]:
        """By word index what could stand there, before any constraint."""
        original, part = attempt.original, attempt.recipe.transformation
        words = attempt.editable(original)
        found = yield from together([proposals(part, original, i, attempt.rng) for i in words])
        options = {}
        for index, new in zip(words, found, strict=True):
            strings = [
                proposal if isinstance(proposal, str) else proposal.word(index)
                for proposal in new
                if isinstance(proposal, str) or proposal.changed == (index,)
            ]
            options[index] = [s for s in dict.fromkeys(strings) if s != original.word(index)]
        return {index: new for index, new in options.items() if new}


def _texts(
    original: Candidate, options: Mapping[int, Sequence[str]], count: int
) -> Iterator[Candidate]:
    """All texts with exactly so many edited words."""
    for indices in itertools.combinations(options, count):
        for words in itertools.product(*(options[index] for index in indices)):
            candidate = original
            for index, word in zip(indices, words, strict=True):
                candidate = candidate.replace(index, word)
            yield candidate

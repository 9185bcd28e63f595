"""Greedy search over words ranked by importance."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar, Literal

from attacks.engine.attempt import Attempt
from attacks.protocols import ModelTransformation, Scored, Steps

Ranking = Literal["unk", "delete", "gradient", "random"]
UNKNOWN = "[UNK]"


@dataclass(frozen=True)
class WordImportance:
    """Visit words from the most important to the least; keep the best rewrite of each that helps.

    A word's importance is the goal's score with the word replaced by `[UNK]` ("unk") or left out
    ("delete"): one query a word; or the size of the gradient at its tokens ("gradient", Yoo and Qi
    2021): one query with its gradient for all. Ties are visited from left to right. The first success
    ends the search; among several at one position the one with the highest score is taken, the
    earliest proposal among equals. Greedy word-importance ranking as in Gao et al. 2018 and Jin et al.
    2020.

    A draft is made up for: where it ends without a success, words are visited once more, for the
    rewrites that it kept back.

    Attributes:
        ranking: how words are ranked.
        then: what is tried at each word after its rewrites, whether one of them helped or not.
    """

    drafts: ClassVar[bool] = True
    greedy: ClassVar[bool] = True

    ranking: Ranking
    then: ModelTransformation | None = None

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """See `attacks.protocols.Search.run`."""
        current = yield from attempt.start()
        visits = [
            (index, part)
            for index in (yield from rank(attempt, self.ranking))
            for part in ((None, self.then) if self.then is not None else (None,))
        ]
        tried: dict[int, set[str]] = {}
        for again in (False, True):
            for index, part in visits:
                candidates = yield from attempt.propose(
                    current.candidate, index, part, all_of_them=again
                )
                asked = tried.setdefault(index, set())
                new = [c for c in candidates if not again or c.word(index) not in asked]
                asked.update(c.word(index) for c in new)
                if not new:
                    continue
                best = max((yield from attempt.score(new)), key=attrgetter("rank"))
                if best.succeeded:
                    return best
                if best.score > current.score:
                    current = best
            if not attempt.left_out:
                break
        return current


def rank(attempt: Attempt, ranking: Ranking) -> Steps[list[int]]:
    """Editable word indices, most important first."""
    indices = attempt.editable(attempt.original)
    if not indices:
        return []
    if ranking == "random":
        return [int(i) for i in attempt.rng.permutation(indices)]
    if ranking == "gradient":
        weights = yield from attempt.weights(indices)
    else:
        weights = yield from importance(attempt, indices, ranking)
    return sorted(indices, key=lambda i: (-weights[i], i))


def importance(
    attempt: Attempt, indices: list[int], ranking: Literal["unk", "delete"]
) -> Steps[dict[int, float]]:
    """The goal's score with each word masked or left out, by word index, or a draft's guess at it."""
    mask = UNKNOWN if ranking == "unk" else ""
    probes = [attempt.original.replace(index, mask) for index in indices]
    if attempt.recipe.draft is not None:
        by_word = dict(zip(indices, probes, strict=True))
        return (yield from attempt.recipe.draft.weights(attempt, by_word))
    scored = yield from attempt.score(probes, probing=True)
    return {index: result.score for index, result in zip(indices, scored, strict=True)}

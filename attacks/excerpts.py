"""A draft for long texts: the victim itself, asked about an excerpt in the place of the whole.

What a word weighs in an excerpt, and what a rewrite of it does there, is a guess at what they do in the
text, for a fraction of the victim's time. Of what is guessed best the victim is then asked in the text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from attacks.drafts import HALF
from attacks.engine.attempt import Attempt
from attacks.errors import AttackError
from attacks.goals import Targeted, Untargeted
from attacks.protocols import VICTIM, Steps
from attacks.rounding import DECIMALS
from attacks.text import Candidate, Edit, Text, Whole, changed_between

LEAST = 0.01
"""What an excerpt weighs at the least, in log-odds, so that none of its words is thrown away."""


@dataclass(frozen=True)
class ExcerptDraft:
    """Words and rewrites are ranked in an excerpt of the text, and the best of them in the text.

    The text is cut into runs of words of about the same length. The victim is asked about each run by
    itself, about each run without each of its words, and about the text without each run: a word weighs
    what it weighs in its run, times the root of what the run weighs. TextBugger (Li et al., NDSS 2019)
    asks about sentences by themselves to rank them; here they rank their words. The words that weigh
    most are then ranked in the text itself, before all others. Rewrites of a word are compared in its
    run, of the text as it stands.

    All of these are queries and counted as such: there are more of them than without the draft, and most
    are short. It needs the victim's probabilities and nothing else of it. A text that is one run has no
    shorter excerpt and is asked about as without a draft.

    Attributes:
        keep: rewrites of a word that the victim is asked about in the text.
        words: of an excerpt, about.
        ranked: words that are ranked in the text.
    """

    needs: ClassVar[str] = VICTIM
    trusted: ClassVar[bool] = True  # what it ranks behind in an excerpt is seldom worth a visit
    least_passing: ClassVar[float] = HALF
    exact: ClassVar[bool] = False

    keep: int = 1
    words: int = 32
    ranked: int = 16

    def __post_init__(self) -> None:
        if self.keep < 1 or self.words < 1 or self.ranked < 0:
            raise AttackError(
                "A draft keeps at least 1 rewrite of a word, and an excerpt has at least 1 word."
            )

    def order(
        self, attempt: Attempt, candidates: Sequence[Candidate], current: Candidate
    ) -> Steps[list[Candidate]]:
        """See `attacks.protocols.Draft.order`: by the goal's score of the run around what differs.

        Where a candidate changes more than one run, or more than words, all are asked about as they are.
        """
        runs = excerpts(current.origin, attempt.editable(attempt.original), self.words)
        changed = {i for candidate in candidates for i in changed_between(candidate, current)}
        texts = list(candidates)
        whole = current.whole or any(candidate.whole for candidate in candidates)
        for run in runs if not whole else ():
            if changed <= set(run.indices):
                alone = excerpt(current.origin, run)
                texts = [_within(alone, candidate, run) for candidate in candidates]
        scored = yield from attempt.score(texts, probing=True)
        order = sorted(range(len(candidates)), key=lambda n: -scored[n].score)
        return [candidates[n] for n in order]

    def weights(self, attempt: Attempt, probes: Mapping[int, Candidate]) -> Steps[dict[int, float]]:
        """See `attacks.protocols.Draft.weights`: words that are not ranked in the text come last."""
        guessed = yield from self._guessed(attempt, probes)
        order = sorted(probes, key=lambda index: (-guessed[index], index))
        first, last = order[: self.ranked], order[self.ranked :]
        weights: dict[int, float] = {}
        if first:
            scored = yield from attempt.score([probes[index] for index in first], probing=True)
            weights = {i: found.score for i, found in zip(first, scored, strict=True)}
        below = min(weights.values(), default=0.0)
        behind = max((guessed[index] for index in last), default=0.0)
        return weights | {index: below + guessed[index] - behind for index in last}

    def _guessed(
        self, attempt: Attempt, probes: Mapping[int, Candidate]
    ) -> Steps[Mapping[int, float]]:
        """What each word weighs, as far as its run can tell."""
        origin = attempt.original.origin
        runs = excerpts(origin, list(probes), self.words)
        if len(runs) < 2:
            scored = yield from attempt.score(list(probes.values()), probing=True)
            return {index: found.score for index, found in zip(probes, scored, strict=True)}
        texts: list[Candidate] = []
        for run in runs:
            alone = excerpt(origin, run)
            without = tuple(Edit(index, probes[index].word(index)) for index in run.indices)
            texts += [alone, Candidate(origin, without)]
            texts += [alone.replace(index, probes[index].word(index)) for index in run.indices]
        start = yield from attempt.start()
        scored = yield from attempt.score(texts, probing=True)
        answers = iter(_steep(attempt, found.score) for found in scored)
        original = _steep(attempt, start.score)
        guessed: dict[int, float] = {}
        for run in runs:
            alone_score, share = next(answers), math.sqrt(max(next(answers) - original, LEAST))
            for index in run.indices:
                guessed[index] = round((next(answers) - alone_score) * share, DECIMALS)
        return guessed


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one field, by index, and the characters of the field that they stand among."""

    indices: tuple[int, ...]
    field: int
    start: int
    end: int


def excerpts(origin: Text, indices: Sequence[int], words: int) -> list[Run]:
    """Runs of about so many of the words at `indices`.

    The runs of a field are of the same length, give or take one, and leave no character of it out.
    """
    found: list[Run] = []
    for number, value in enumerate(origin.strings):
        inside = [index for index in indices if origin.words[index].field == number]
        count = max(1, round(len(inside) / words))
        edges = [round(place * len(inside) / count) for place in range(count + 1)]
        runs = [tuple(inside[low:high]) for low, high in pairwise(edges) if low < high]
        starts = [0, *(origin.words[run[0]].start for run in runs[1:])]
        ends = [*starts[1:], len(value)]
        found += [Run(run, number, *edge) for run, *edge in zip(runs, starts, ends, strict=False)]
    return found


def excerpt(origin: Text, run: Run) -> Candidate:
    """The text with the field of the run cut to where it stands, and other fields as they are."""
    value = origin.strings[run.field]
    kept = value[run.start : run.end].rstrip()
    if kept == value:
        return origin.candidate
    strings = list(origin.strings)
    strings[run.field] = kept
    spans, out = [], []
    for index, word in enumerate(origin.words):
        if word.field != run.field:
            spans.append((word.start, word.end))
        elif run.start <= word.start < run.end:
            spans.append((word.start - run.start, word.end - run.start))
        else:
            place = 0 if word.start < run.start else len(kept)
            spans.append((place, place))
            out.append(Edit(index, ""))
    return Candidate(origin, tuple(out), Whole(tuple(strings), tuple(spans)))


def _within(alone: Candidate, candidate: Candidate, run: Run) -> Candidate:
    """A run with what a candidate has changed in it."""
    if alone.whole is None:
        return candidate
    for edit in candidate.edits:
        word = candidate.origin.words[edit.index]
        if word.field != run.field or run.start <= word.start < run.end:
            alone = alone.replace(edit.index, edit.replacement)
    return alone


def _steep(attempt: Attempt, score: float) -> float:
    """The log-odds of a score that is a probability.

    A word takes about as much of them from a run as from the text, however sure the victim is of either.
    Other scores are differences of logits, or the goal's own affair.
    """
    if not isinstance(attempt.recipe.goal, Untargeted | Targeted):
        return score
    least = 10.0**-DECIMALS
    score = min(max(score, least), 1 - least)
    return math.log(score / (1 - score))

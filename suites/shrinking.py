"""The fewest of an attack's edits that still fool the model.

An attack leaves more than it needs: words that it changed on the way, before the one that tipped the
answer. What differs between the original and the adversarial text is cut into edits, whatever attack
made them, and subsets of these are tried from small to large.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from attacks.models import Victim
from harness.prediction import rows_of
from reports.alignment import aligned
from reports.progress import Progress, Quiet
from reports.records import OutcomeRecord

Strings = tuple[str, ...]
BUDGET = 256
"""Texts that may be tried for one success before the search becomes a greedy one."""
WAVE = 64
"""Successes that are shrunk side by side, so that batches fill."""
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Shrunk:
    """A success with the fewest edits that were found to do.

    Attributes:
        original, smallest: values of the fields.
        edits, of: edits that are left, of how many.
        predicted: what the model answers to `smallest`.
        least: whether no smaller subset of the edits fools the model; False where there were too many
            subsets to try, and none of the edits left can be spared by itself.
    """

    attack: str
    example_id: str
    label: int
    original: Strings
    smallest: Strings
    edits: int
    of: int
    predicted: int
    least: bool


@dataclass(frozen=True)
class Edit:
    """One stretch of a field that differs."""

    field: int
    start: int
    end: int
    new: str


def edits_between(original: Strings, perturbed: Strings) -> list[Edit]:
    """Stretches of words, marks or spaces that differ; all of them make `perturbed` of `original`.

    What differs in a text that says the same thousands of times may be one edit (`reports.alignment`).
    """
    found = []
    for number, (before, after) in enumerate(zip(original, perturbed, strict=True)):
        old, new = _PIECE.findall(before), _PIECE.findall(after)
        starts = np.cumsum([0, *map(len, old)]).tolist()
        for kind, a, b, c, d in aligned(old, new):
            if kind != "equal":
                found.append(Edit(number, starts[a], starts[b], "".join(new[c:d])))
    return found


def applied(original: Strings, edits: Iterable[Edit]) -> Strings:
    """The fields with some of the edits made."""
    fields = list(original)
    for edit in sorted(edits, key=lambda edit: (edit.field, edit.start), reverse=True):
        text = fields[edit.field]
        fields[edit.field] = text[: edit.start] + edit.new + text[edit.end :]
    return tuple(fields)


def fooling(outcomes: Iterable[OutcomeRecord]) -> list[OutcomeRecord]:
    """The successes that end in a wrong answer."""
    return [
        o
        for o in outcomes
        if o.status == "succeeded" and o.perturbed is not None and o.predicted_after != o.label
    ]


def shrink(
    victim: Victim,
    outcomes: Sequence[OutcomeRecord],
    *,
    targeted: Iterable[str] = (),
    budget: int = BUDGET,
    progress: Progress | None = None,
) -> list[Shrunk]:
    """Every success among the outcomes, shrunk; one that does not fool the model any more is left out.

    A success that keeps its label (input reduction) fools nobody by a wrong answer, and is left out too.

    Of several that come to the same text of an example one is kept. Texts of different successes are
    scored together.

    Args:
        targeted: attacks that are after one label: what is left of their edits still gets that label.
        budget: texts that may be tried for one success before the search becomes a greedy one.
    """
    aimed = frozenset(targeted)
    successes = fooling(outcomes)
    found: dict[tuple[str, Strings], Shrunk] = {}
    with (progress or Quiet()).task("shrink", len(successes)) as task:
        for start in range(0, len(successes), WAVE):
            wave = successes[start : start + WAVE]
            for shrunk in _side_by_side(
                victim, [_search(o, budget, o.attack in aimed) for o in wave]
            ):
                if shrunk is not None:
                    found.setdefault((shrunk.example_id, shrunk.smallest), shrunk)
            task.update(start + len(wave))
    return list(found.values())


Search = Generator[list[Strings], Any, Shrunk | None]
"""Yields texts and is sent their log-probabilities, shape (texts, labels)."""


def _side_by_side(victim: Victim, searches: Sequence[Search]) -> list[Shrunk | None]:
    results: list[Shrunk | None] = [None] * len(searches)
    asked = {place: next(search) for place, search in enumerate(searches)}
    while asked:
        texts = [text for wanted in asked.values() for text in wanted]
        rows = np.stack(rows_of(victim, texts))
        following = {}
        for place, wanted in asked.items():
            mine, rows = rows[: len(wanted)], rows[len(wanted) :]
            try:
                following[place] = searches[place].send(mine)
            except StopIteration as end:
                results[place] = end.value
        asked = following
    return results


def _search(outcome: OutcomeRecord, budget: int, targeted: bool) -> Search:
    original, perturbed = outcome.original, outcome.perturbed or ()
    edits = edits_between(original, perturbed)
    kept, least = tuple(edits), True
    rows = yield [applied(original, kept)]
    predicted = _fooled(rows, outcome.label, None)
    if not predicted:
        return None
    answer = predicted[0]
    # Another model may be fooled into another label: that is no success of the attack, and wrong still.
    target = answer if targeted and answer == outcome.predicted_after else None
    spent, size = 1, 1
    while size < len(edits):
        if spent + math.comb(len(edits), size) > budget:
            least = False
            break
        subsets = list(combinations(edits, size))
        fooled = _fooled((yield [applied(original, s) for s in subsets]), outcome.label, target)
        if fooled:
            best = next(iter(fooled))
            kept, answer = subsets[best], fooled[best]
            break
        spent += len(subsets)
        size += 1
    while not least and len(kept) > 1:
        fewer = [kept[:place] + kept[place + 1 :] for place in range(len(kept))]
        fooled = _fooled((yield [applied(original, s) for s in fewer]), outcome.label, target)
        if not fooled:
            break
        best = next(iter(fooled))
        kept, answer = fewer[best], fooled[best]
    return Shrunk(
        attack=outcome.attack,
        example_id=outcome.example_id,
        label=outcome.label,
        original=original,
        smallest=applied(original, kept),
        edits=len(kept),
        of=len(edits),
        predicted=answer,
        least=least,
    )


def _fooled(rows: Any, label: int, target: int | None) -> dict[int, int]:
    """Answers other than the label, or equal to the target if any, by place, the surest first.

    A row that is not finite is none.
    """
    order = sorted(range(len(rows)), key=lambda n: (round(float(rows[n][label]), 6), n))
    return {
        n: int(np.argmax(rows[n]))
        for n in order
        if np.isfinite(rows[n]).all()
        and (answer := int(np.argmax(rows[n]))) != label
        and target in (None, answer)
    }

"""A sample of a run's successes for people to label blind, mixed with unaltered texts as controls.

What is drawn follows from the run, a number and a seed alone, and the ids in the file say both. So the
file needs no key beside it: whoever has the run draws the sheet again and knows what each text was.

Successes are drawn evenly by attack: of every attack the same number, in the order of a hash of (seed,
attack, example), as long as it has any. A text that was drawn for two attacks stands there once.
Controls are drawn first, by a hash of (seed, example), from the texts that the model had right, and the
successes on these texts are left out: nobody sees a text beside what became of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import HarnessError
from reports import summaries
from reports.folder import RunFolder
from reports.hashing import sha256_texts
from reports.records import OutcomeRecord
from suites.meaning import changes_label

Strings = tuple[str, ...]
CONTROLS = 4
"""One text in so many is a control."""


@dataclass(frozen=True, slots=True)
class Item:
    """One text of a sheet.

    Attributes:
        fields: what people read.
        label: number of the label that the unaltered text has.
        group: the family of its example.
        checks: of which attacks' samples it is one; empty for a control.
    """

    id: str
    fields: Strings
    label: int
    group: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that was drawn, in the order of the file.

    Attributes:
        run: id of the run; `n` and `seed` are what it was drawn by.
        outcomes: of the attacks that were drawn from, by check.
    """

    run: str
    n: int
    seed: int
    items: tuple[Item, ...]
    outcomes: dict[str, tuple[OutcomeRecord, ...]]

    @property
    def controls(self) -> int:
        """How many of the texts are unaltered."""
        return sum(not item.checks for item in self.items)


def draw(run: RunFolder, n: int, seed: int) -> Sheet:
    """At most `n` texts of a run, about a quarter of them controls.

    Attacks on held-out examples and the model as it is are drawn from, others where there are none.
    Raises HarnessError where the run has no success that changed the label.
    """
    outcomes = [o for o in run.outcomes() if o.written_before is None]
    chosen = _measured(outcomes)
    by_check = {
        check: tuple(o for o in chosen if o.check == check)
        for check in dict.fromkeys(o.check for o in chosen)
    }
    won = {check: [o for o in found if changes_label(o)] for check, found in by_check.items()}
    if not any(won.values()):
        raise HarnessError(_nothing(run, outcomes))
    right = {
        o.example_id: o
        for o in chosen
        if o.predicted_before == o.label and any(map(str.strip, o.original))
    }
    order = sorted(right, key=lambda name: _hash(seed, "control", name))
    controls = order[: min(n // CONTROLS, len(order) // CONTROLS)]
    left = {c: [o for o in found if o.example_id not in controls] for c, found in won.items()}
    if not any(left.values()):
        controls, left = [], won
    found: dict[Strings, list[OutcomeRecord]] = {}
    for check, many in _quotas({c: len(left[c]) for c in left}, n - len(controls)).items():
        in_order = sorted(left[check], key=lambda o: _hash(seed, check, o.example_id))
        for outcome in in_order[:many]:
            found.setdefault(outcome.perturbed or (), []).append(outcome)
    items = [
        _item(run.id, n, seed, fields, drawn[0], tuple(o.check for o in drawn))
        for fields, drawn in found.items()
    ]
    items += [
        _item(run.id, n, seed, right[name].original, right[name], ())
        for name in controls
        if right[name].original not in found
    ]
    distinct = {item.id: item for item in items}
    return Sheet(run.id, n, seed, tuple(distinct[i] for i in sorted(distinct)), by_check)


def parameters(item_id: str) -> tuple[int, int] | None:
    """The number and the seed that an id says its sheet was drawn by; None where it says none."""
    parts = item_id.split("-")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts[1:]):
        return None
    return int(parts[1]), int(parts[2])


def _item(
    run: str, n: int, seed: int, fields: Strings, outcome: OutcomeRecord, checks: tuple[str, ...]
) -> Item:
    return Item(
        # Its beginning decides the order in the file, so it must say nothing of what the text is.
        id=f"{sha256_texts([run, str(seed), *fields])[:10]}-{n}-{seed}",
        fields=fields,
        label=outcome.label,
        group=outcome.group or f"example {outcome.example_id}",
        checks=checks,
    )


def _measured(outcomes: Sequence[OutcomeRecord]) -> list[OutcomeRecord]:
    """Those of the model as it is on held-out texts, as far as there are any."""
    chosen = list(outcomes)
    for wanted in (lambda o: o.split != "train", lambda o: not o.calibrated):
        chosen = [o for o in chosen if wanted(o)] or chosen
    return chosen


def _quotas(sizes: dict[str, int], total: int) -> dict[str, int]:
    """As even a share of `total` for each as its size allows; the first ones get what is over."""
    found = dict.fromkeys(sizes, 0)
    while total > 0 and (open_ := [name for name in sizes if found[name] < sizes[name]]):
        each = max(1, total // len(open_))
        for name in open_:
            more = min(each, sizes[name] - found[name], total)
            found[name] += more
            total -= more
    return found


def _hash(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()


def _nothing(run: RunFolder, outcomes: Iterable[OutcomeRecord]) -> str:
    tried = sum(o.status in summaries.ATTACKABLE for o in outcomes)
    why = (
        f"None of the {tried} attacks on texts of the run {run.id} changed the model's answer to "
        "another label, so there is nothing for people to judge."
        if tried
        else f"The run {run.id} holds no outcomes of attacks on a classifier."
    )
    return f"{why} Name a run of `withstand attack` or `withstand audit` that has successes."

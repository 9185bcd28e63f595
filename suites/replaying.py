"""`withstand replay`: one outcome of a run once more, with every query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from attacks.engine.cache import Cache, Key
from attacks.questions import Answer, Written
from attacks.rounding import softmax
from harness.errors import HarnessError, did_you_mean
from reports.folder import RunFolder
from reports.records import OutcomeRecord
from reports.visible import one_line
from suites.rerunning import Setting, rerun, setting_of
from suites.shrinking import Strings, edits_between

SAME = ("status", "perturbed", "predicted_after", "queries", "unique_queries")
"""Fields in which an outcome that was run again should be the recorded one."""


@dataclass(frozen=True)
class Query:
    """One thing that a search asked for the first time.

    Attributes:
        text: the values of the fields; None where no text was to be scored (a gradient, a distribution).
        asked: what else was asked, in a word.
        predicted, confidence: the answer and the probability of the record's label (a classifier's).
        written: what a model wrote.
    """

    text: Strings | None
    asked: str = ""
    predicted: int | None = None
    confidence: float | None = None
    written: str | None = None


@dataclass(frozen=True)
class Replayed:
    """An outcome as it was recorded and as it came now.

    Attributes:
        labels: label names; none of a victim that writes.
        differs: fields that are not what they were.
    """

    run: str
    recorded: OutcomeRecord
    now: OutcomeRecord
    queries: tuple[Query, ...]
    labels: tuple[str, ...]
    differs: tuple[str, ...] = field(default=())


class Heard(Cache):
    """A cache that keeps the order in which questions were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Key, Answer | None] = {}

    def get(self, key: Key) -> Answer | None:
        """See `Cache.get`."""
        self.asked.setdefault(key, None)
        return super().get(key)

    def put(self, key: Key, row: Answer) -> None:
        """See `Cache.put`."""
        self.asked[key] = row
        super().put(key, row)


def replay(
    path: Path,
    example: str,
    *,
    attack: str | None = None,
    calibrated: bool | None = None,
    model: str | None = None,
    device: str | None = None,
) -> Replayed:
    """Run one outcome of a run again.

    Args:
        example: an example's id, or the beginning of one that no other has.
        attack, calibrated: which of its outcomes, where it has several.

    Raises HarnessError where no outcome is meant, or several are, and as `setting_of`.
    """
    run = RunFolder.open(path)
    record = chosen(run.outcomes(), example, attack, calibrated)
    setting = setting_of(run, [record.attack], model=model, device=device)
    heard = Heard()
    (now,) = rerun(setting, run, [record], heard)
    return Replayed(
        run=run.id,
        recorded=record,
        now=now,
        queries=tuple(_queries(heard, setting, record)),
        labels=setting.labels,
        differs=differing(record, now),
    )


def differing(recorded: OutcomeRecord, now: OutcomeRecord) -> tuple[str, ...]:
    """The fields of `SAME` that are not what they were."""
    return tuple(name for name in SAME if getattr(recorded, name) != getattr(now, name))


def chosen(
    outcomes: Sequence[OutcomeRecord], example: str, attack: str | None, calibrated: bool | None
) -> OutcomeRecord:
    """The one outcome that is meant. Raises HarnessError where there is none, or more than one."""
    ids = dict.fromkeys(o.example_id for o in outcomes)
    meant = [example] if example in ids else [name for name in ids if name.startswith(example)]
    if len(meant) != 1:
        if meant:
            shown = ", ".join(meant[:5])
            raise HarnessError(
                f"Several examples begin with '{example}': {shown}. Write more of it."
            )
        near = did_you_mean(example, ids)
        raise HarnessError(f"The run has no outcome of an example '{example}'.{near}")
    found = [
        o
        for o in outcomes
        if o.example_id == meant[0]
        and attack in (None, o.attack)
        and calibrated in (None, o.calibrated)
    ]
    if len(found) == 1:
        return found[0]
    every = [o for o in outcomes if o.example_id == meant[0]]
    names = ", ".join(f"{o.attack}{' (calibrated)' if o.calibrated else ''}" for o in every)
    said = "Several outcomes are" if found else "No outcome is"
    raise HarnessError(
        f"{said} meant: of the example '{meant[0]}' there are those of {names}. Name one with "
        "--attack, and --calibrated or --raw."
    )


def _queries(heard: Heard, setting: Setting, record: OutcomeRecord) -> Iterator[Query]:
    temperature = (setting.temperature or 1.0) if record.calibrated else 1.0
    for (fingerprint, question), answer in heard.asked.items():
        if fingerprint != setting.victim.fingerprint:
            continue  # a model beside the victim
        if not isinstance(question, tuple) or not all(isinstance(s, str) for s in question):
            yield Query(None, type(question).__name__.lower())
        elif isinstance(answer, Written):
            yield Query(question, written=answer.text)
        elif isinstance(answer, np.ndarray):
            (row,) = softmax(answer[np.newaxis], temperature)
            yield Query(question, "", int(row.argmax()), float(row[record.label]))
        else:
            yield Query(question, "not answered")


def lines(done: Replayed, most: int | None = None) -> list[str]:
    """The replay for a terminal.

    Args:
        most: queries that are shown; all where None.
    """
    was, now = done.recorded, done.now
    form = " (calibrated)" if was.calibrated else ""
    found = [
        f"{was.attack}{form} on {was.example_id} of {was.split}, in {done.run}",
        f"  recorded  {_said(was, done.labels)}",
        f"  now       {_said(now, done.labels)}",
        f"  original  {_text(was.original)}",
    ]
    if now.perturbed is not None:
        found += [f"  left      {_text(now.perturbed)}", f"  changed   {_changes(was, now)}"]
    if done.differs:
        found.append(f"  differs   {', '.join(done.differs)}: not what was recorded")
    found.append(f"{len(done.queries)} things were asked for the first time:")
    shown = done.queries if most is None else done.queries[:most]
    found += [f"  {n:>4}  {_query(q, was, done.labels)}" for n, q in enumerate(shown, start=1)]
    if len(shown) < len(done.queries):
        found.append(
            f"  and {len(done.queries) - len(shown)} more (--queries shows as many as it says)"
        )
    return found


def _said(record: OutcomeRecord, labels: Sequence[str]) -> str:
    answers = ""
    if record.predicted_before is not None:
        answers = f", {_label(record.predicted_before, labels)}"
        if record.predicted_after is not None:
            answers += f" → {_label(record.predicted_after, labels)}"
    return f"{record.status}{answers}, {record.queries} queries ({record.unique_queries} distinct)"


def _query(query: Query, record: OutcomeRecord, labels: Sequence[str]) -> str:
    if query.text is None:
        return f"({query.asked})"
    if query.written is not None:
        answer = f"wrote {one_line(query.written, 80)!r}"
    elif query.predicted is None:
        answer = query.asked
    else:
        gold = _label(record.label, labels)
        answer = f"{_label(query.predicted, labels)}, p({gold}) {query.confidence:.3f}"
    return f"{answer:30}  {_edits(record.original, query.text)}"


def _edits(original: Strings, text: Strings) -> str:
    if text == original:
        return "the original"
    if len(text) != len(original):
        return _text(text)
    found = [
        f"{one_line(original[e.field][e.start : e.end]) or '∅'} → {one_line(e.new) or '∅'}"
        for e in edits_between(original, text)
    ]
    return ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")


def _changes(was: OutcomeRecord, now: OutcomeRecord) -> str:
    return _edits(was.original, now.perturbed or ())


def _text(values: Strings) -> str:
    return " | ".join(one_line(value, 400) for value in values)


def _label(number: int, labels: Sequence[str]) -> str:
    return one_line(labels[number]) if number < len(labels) else str(number)

"""One side of a comparison: an audit's results and records, and what is known of how it was made.

A side comes from a finished run folder, from a run that is about to be sealed, or from a baseline file
(`reports.baseline`), which holds less: a comparison asks all three the same questions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.errors import ReportError
from reports.folder import RunFolder
from reports.hashing import sha256_texts
from reports.records import OutcomeRecord, PredictionRecord, Record
from reports.slices import Members, recorded

Part = tuple[str, str, bool]
"""An attack by name, split and whether the victim was calibrated."""

Key = tuple[str, str]
"""An example by split and id."""


@dataclass(frozen=True, slots=True)
class Side:
    """One audit: its results and its records.

    Attributes:
        slices: of the test texts, as the audit's plan names them.
        manifest: what the audit ran with; None where that is not recorded.
        digests: of the texts of examples, where the records hold no texts themselves.
        max_length: tokens of a text that the model reads, where it is recorded.
    """

    results: Mapping[str, Any]
    records: Sequence[Record]
    slices: tuple[Members, ...] = ()
    manifest: Mapping[str, Any] | None = None
    digests: Mapping[Key, str] | None = None
    max_length: int | None = None

    @classmethod
    def of(cls, run: RunFolder) -> Side:
        """The audit in a run folder, which must be finished and unchanged since."""
        if not run.is_finished:
            raise ReportError(
                f"The run {run.id} is not finished, so it cannot be compared. "
                f"Go on with it by --resume {run.path}."
            )
        problems = run.verify_sums()
        if problems:
            raise ReportError(
                f"The run {run.id} is not as it was sealed: {'; '.join(problems)}. "
                "Restore it from a copy, or run it again."
            )
        return cls.under_way(run, run.results())

    @classmethod
    def under_way(cls, run: RunFolder, results: Mapping[str, Any]) -> Side:
        """The audit in a run folder that is not sealed yet, with the results that it will have."""
        manifest = run.manifest() if (run.path / "manifest.json").is_file() else None
        length = _max_length(run.plan_text())
        return cls(results, run.records(), recorded(run.events()), manifest, max_length=length)

    def within(self, members: Members) -> Side:
        """The same audit with the records of a slice alone."""
        return replace(self, records=[r for r in self.records if r.example_id in members.ids])

    def narrowed(self, parts: Collection[Part], kept: Mapping[str, Collection[str]]) -> Side:
        """The same audit with some of its attacks, and on the splits in `kept` with those examples."""
        attacks = [a for a in self.results["attacks"] if _part(a) in parts or a["split"] == "train"]
        records = [r for r in self.records if r.split not in kept or r.example_id in kept[r.split]]
        return replace(self, results={**self.results, "attacks": attacks}, records=records)

    @property
    def name(self) -> str:
        """The run's id, for messages."""
        return str(self.results["run"]["id"])

    @property
    def splits(self) -> Mapping[str, Any]:
        """What the results say of each split; nothing where the run did not record its data."""
        found: Mapping[str, Any] = (self.results["data"] or {}).get("splits", {})
        return found

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the labels in their order; None where the run did not record them."""
        return label_names(self.results)

    def parts(self) -> dict[Part, dict[str, Any]]:
        """The attack results that are compared: all but those on training examples."""
        return {_part(a): a for a in self.results["attacks"] if a["split"] != "train"}

    def outcomes(self, part: Part) -> list[OutcomeRecord]:
        """The outcomes of one attack."""
        return [
            record
            for record in self.records
            if isinstance(record, OutcomeRecord)
            and (record.attack, record.split, record.calibrated) == part
        ]

    def predictions(self, split: str) -> list[PredictionRecord]:
        """The predictions on one split's unaltered examples."""
        wanted = f"clean@{split}"
        return [r for r in self.records if isinstance(r, PredictionRecord) and r.check == wanted]

    def texts(self) -> Mapping[Key, str]:
        """A digest of the text of each example whose text is known: those that were attacked."""
        if self.digests is not None:
            return self.digests
        return {
            (record.split, record.example_id): text_digest(record.original)
            for record in self.records
            if isinstance(record, OutcomeRecord) and record.original
        }

    def labelled(self) -> Mapping[Key, int]:
        """The label of each example, by number."""
        return {(record.split, record.example_id): record.label for record in self.records}


def text_digest(fields: Sequence[str]) -> str:
    """What tells one text from another: 64 bits of a digest of its fields."""
    return sha256_texts(fields)[:16]


def title_of(part: Part) -> str:
    """An attack as messages and titles call it."""
    name, split, calibrated = part
    words = [name]
    if calibrated:
        words.append("(calibrated)")
    if split != "test":
        words.append(f"on {split}")
    return " ".join(words)


def label_names(results: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of the labels in their order, by the model or its data; None where none are recorded."""
    named = (results["model"] or {}).get("labels")
    splits = (results["data"] or {}).get("splits", {})
    return tuple(named) if named else next((tuple(s["labels"]) for s in splits.values()), None)


def _part(attack: Mapping[str, Any]) -> Part:
    return attack["name"], attack["split"], attack["calibrated"]


def _max_length(plan: str | None) -> int | None:
    """From the text of a plan; an attack's own has it at the top."""
    try:
        read = tomllib.loads(plan or "")
    except tomllib.TOMLDecodeError:
        return None
    model = read.get("model")
    found = (model if isinstance(model, dict) else read).get("max_length")
    return found if isinstance(found, int) else None

"""Further labelled texts of a plan: loaded, checked against the model's labels, counted.

Texts of another domain say how far an accuracy carries (a shifted set). A contrast set edits a text a
little so that another answer is right, and counts only where every member of a set is answered rightly:
a model that reads shortcuts has one of them wrong (Gardner et al., Evaluating Models' Local Decision
Boundaries via Contrast Sets, Findings of EMNLP 2020).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attacks.outcomes import Example
from harness.data import Split, load_rows
from harness.duplicates import content_key
from harness.errors import HarnessError
from harness.plan import LabelledSet, Plan, PlanError
from harness.splits import stratified_order
from reports import gaps, statistics
from reports.records import PredictionRecord
from reports.summaries import accuracy

SHIFTED, CONTRAST = "shifted", "contrast"


@dataclass(frozen=True)
class Loaded:
    """A set with its rows, whose ids begin with its name."""

    section: LabelledSet
    split: Split

    def info(self, train: Sequence[Example] = ()) -> dict[str, Any]:
        """What results.json says of it among the splits.

        Args:
            train: training texts; said is how many of the set's are among them, but for case and marks.
        """
        keys = {content_key(row.text.strings) for row in train}
        seen = sum(content_key(row.text.strings) in keys for row in self.split.rows)
        groups = len({row.group for row in self.split.rows} - {None})
        return {
            "kind": self.section.kind,
            "source": self.section.source,
            "rows": len(self.split),
            "labels": self.split.balance,
            "groups": groups or None,
            "fingerprint": self.split.fingerprint,
            "ids": self.split.ids,
            "in_training": seen,
        }


def load_sets(plan: Plan, labels: Sequence[str]) -> tuple[Loaded, ...]:
    """Load the plan's sets.

    Args:
        labels: of the data, in the order of their numbers.

    Raises PlanError for a set that cannot be used, with its place in the plan.
    """
    found: list[Loaded] = []
    for number, section in enumerate(plan.audit.sets):
        where = f"audit.sets.{number}"
        if section.name in [one.section.name for one in found]:
            raise PlanError(f"{where}.name: '{section.name}' is the name of another set.")
        try:
            whole = load_rows(
                section.source,
                text=section.text or plan.data.text,
                label=section.label or plan.data.label,
                group=section.group,
                labels=labels,
                name=section.name,
            )
        except HarnessError as error:
            raise PlanError(f"{where} ({section.name}): {error}") from None
        if section.kind == CONTRAST:
            _check_contrast(where, section, whole)
        found.append(Loaded(section, _drawn(section, whole, plan.seed)))
    return tuple(found)


def _check_contrast(where: str, section: LabelledSet, split: Split) -> None:
    alone = [row.id for row in split.rows if row.group is None]
    if alone:
        raise PlanError(
            f"{where}.group: {len(alone)} of {len(split)} rows have nothing in '{section.group}', so "
            "that it is not known which texts they belong to."
        )
    labels: dict[str | None, set[int]] = {}
    for row in split.rows:
        labels.setdefault(row.group, set()).add(row.label)
    alike = [group for group, found in labels.items() if len(found) < 2]
    if alike:
        raise PlanError(
            f"{where}.group: {len(alike)} of {len(labels)} sets have one label alone ('{alike[0]}' is "
            "the first), so that one answer to everything has them right. Name the column that an "
            f"edited text shares with its original (it is '{section.group}' now), and leave out what "
            "was not edited."
        )


def _drawn(section: LabelledSet, split: Split, seed: int) -> Split:
    """The rows in an order drawn by seed, at most as many as wanted; contrast sets stay whole."""
    rows = stratified_order(split.rows, seed, section.name)
    if section.limit is not None and section.kind == CONTRAST:
        wanted = set(list(dict.fromkeys(row.group for row in rows))[: section.limit])
        rows = tuple(row for row in rows if row.group in wanted)
    elif section.limit is not None:
        rows = rows[: section.limit]
    named = tuple(dataclasses.replace(row, id=f"{section.name}:{row.id}") for row in rows)
    return dataclasses.replace(split, rows=named)


def problems(results: Mapping[str, Any]) -> list[str]:
    """Sets with texts that the model was trained on."""
    splits = (results.get("data") or {}).get("splits") or {}
    return [
        f"{split['in_training']} of the {split['rows']} texts of the set {name} are training texts"
        for name, split in splits.items()
        if split.get("in_training")
    ]


def contrast_results(
    splits: Mapping[str, Mapping[str, Any]], predictions: Mapping[str, Sequence[PredictionRecord]]
) -> list[dict[str, Any]]:
    """How many contrast sets are right as a whole, and how many texts of them.

    Args:
        splits: as results.json has them.
        predictions: by the name of the split.
    """
    found = []
    for name, split in splits.items():
        records = predictions.get(name, ())
        if split.get("kind") == CONTRAST and records:
            whole: dict[str | None, bool] = {}
            for record in records:
                whole[record.group] = whole.get(record.group, True) and record.correct
            found.append(
                {
                    "name": name,
                    "sets": len(whole),
                    "texts": len(records),
                    "accuracy": accuracy(records).to_dict(),
                    "consistency": statistics.rate_of(list(whole.values())).to_dict(),
                }
            )
    return found


def shift_gaps(
    splits: Mapping[str, Mapping[str, Any]], predictions: Mapping[str, Sequence[PredictionRecord]]
) -> Iterator[dict[str, Any]]:
    """What accuracy loses on each shifted set."""
    for name, split in splits.items():
        if split.get("kind") == SHIFTED and predictions.get(name) and predictions.get("test"):
            yield gaps.shift_gap(predictions["test"], predictions[name], name)

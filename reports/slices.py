"""Slices of the test texts: which examples each holds, and what a model came to on those alone.

Everything here is counted again from the records of the whole run; nothing is asked for a slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reports import summaries
from reports.errors import ReportError
from reports.records import OutcomeRecord, PredictionRecord
from reports.statistics import Estimate

EVENT = "slice"

R = TypeVar("R", OutcomeRecord, PredictionRecord)


@dataclass(frozen=True, slots=True)
class Members:
    """The test examples of a slice, by id; `says` is which they are, in words."""

    name: str
    says: str
    ids: frozenset[str]

    def of(self, records: Iterable[R]) -> list[R]:
        """The records that are about an example of the slice."""
        return [record for record in records if record.example_id in self.ids]


def recorded(events: Iterable[Mapping[str, Any]]) -> tuple[Members, ...]:
    """The slices of a run, from its events; ReportError for an event that is not as this writes it."""
    found = []
    for event in events:
        if event["event"] != EVENT:
            continue
        name, says, ids = (event.get(key) for key in ("name", "says", "ids"))
        texts = [name, says, *ids] if isinstance(ids, list) else []
        if not texts or not all(isinstance(text, str) for text in texts):
            raise ReportError(
                'events.jsonl: a "slice" must have a name, what it says and a list of ids. '
                "Restore the file from a copy."
            )
        found.append(Members(str(name), str(says), frozenset(map(str, texts[2:]))))
    return tuple(found)


def slice_results(
    slices: Iterable[Members],
    clean: Sequence[PredictionRecord],
    attacks: Mapping[bool, Mapping[str, Sequence[OutcomeRecord]]],
) -> list[dict[str, Any]]:
    """What each slice came to.

    Args:
        clean: predictions on the unaltered test examples.
        attacks: outcomes on the test split by attack, of the victim as trained (False) and calibrated.
    """
    found = []
    for members in slices:
        tried, unions = [], []
        for calibrated, by_attack in attacks.items():
            inside = {name: members.of(outcomes) for name, outcomes in by_attack.items()}
            for name, outcomes in inside.items():
                summary = summaries.summarize_attack(outcomes)
                tried.append(
                    {
                        "name": name,
                        "calibrated": calibrated,
                        "examples": len(outcomes),
                        "robust_accuracy": summary.robust_accuracy.to_dict(),
                        "attack_success_rate": summary.attack_success_rate.to_dict(),
                    }
                )
            if len(inside) > 1:
                worst = summaries.union(inside).to_dict()
                unions.append({"calibrated": calibrated, "robust_accuracy": worst})
        found.append(
            {
                "name": members.name,
                "says": members.says,
                "examples": len(members.ids),
                "accuracy": summaries.accuracy(members.of(clean)).to_dict(),
                "attacks": tried,
                "unions": unions,
            }
        )
    return found


def estimates(results: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    """`clean_accuracy@SLICE`, `robust_accuracy.ATTACK@SLICE` and so on, from results.json."""
    for entry in results.get("slices", []):
        name = entry["name"]
        yield f"clean_accuracy@{name}", Estimate.from_dict(entry["accuracy"])
        for attack in entry["attacks"]:
            suffix = attack["name"] + (".calibrated" if attack["calibrated"] else "")
            for metric in ("robust_accuracy", "attack_success_rate"):
                yield f"{metric}.{suffix}@{name}", Estimate.from_dict(attack[metric])
        for union in entry["unions"]:
            suffix = "union" + (".calibrated" if union["calibrated"] else "")
            yield f"robust_accuracy.{suffix}@{name}", Estimate.from_dict(union["robust_accuracy"])

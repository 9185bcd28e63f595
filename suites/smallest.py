"""The worst examples with the fewest edits that still fool the model, for the report.

An attack leaves words that it changed on the way. While the model is at hand, what it left of the
examples that a report shows is shrunk (`suites.shrinking`). `withstand shrink` does so for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from attacks.goals import Targeted
from attacks.models import Model, Victim
from attacks.victims.averaged import Averaged
from attacks.victims.http import HttpVictim
from reports.folder import RunFolder
from reports.records import OutcomeRecord
from reports.summaries import worst_examples
from suites.shrinking import shrink

EVENT = "shrunk"
KEYS = ("check", "attack", "example_id", "smallest", "edits", "of", "predicted", "least")


def shrink_worst(folder: RunFolder, victim: Model, outcomes: Iterable[OutcomeRecord]) -> None:
    """Put the worst examples on record as far as they can be shrunk, once.

    Not of a model that writes, nor of an endpoint, whose every question is a request, nor where one
    answer is not like the next.
    """
    if not getattr(victim, "labels", None) or isinstance(victim, Averaged | HttpVictim):
        return
    told = {outcome.key: outcome for outcome in outcomes}
    known = {(e["check"], e["example_id"]) for e in folder.events() if e["event"] == EVENT}
    worst = [(e["check"], e["example_id"]) for e in worst_examples(told.values())]
    left = [told[key] for key in worst if key not in known]
    checks = {
        outcome.example_id: outcome.check for outcome in left
    }  # an example is among them once
    for found in shrink(cast("Victim", victim), left, targeted=targeted_attacks(folder)):
        values = {name: getattr(found, name) for name in KEYS if name != "check"}
        folder.append(EVENT, check=checks[found.example_id], **values)


def targeted_attacks(run: RunFolder) -> set[str]:
    """The attacks of a run that were after one label."""
    return {
        event["attack"]
        for event in run.events()
        if event["event"] == "campaign"
        and event["recipe"]["parameters"]["goal"]["kind"] == Targeted.__name__
    }


def smallest(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was shrunk, as results.json has it."""
    return [{key: event[key] for key in KEYS} for event in events if event["event"] == EVENT]

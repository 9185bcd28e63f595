"""Texts that break another model, shown to the victim: what an attacker does who cannot ask it.

A victim whose own attack fails where borrowed texts succeed is no harder to break, it is harder to
search: its scores or gradients mislead (Athalye, Carlini and Wagner, ICML 2018, section 3.1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.models import Model
from attacks.outcomes import Example, Finished, Status
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.victims import equipped
from reports import statistics, summaries
from reports.records import OutcomeRecord, PredictionRecord
from reports.statistics import Estimate
from suites.validity.check import Check, Counted

EVENT = "transferred"

TRANSFER = Check(
    "transfer",
    "doubt",
    "Texts that only what breaks a surrogate breaks",
    "the attack is weaker on the victim itself than by way of another model: its search is misled, so "
    "that robust accuracy is too high",
    "Athalye, Carlini and Wagner, ICML 2018, section 3.1; a twentieth is ours, as for blind",
    at_most=0.05,
)


def transfer_check(attack: str, surrogate: str) -> str:
    """The name under which the records keep what the victim said to the texts of a surrogate."""
    return f"transfer:{attack}/{surrogate}@test"


@dataclass(frozen=True)
class Borrowed:
    """What an attack on a surrogate left.

    Attributes:
        texts: field values by example id, where it succeeded.
        errored: examples on which it errored.
    """

    texts: Mapping[str, tuple[str, ...]]
    errored: int

    def put_in(self, examples: Iterable[Example]) -> list[Example]:
        """The examples with those texts; where there is none, as they are."""
        found = []
        for example in examples:
            values = self.texts.get(example.id)
            if values is not None:
                keys = [key for key, _ in example.text.fields]
                fields = tuple(zip(keys, values, strict=True))
                text = Text(fields, example.text.frozen_fields)
                example = dataclasses.replace(example, text=text)
            found.append(example)
        return found


def borrow(
    surrogate: Model,
    recipe: Recipe,
    examples: Sequence[Example],
    *,
    seed: int,
    query_budget: int | None,
    models: Mapping[str, Model],
    config: EngineConfig,
) -> Borrowed:
    """Attack the surrogate."""
    jobs = [Job(example, recipe, seed, query_budget=query_budget) for example in examples]
    texts: dict[str, tuple[str, ...]] = {}
    errored = 0
    for event in run(jobs, equipped(surrogate, models, [recipe]), config):
        if isinstance(event, Finished):
            outcome = event.outcome
            errored += outcome.status == Status.ERRORED
            if outcome.status == Status.SUCCEEDED and outcome.perturbed is not None:
                texts[outcome.example_id] = outcome.perturbed
    return Borrowed(texts, errored)


def transfer_results(
    events: Iterable[Mapping[str, Any]],
    predictions: Mapping[str, Sequence[PredictionRecord]],
    clean: Sequence[PredictionRecord],
) -> list[dict[str, Any]]:
    """How many of the attacked texts stay right as the attack on each surrogate left them, and on all.

    Args:
        predictions: by `transfer_check`.
    """
    right = {record.example_id for record in clean if record.correct}
    by_attack: dict[str, list[Mapping[str, Any]]] = {}
    for (attack, _), event in _last(events).items():
        by_attack.setdefault(attack, []).append(event)
    found = []
    for attack, borrowed in by_attack.items():
        sides, stood = [], dict.fromkeys(right, True)
        records: Sequence[PredictionRecord] = ()
        for event in borrowed:
            records = predictions.get(transfer_check(attack, event["surrogate"]), ())
            flags = [record.correct and record.example_id in right for record in records]
            for record in records:
                stood[record.example_id] = stood.get(record.example_id, False) and record.correct
            sides.append(
                {
                    "name": event["surrogate"],
                    "fooled": len(event["texts"]),
                    "errored": event["errored"],
                    "robust_accuracy": _rate(flags, records),
                }
            )
        worst = _rate([stood[record.example_id] for record in records], records)
        if not any(side["fooled"] for side in sides):
            none = "the attack broke no surrogate on any text, so that nothing was borrowed"
            worst = Estimate.missing(none, len(records)).to_dict()
        found.append({"attack": attack, "surrogates": sides, "robust_accuracy": worst})
    return found


def _rate(flags: Sequence[bool], records: Sequence[PredictionRecord]) -> dict[str, Any]:
    return statistics.rate_of(flags, summaries.families(records)).to_dict()


def _last(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(e["attack"], e["surrogate"]): e for e in events if e["event"] == EVENT}


def transfer_checks(
    predictions: Mapping[str, Sequence[PredictionRecord]],
    outcomes: Mapping[str, Sequence[OutcomeRecord]],
    surrogates: Iterable[tuple[str, str]],
) -> Iterator[tuple[str, Counted]]:
    """By attack: of the attackable texts those that withstood it, and fell to a surrogate's text.

    Args:
        outcomes: of the attacks on the victim as trained, by attack.
        surrogates: (attack, surrogate) pairs that were run.
    """
    by_attack: dict[str, list[str]] = {}
    for attack, surrogate in surrogates:
        by_attack.setdefault(attack, []).append(transfer_check(attack, surrogate))
    for attack, checks in by_attack.items():
        attackable = [o for o in outcomes.get(attack, ()) if o.status in summaries.ATTACKABLE]
        wrong = {
            r.example_id for check in checks for r in predictions.get(check, ()) if not r.correct
        }
        only = tuple(o.example_id for o in attackable if o.withstood and o.example_id in wrong)
        reason = "" if attackable else "no example could be attacked"
        yield attack, Counted(len(attackable), len(only), {}, only, reason)


def pairs(events: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The attacks and surrogates that were run."""
    return list(_last(events))


def problems(results: Mapping[str, Any]) -> list[str]:
    """Attacks on surrogates that errored."""
    return [
        f"{side['errored']} attacks by {entry['attack']} on the surrogate {side['name']} errored"
        for entry in results.get("transfer", [])
        for side in entry["surrogates"]
        if side["errored"]
    ]

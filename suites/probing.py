"""What a model does outside its test texts: under natural noise, and in behavioural tests.

The texts are made here and asked about by `suites.evidence`; what came of them is read from the
records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from attacks.behaviour import BehaviouralTest, sentiment
from attacks.behaviour.run import Result
from attacks.corruptions import corrupted
from attacks.outcomes import Example
from attacks.text import Text
from harness.plan import Behaviour, PlanError
from reports import statistics
from reports.records import PredictionRecord
from reports.statistics import Estimate
from reports.summaries import accuracy, compare_predictions, families

BEHAVED = "behaved"
SHOWN = 5
"""Failing texts of a behavioural test that the records keep."""


def noise_check(name: str, severity: int) -> str:
    """The name under which the records keep what was answered under a corruption."""
    return f"noise:{name}/{severity}@test"


def noisy(examples: Sequence[Example], name: str, severity: int, seed: int) -> list[Example]:
    """The examples under a corruption; one on which it finds nothing to do stays as it is."""
    found = []
    for example in examples:
        text = example.text
        candidate = corrupted(text, name, severity, seed=seed, example_id=example.id)
        keys = [key for key, _ in text.fields]
        fields = tuple(zip(keys, candidate.strings, strict=True))
        found.append(dataclasses.replace(example, text=Text(fields, text.frozen_fields)))
    return found


SENTIMENT = "sentiment"
GROUP = "withstand.behaviours"
"""Entry points of this group add suites of behavioural tests: each names a function of the plan's
`[audit.behaviour]`, the labels of the data and the seed that gives a tuple of `BehaviouralTest`."""


def suites() -> tuple[str, ...]:
    """The suites of behavioural tests that there are."""
    return (SENTIMENT, *sorted({entry.name for entry in entry_points(group=GROUP)} - {SENTIMENT}))


def behavioural_tests(
    behaviour: Behaviour, labels: Sequence[str], seed: int
) -> tuple[BehaviouralTest, ...]:
    """The behavioural tests that a plan names.

    Raises PlanError for a suite that nothing adds, and where a label is none of the data's.
    """
    if behaviour.suite != SENTIMENT:
        for entry in entry_points(group=GROUP, name=behaviour.suite):
            return tuple(entry.load()(behaviour, labels, seed))
        raise PlanError(
            f"audit.behaviour.suite: there is no suite '{behaviour.suite}'. Allowed: "
            f"{', '.join(suites())}."
        )
    numbers = []
    for key in ("positive", "negative"):
        label = getattr(behaviour, key)
        if label not in labels:
            raise PlanError(
                f"audit.behaviour.{key}: '{label}' is no label of the data. Allowed: "
                f"{', '.join(labels)}."
            )
        numbers.append(list(labels).index(label))
    if numbers[0] == numbers[1]:
        raise PlanError(
            f"audit.behaviour: positive and negative are both '{behaviour.positive}'. Name two labels."
        )
    return sentiment(*numbers, fillers=behaviour.fillers, seed=seed)


def behaviour_names(tests: Iterable[BehaviouralTest] | None = None) -> list[str]:
    """The names of behavioural tests as gates have them; without any those for sentiment."""
    return [_dashed(test.name) for test in tests or sentiment(1, 0, fillers=2)]


def _dashed(name: str) -> str:
    return name.replace(" ", "-")


def behaved(result: Result) -> dict[str, Any]:
    """What the records keep of a behavioural test."""
    return {
        "name": _dashed(result.name),
        "title": result.name,
        "kind": result.kind,
        "cases": result.cases,
        "failed": result.failed,
        "errored": result.errored,
        "failures": [
            {"original": list(f.original), "text": list(f.text), "reason": f.reason}
            for f in result.failures[:SHOWN]
        ],
    }


def noise_results(
    predictions: Mapping[str, Sequence[PredictionRecord]], clean: Sequence[PredictionRecord]
) -> dict[str, Any] | None:
    """Accuracy under each corruption and severity, its paired difference to the same texts as they are,
    and the mean over all of them; None where there was no noise.

    Args:
        predictions: by check; those of other checks are passed over.
    """
    by_check = {name: said for name, said in predictions.items() if name.startswith("noise:")}
    if not by_check:
        return None
    entries = []
    right: dict[str, list[bool]] = {}
    for check, records in by_check.items():
        name, _, severity = check.removeprefix("noise:").removesuffix("@test").rpartition("/")
        entries.append(
            {
                "name": name,
                "severity": int(severity),
                "accuracy": accuracy(records).to_dict(),
                "difference": compare_predictions(clean, records).difference.to_dict(),
            }
        )
        for record in records:
            right.setdefault(record.example_id, []).append(record.correct)
    first = next(iter(by_check.values()))
    # An example counts by the share of its noisy forms that are right, so that forms are no examples.
    shares = [sum(right[r.example_id]) / len(right[r.example_id]) for r in first]
    return {"mean": _mean_share(shares, families(first)).to_dict(), "entries": entries}


def _mean_share(shares: Sequence[float], groups: Sequence[Hashable] | None) -> Estimate:
    """The mean of shares; where every form of every text is right, or wrong, they count as flags."""
    if set(shares) in ({0.0}, {1.0}):
        return statistics.rate_of([share == 1.0 for share in shares], groups)
    return statistics.mean(shares, groups, method="bca")


def behaviour_results(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The failure rate of each behavioural test with some of the texts that failed."""
    found = []
    for event in events:
        if event["event"] == BEHAVED:
            judged = event["cases"] - event["errored"]
            rate = (
                statistics.rate(event["failed"], judged)
                if judged
                else Estimate.missing("no case could be judged")
            )
            kept = ("name", "title", "kind", "cases", "errored", "failures")
            found.append({key: event[key] for key in kept} | {"failure_rate": rate.to_dict()})
    return found


def problems(results: Mapping[str, Any]) -> list[str]:
    """Cases without an answer: a model is not right about what it errors on."""
    return [
        f"{entry['errored']} of {entry['cases']} cases of the behavioural test '{entry['title']}' "
        "errored"
        for entry in results.get("behaviour", [])
        if entry["errored"]
    ]

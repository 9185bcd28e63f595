"""From what the checks counted to entries of results.json and to doubts about gates, without a model."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.plan import Gate
from reports import statistics
from reports.records import OutcomeRecord
from reports.redaction import redacted
from reports.statistics import Estimate
from reports.summaries import compare_attacks
from suites.validity.check import Check, Counted

EVENT = "checked"

OVERCONFIDENCE = Check(
    "overconfidence",
    "doubt",
    "Change of robust accuracy once confidence is calibrated",
    "part of its robustness is overconfidence, which hides from the attack what it could follow. Gate "
    "robust_accuracy.{attack}.calibrated",
    "Raina et al., ACL 2024 (extreme miscalibration and the illusion of adversarial robustness)",
    at_least=0.0,
)


def described(check: Check, attack: str | None) -> dict[str, Any]:
    """What an event keeps of a check, so that a folder says everything without the code that made it."""
    return {
        "name": check.name,
        "attack": attack,
        "kind": check.kind,
        "about": check.about,
        "title": check.title,
        "means": check.means,
        "source": check.source,
        "direction": "at_least" if check.at_least is not None else "at_most",
        "bound": check.at_least if check.at_least is not None else check.at_most,
    }


def counted(measure: Callable[[], Counted]) -> dict[str, Any]:
    """What a check saw, as plain values.

    What it raises stops no audit that has taken hours: it is kept with its traceback, and a check that
    errored makes a pass inconclusive, whatever it is about (`doubts`).
    """
    try:
        found = measure()
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        told = redacted(traceback.format_exc())
        return {"n": 0, "count": 0, "error": redacted(said), "traceback": told}
    return seen(found)


def seen(found: Counted) -> dict[str, Any]:
    """A count as plain values."""
    return {
        "n": found.n,
        "count": found.count,
        "facts": dict(found.facts),
        "examples": list(found.examples),
        "reason": found.reason,
    }


def entries(
    events: Iterable[Mapping[str, Any]],
    raw: Mapping[str, Sequence[OutcomeRecord]],
    calibrated: Mapping[str, Sequence[OutcomeRecord]],
) -> list[dict[str, Any]]:
    """The checks of a run as results.json has them.

    Args:
        events: of the run; those of other kinds are passed over.
        raw, calibrated: outcomes on the test split by attack, of either form of the victim.
    """
    latest = {(e["name"], e["attack"]): e for e in events if e["event"] == EVENT}
    found = [_entry(event) for event in latest.values()]
    for attack in raw:
        if attack in calibrated:
            change = compare_attacks(raw[attack], calibrated[attack]).difference
            told = described(OVERCONFIDENCE, attack)
            told |= {"facts": {"attack": attack}, "examples": []}
            found.append(_judged(told, change))
    return found


def entry(check: Check, attack: str | None, found: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a check that counted this (`counted`, `seen`)."""
    return _entry({**described(check, attack), **found})


def _entry(event: Mapping[str, Any]) -> dict[str, Any]:
    if event.get("error"):
        return _judged(event, Estimate.missing(f"the check errored: {event['error']}"))
    if not event["n"]:
        return _judged(event, Estimate.missing(event["reason"] or "nothing could be counted"))
    return _judged(event, statistics.rate(event["count"], event["n"]))


def _judged(told: Mapping[str, Any], estimate: Estimate) -> dict[str, Any]:
    keys = ("name", "attack", "kind", "title", "source", "direction", "bound")
    return {
        **{key: told[key] for key in keys},
        "about": told.get("about", "failures"),  # records of earlier releases do not say
        "estimate": estimate.to_dict(),
        "alarm": _beyond(told["direction"], told["bound"], estimate),
        "errored": bool(told.get("error")),
        "means": _filled(told),
        "examples": list(told.get("examples", ()))[:20],
    }


def _filled(told: Mapping[str, Any]) -> str:
    means = str(told["means"])
    for name, value in told.get("facts", {}).items():
        means = means.replace(f"{{{name}}}", str(value))
    return means


def _beyond(direction: str, bound: float, estimate: Estimate) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.high < bound if direction == "at_least" else estimate.low > bound


def doubts(side: Mapping[str, Any], gates: Sequence[Gate], which: str = "") -> Iterator[str]:
    """The doubts of a run that one of the gates rests on, and every check that errored, in words.

    Args:
        side: results of an audit, or one side of a comparison; `which`: "before", "after" or neither.
    """
    for entry in side.get("checks", []):
        doubted = entry["kind"] == "doubt" and entry["alarm"]
        rests = doubted and any(_rests_on(gate, entry, which) for gate in gates)
        if entry["errored"] or rests:
            yield sentence(entry)


def sentence(entry: Mapping[str, Any]) -> str:
    """What an alarm says, in one sentence."""
    estimate = Estimate.from_dict(entry["estimate"])
    where = f" of {entry['attack']}" if entry["attack"] else ""
    if estimate.value is None:
        return f"check {entry['name']}{where}: {estimate.reason}"
    if estimate.count is None:
        interval = f"[{_points(estimate.low)}, {_points(estimate.high)}]"
        measured = f"{_points(estimate.value)} points {interval}"
    else:
        sign = "at least" if entry["direction"] == "at_least" else "at most"
        measured = f"{estimate.count:.0f} of {estimate.n} ({sign} {entry['bound']:.0%} expected)"
    return f"check {entry['name']}{where}: {entry['title'].lower()}: {measured}; {entry['means']}"


def _points(share: float | None) -> str:
    return "?" if share is None else f"{share * 100:+.1f}"


def _rests_on(gate: Gate, entry: Mapping[str, Any], which: str) -> bool:
    """Whether a gate could pass for the reason that an alarm gives: an attack too weak, say."""
    metric = gate.compared
    prefix, _, rest = metric.partition(".")
    side = {"before": "before", "gain": "both"}.get(prefix, "after")
    if which and side not in (which, "both"):
        return False
    if entry["attack"] is None:
        return True
    kind, names = _attacks_of(rest if prefix in ("before", "gain") else metric)
    if kind is None or (names and entry["attack"] not in names):
        return False
    if entry["name"] == OVERCONFIDENCE.name and ".calibrated" in metric:
        return False
    if prefix == "gain" or kind.startswith("gap."):
        return True
    of_failures = str(entry.get("about", "failures")) == "failures"
    return wants_robust(gate) == of_failures


def counted_on(gate: Gate, attack: str) -> bool:
    """Whether a gate's metric is counted on the outcomes of an attack."""
    metric = gate.compared.removeprefix("gain.")
    kind, names = _attacks_of(metric)
    return kind is not None and (not names or attack in names)


def _attacks_of(metric: str) -> tuple[str | None, tuple[str, ...]]:
    """What is counted of attacks, and of which: of all of them where no name is given."""
    for kind in ("gap.robust_train_test", "gap.seen_unseen", *COUNTED):
        if metric == kind or metric.startswith(f"{kind}."):
            name = metric.removeprefix(kind).removeprefix(".").split(".")[0]
            return kind, () if name in ("", "union", "unseen") else (name,)
    return None, ()


COUNTED = ("robust_accuracy", "attack_success_rate", "transfer_accuracy")


def wants_robust(gate: Gate) -> bool:
    """Whether it passes for a model that looks robust, and not for one that looks broken.

    That a model looks too robust cannot make a gate pass that wants it to be broken.
    """
    broken = "attack_success_rate" in gate.measured
    return broken == (gate.direction == "at_most")

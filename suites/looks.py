"""Looking before the end: attacks in parts, ended where the gates are decided, within one error budget.

After each part the gates are judged more strictly than at the end, by levels that add up to what a gate
may err: those of O'Brien and Fleming's boundary as a spending function (Lan and DeMets, Biometrika
1983), each increment used by itself, so that a union bound holds whatever the values depend on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from scipy.stats import norm

from harness.plan import Gate, Waiver
from reports.statistics import Estimate
from suites.verdict import ONE_SIDED, decide

EVENT = "look"


def spent(fraction: float) -> float:
    """What of the one-sided 2.5% may be spent until a fraction of the examples has been attacked."""
    return float(2 * norm.sf(norm.isf(ONE_SIDED / 2) / math.sqrt(fraction)))


def parts(count: int, looks: int) -> tuple[int, ...]:
    """How many examples have been attacked at each look, at the last all of them."""
    return tuple(dict.fromkeys(max(1, round(count * n / looks)) for n in range(1, looks + 1)))


def levels(sizes: Sequence[int]) -> tuple[float, ...]:
    """The one-sided level of each look; they add up to 2.5%."""
    until = [spent(size / sizes[-1]) for size in sizes[:-1]] + [ONE_SIDED]
    return tuple(now - before for before, now in zip([0.0, *until], until, strict=False))


def grows(metric: str) -> bool:
    """Whether a metric is counted on the attacks of the test split, and looked at as they run."""
    return metric.startswith(("robust_accuracy", "attack_success_rate", "gap.seen_unseen"))


def stopped(metric: str) -> bool:
    """Whether what a metric counts depends on where the attacks ended."""
    after = ("transfer_accuracy", "gap.robust_train_test", "check.")
    return grows(metric) or metric.startswith(after)


def factors(gates: Sequence[Gate], found: Mapping[str, Any] | None) -> dict[str, float]:
    """By how much the p-values of gates count more, because of the looks, by the name of the estimate.

    Args:
        found: "looks" of results.json; None where nothing was looked at before the end.
    """
    if found is None:
        return {}
    return {g.measured: ONE_SIDED / found["level"] for g in gates if stopped(g.measured)}


def decided(
    gates: Sequence[Gate],
    estimates: Mapping[str, Estimate],
    level: float,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> bool:
    """Whether every gate on attacks is met or missed by this level, or one that is not waived is missed.

    The others take part as gates that are not decided: what they come to in the end can only help. A
    value that is not there yet may come with the next examples, whatever its gate says of that.
    """
    known = {name: estimate for name, estimate in estimates.items() if grows(name)}
    asked = [gate.model_copy(update={"on_missing": "inconclusive"}) for gate in gates]
    stricter = factors(asked, {"level": level})
    judged = decide(asked, known, (), waivers, today, stricter).gates
    on_attacks = [result for result in judged if grows(result.gate.measured)]
    if any(result.verdict == "fail" and result.waiver is None for result in on_attacks):
        return True
    return bool(on_attacks) and all(result.verdict != "inconclusive" for result in on_attacks)


def recorded(events: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What results.json says of the looks; None where there were none before the end."""
    found = None
    for event in events:
        if event["event"] == EVENT:
            found = {key: event[key] for key in ("planned", "made", "examples", "of", "level")}
    return found


def in_words(found: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What an early end leaves out, for the limits of a report."""
    if found is None:
        return ()
    ended = (
        f"ended on {found['examples']} of {found['of']} examples, because the gates were decided"
        if found["examples"] < found["of"]
        else f"went on to all {found['of']} examples"
    )
    return (
        f"The attacks were looked at {found['made']} of {found['planned']} times and {ended}. For that "
        f"a gate on them is judged at a level of {found['level']:.2g} a side instead of {ONE_SIDED:g}; "
        "the intervals shown are those of a sample of fixed size.",
    )

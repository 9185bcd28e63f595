"""`withstand init`: a first plan for a model that is there, with bounds from a first measured run."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import norm

from harness.model_checks import LONGEST, classifier_labels, input_length
from harness.models import load_classifier
from harness.plan import Behaviour, Data
from harness.splits import prepare
from reports.progress import Progress
from reports.statistics import Estimate
from suites.measured import Measured
from suites.ready import READY, Ready
from suites.robustness import Robustness
from suites.subject import victim_of
from suites.verdict import ONE_SIDED, Z

ONLY_TEST = (0.0, 0.2, 0.8)
"""Shares of texts that the model was not trained on: for the temperature, and for the attacks."""


@dataclass(frozen=True)
class First:
    """What was measured for a plan, and the plan's text."""

    measured: tuple[Measured, ...]
    plan: str


def first_plan(
    model: str,
    data: Data,
    *,
    name: str,
    examples: int,
    seed: int = 0,
    max_length: int | None = None,
    suite: Ready = READY["standard"],
    behaviour: Behaviour | None = None,
    device: str | None = None,
    progress: Progress,
) -> First:
    """Measure a model on some examples and write a plan whose gates hold it to what it does now.

    The plan attacks twice as many examples as were attacked for it; its bounds are `bound_of`.

    Args:
        suite: what is measured; its number of examples gives way to `examples`.
        behaviour: labels for the behavioural tests, where the suite has them.

    Raises HarnessError and AttackError for a model or data that cannot be used.
    """
    labels = classifier_labels(model)
    cut = input_length(model, max_length) or LONGEST
    prepared = prepare(data, seed, labels)
    loaded = load_classifier(model, labels=prepared.labels)
    victim = victim_of(loaded, cut, device)
    asked = Robustness(
        victim,
        prepared.test.rows,
        validation=prepared.validation.rows,
        seed=seed,
        device=device,
        progress=progress,
    )
    count = min(examples, len(prepared.test))
    found = [asked.accuracy()]
    calibrated = bool(prepared.validation.rows)
    attacked = [asked.attack(attack, count, calibrated=calibrated) for attack in suite.attacks]
    found += [one.robust_accuracy for one in attacked]
    if len(attacked) > 1:
        found.append(asked.union(*attacked))
    if suite.corruptions:
        found.append(asked.noisy(*suite.corruptions, severities=suite.severities, n=count))
    if behaviour is not None:
        positive, negative = behaviour.positive or "", behaviour.negative or ""
        found += asked.behaviour(positive, negative).values()
    audit = {
        "attacks": list(suite.attacks),
        "examples": 2 * count,
        "calibrated": calibrated,
        "corruptions": list(suite.corruptions),
        "severities": list(suite.severities),
    }
    text = _plan(model, data, name, seed, cut, audit, behaviour, found)
    return First(tuple(found), text)


def bound_of(estimate: Estimate, gates: int) -> float | None:
    """The bound that a measured rate suggests for one of so many gates; None where it says nothing.

    On twice the examples the same model meets it with a chance of about 97.5%: it is as far below the
    value as the interval is wide there, corrected for the gates (Holm's first step), and by the two
    standard deviations by which a sample of half the size may have flattered the model. It is rounded
    down to a hundredth.
    """
    if estimate.value is None or estimate.low is None:
        return None
    error = (estimate.value - estimate.low) / Z
    reach = float(norm.isf(ONE_SIDED / gates)) / math.sqrt(2) + 2 / math.sqrt(2)
    bound = math.floor((estimate.value - reach * error) * 100) / 100
    return bound if bound > 0 else None


def _plan(
    model: str,
    data: Data,
    name: str,
    seed: int,
    max_length: int,
    audit: Mapping[str, Any],
    behaviour: Behaviour | None,
    measured: Sequence[Measured],
) -> str:
    # JSON's strings, numbers and lists are TOML's.
    lines = [
        "# Written by `withstand init` from a first run: read the bounds and their reasons, and make",
        "# them yours. `withstand audit` and `pytest` both take this file.",
        f"name = {json.dumps(name)}",
        f"seed = {seed}",
        "",
        "[model]",
        f"base = {json.dumps(model)}",
        f"max_length = {max_length}",
        "",
        "[data]",
    ]
    for key, value in data.model_dump(mode="json", exclude_defaults=True).items():
        lines.append(f"{key} = {json.dumps(value)}")
    lines += ["", "[audit]", *(f"{key} = {json.dumps(value)}" for key, value in audit.items())]
    if behaviour is not None:
        lines += ["", "[audit.behaviour]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in behaviour.model_dump().items()]
    for one in measured:
        lines += ["", *_gate(one, len(measured))]
    return "\n".join(lines) + "\n"


def _gate(one: Measured, gates: int) -> list[str]:
    estimate = one.estimate
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return [f"# {one.metric} has no value: {estimate.reason}"]
    interval = f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}], n = {estimate.n}"
    fails = one.metric.startswith("behaviour_failures.")
    bound = bound_of(_turned(estimate) if fails else estimate, gates)
    if bound is None:
        return [f"# {one.metric} was {interval}: there is nothing to hold it to. Harden it first."]
    key, bound, side = (
        ("at_most", round(1 - bound, 2), "above") if fails else ("at_least", bound, "below")
    )
    why = (
        f"Measured {interval}; a model {side} {bound:g} does worse than this one. Say here what the "
        "release needs, and why."
    )
    return [
        *(f"# In doubt: {problem}" for problem in (*one.problems, *one.doubts)),
        "[[gates]]",
        f"metric = {json.dumps(one.metric)}",
        f"{key} = {bound:g}",
        f"why = {json.dumps(why)}",
    ]


def _turned(failures: Estimate) -> Estimate:
    """The share that passed, from the share that failed."""
    value, low, high = (
        None if x is None else 1 - x for x in (failures.value, failures.high, failures.low)
    )
    return dataclasses.replace(failures, value=value, low=low, high=high, count=None)

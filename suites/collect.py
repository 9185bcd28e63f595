"""What an audit does, in its order: every check of the plan, from cheap to dear."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

from attacks.models import Model, Victim
from attacks.outcomes import Example
from harness.plan import Gate, Plan
from reports.named import estimates
from suites import looks, probing, validity
from suites.evidence import Collector, sample
from suites.findings import audit_results
from suites.preflight import recipes_of


def collect_evidence(
    plan: Plan,
    collector: Collector,
    surrogates: Mapping[str, Model] | None = None,
    gates: Sequence[Gate] = (),
) -> None:
    """Every check of the plan; a broken model is found before hours are spent on it.

    Args:
        surrogates: other models whose adversarial texts are shown to the victim, by name.
        gates: what is looked at before the end, where the plan has more than one look.
    """
    target, audit = collector.target, plan.audit
    collector.clean("test", target.test)
    collector.clean("train", target.train)
    collector.clean("validation", target.validation)
    for name, texts in target.sets.items():
        collector.clean(name, texts)
    temperature = collector.temperature() if audit.calibrated else None
    checks = [validity.load(name, audit.repeats) for name in audit.checks]
    for check in checks:
        if isinstance(check, validity.ModelCheck):
            collector.check_victim(check)
    for name in audit.corruptions:
        for severity in audit.severities:
            collector.noise(name, severity)
    if audit.behaviour is not None:
        labels = cast("Victim", target.victim).labels
        collector.behaviour(probing.behavioural_tests(audit.behaviour, labels, plan.seed))
    attacked = _attack(plan, collector, temperature, gates)
    collector.target = dataclasses.replace(target, attacked=attacked)
    for recipe in recipes_of(plan):
        outcomes = collector.attack(recipe, "test", attacked)
        for check in checks:
            if isinstance(check, validity.AttackCheck):
                collector.check_attack(check, recipe, outcomes)
        for name, surrogate in (surrogates or {}).items():
            collector.transfer(recipe, name, surrogate)
    names = audit.train_attacks or audit.attacks
    for recipe in recipes_of(plan):
        if target.attacked_train and recipe.name in names:
            collector.attack(recipe, "train", target.attacked_train)


def _attack(
    plan: Plan, collector: Collector, temperature: float | None, gates: Sequence[Gate]
) -> Sequence[Example]:
    """Run the attacks on the test split, in as many parts as there are looks; return what they met."""
    examples = collector.target.attacked
    sizes = looks.parts(len(examples), plan.audit.looks)
    for number, size in enumerate(sizes, start=1):
        part = sample(examples, size, plan.seed)
        for recipe in recipes_of(plan):
            collector.attack(recipe, "test", part)
            if temperature is not None:
                collector.attack(recipe, "test", part, temperature)
        if len(sizes) > 1 and _enough(plan, collector, gates, sizes, number):
            return part
    return examples


def _enough(
    plan: Plan, collector: Collector, gates: Sequence[Gate], sizes: Sequence[int], number: int
) -> bool:
    """Whether the attacks may end with this look; asked once, and then as it is on record."""
    folder = collector.folder
    for event in folder.events():
        known = (number, sizes[number - 1], sizes[-1])
        if event["event"] == looks.EVENT and known == tuple(
            event[key] for key in ("made", "examples", "of")
        ):
            return bool(event["decided"])
    level = looks.levels(sizes)[number - 1]
    began = date.fromisoformat(folder.started()["time"][:10])
    found = estimates(audit_results(folder))
    decided = looks.decided(gates, found, level, plan.waivers, began)
    folder.append(
        looks.EVENT,
        planned=len(sizes),
        made=number,
        examples=sizes[number - 1],
        of=sizes[-1],
        level=level,
        decided=decided,
    )
    return decided

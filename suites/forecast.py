"""`withstand audit --dry-run`: what an audit would do, take and be able to decide. Nothing is loaded.

Queries and seconds are those of finished runs in the runs folder; what no run has shown is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from attacks.outcomes import Example
from attacks.recipe import Recipe
from harness.model_checks import classifier_labels
from harness.plan import Gate, Plan
from harness.session import Stage, data_of
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.named import estimates
from suites.decidable import Decidable, of_rate, of_width
from suites.evidence import sample
from suites.gate_bounds import PAIRED
from suites.looks import grows, levels, parts
from suites.preflight import recipes_of
from suites.sets import load_sets
from suites.slices import belongs
from suites.validity.judging import COUNTED
from suites.verdict import ONE_SIDED

Found = Mapping[str, Any]


def forecast(
    plan: Plan, *, stage: Stage, model: str, runs: Path, limit: int | None, paired: bool
) -> dict[str, Any]:
    """What an audit of `model` would do, as plain values.

    Args:
        limit: attack at most so many examples.
        paired: whether there is a baseline to compare with.

    Raises PlanError, HarnessError, AttackError or ReportError as the audit itself would.
    """
    prepared, audit = data_of(plan), plan.audit
    splits = {
        "train": len(prepared.train),
        "validation": len(prepared.validation),
        "test": len(prepared.test),
    }
    counts = {
        "test": min(audit.examples, limit or audit.examples, splits["test"]),
        "train": min(audit.train_examples, limit or audit.train_examples, splits["train"]),
    }
    earlier = list(_finished(runs))
    planned = []
    for recipe in recipes_of(plan):
        forms = [("test", False)] + ([("test", True)] if audit.calibrated else [])
        if counts["train"] and recipe.name in (audit.train_attacks or audit.attacks):
            forms.append(("train", False))
        for split, calibrated in forms:
            seen = _cost(recipe, calibrated, model, earlier, audit.repeats)
            planned.append(_attack(recipe.name, split, calibrated, counts[split], seen))
        seen = _cost(recipe, False, model, earlier, 1)
        planned += [
            _attack(recipe.name, "test", False, counts["test"], seen, surrogate)
            for surrogate in audit.surrogates
            if surrogate != model
        ]
    known = [attack for attack in planned if attack["seconds"] is not None]
    families = any(row.group is not None for row in prepared.test.rows)
    sizes = _sizes(plan, prepared.test.rows, counts["test"], prepared.labels)
    return {
        "plan": plan.name,
        "stage": stage,
        "model": model,
        "labels": list(classifier_labels(model)),
        "max_length": plan.model.max_length,
        "data": plan.data.source,
        "splits": splits,
        "limit": limit,
        "runs": str(runs),
        "attacks": planned,
        "queries": sum(attack["queries"] for attack in known),
        "seconds": sum(attack["seconds"] for attack in known),
        "unknown": len(planned) - len(known),
        "shadows": audit.shadows,
        "also": _also(plan, sizes),
        "gates": [
            _gate(gate, sizes, earlier, model, families, paired, audit.looks) for gate in plan.gates
        ],
    }


def _finished(runs: Path) -> Iterator[Found]:
    """Results of the finished runs in a folder, the newest first; damaged ones are passed over."""
    for path in sorted(runs.iterdir(), reverse=True) if runs.is_dir() else ():
        try:
            run = RunFolder.open(path)
            if run.is_finished:
                yield run.results()
        except ReportError:
            continue


def _attack(
    name: str,
    split: str,
    calibrated: bool,
    count: int,
    seen: Found | None,
    surrogate: str | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "split": split,
        "calibrated": calibrated,
        "surrogate": surrogate,
        "examples": count,
        "queries": round(seen["queries"] * count) if seen else None,
        "seconds": round(seen["seconds"] * count, 1) if seen else None,
        "seen": seen,
    }


def _cost(
    recipe: Recipe, calibrated: bool, model: str, earlier: Sequence[Found], repeats: int
) -> dict[str, Any] | None:
    """Queries and seconds an example from the run that is most like this one, and which that is."""
    parameters = json.loads(json.dumps(recipe.parameters()))
    best: tuple[tuple[bool, ...], dict[str, Any]] | None = None
    for results in earlier:
        for attack in results["attacks"]:
            total = attack["counts"]["total"]
            if attack["name"] != recipe.name or not total or not attack["queries"]["unique"]:
                continue
            name = (results["model"] or {}).get("name")
            alike = (
                attack["recipe"].get("parameters") == parameters,
                name == model,
                attack["calibrated"] == calibrated,
            )
            if best is None or alike > best[0]:
                queries = attack["queries"]["unique"]
                asked = repeats / (results["model"] or {}).get("repeats", 1)
                seconds = attack["seconds"]["total"] * asked
                best = (
                    alike,
                    {
                        "run": results["run"]["id"],
                        "model": name,
                        "same_settings": alike[0],
                        "same_model": alike[1],
                        "examples": total,
                        "queries": queries / total,
                        "seconds_per_query": seconds / queries,
                        "seconds": seconds / total,
                    },
                )
    return best[1] if best else None


def _sizes(
    plan: Plan, test: Sequence[Example], attacked: int, labels: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """How many texts are asked about as they are, and how many of them are attacked.

    By what a gate counts: "" for all of the test split, "@NAME" for a slice, ".NAME" for a further set.
    """
    chosen = sample(test, attacked, plan.seed)
    found = {"": (len(test), len(chosen))}
    for one in plan.audit.slices:
        inside = belongs(one, labels)
        found[f"@{one.name}"] = (sum(map(inside, test)), sum(map(inside, chosen)))
    for further in load_sets(plan, labels):
        found[f".{further.section.name}"] = (len(further.split), 0)
    return found


def _gate(
    gate: Gate,
    sizes: Mapping[str, tuple[int, int]],
    earlier: Sequence[Found],
    model: str,
    families: bool,
    paired: bool,
    looks_of: int,
) -> dict[str, Any]:
    """What a gate can decide, with what has to be said of that."""
    found: Decidable | None = None
    notes = []
    n = _texts(gate, sizes)
    if gate.measured.startswith(PAIRED) and not paired:
        notes.append("it has no value without --baseline")
    if n is not None:
        looked = looks_of if grows(gate.measured) else 1
        found = of_rate(gate, n, _factor(n, looked)) if n else None
        if looked > 1:
            notes.append(f"at the last of {looked} looks, which share what the gate may err")
        if not n:
            notes.append("none of the attacked texts is in the slice")
        if gate.metric.startswith("attack_success_rate"):
            notes.append("at best: only texts that the model gets right are counted")
        if gate.metric.startswith("contrast_consistency"):
            notes.append("at best: a set has at least two texts")
        elif families and gate.evidence == "interval":
            notes.append("at best: texts of one family count for less")
    else:
        seen = _width(gate.measured, earlier, model)
        found = of_width(gate, seen[1]) if seen else None
        if seen and found:
            notes.append(f"if its interval is as wide as in {seen[0]} (n={seen[1].n:,})")
        else:
            notes.append("what it can decide is not known: no earlier run has measured it")
    return {
        "metric": gate.measured,
        "direction": gate.direction,
        "bound": gate.bound,
        "evidence": gate.evidence,
        "share": n is not None,
        "decides": asdict(found) if found else None,
        "notes": notes,
    }


def _also(plan: Plan, sizes: Mapping[str, tuple[int, int]]) -> list[str]:
    """What is asked beside the attacks, in words."""
    audit = plan.audit
    severities = ", ".join(map(str, audit.severities))
    found = [f"{sizes[f'.{one.name}'][0]:,} texts of the set {one.name}" for one in audit.sets]
    found += [f"noise {name} in severities {severities}" for name in audit.corruptions]
    if audit.behaviour is not None:
        found.append(f"behavioural tests for {audit.behaviour.suite}")
    if audit.checks:
        found.append(f"checks {', '.join(audit.checks)}")
    return found


def _texts(gate: Gate, sizes: Mapping[str, tuple[int, int]]) -> int | None:
    """How many texts a share is counted on; None where only an earlier run can tell."""
    kind, _, rest = gate.measured.removeprefix("before.").partition("@")[0].partition(".")
    asked, attacked = sizes[f"@{gate.slice}" if gate.slice else ""]
    if kind == "clean_accuracy":
        return sizes[f".{rest}"][0] if rest else asked
    if kind == "contrast_consistency":
        return sizes[f".{rest}"][0] // 2
    if kind == "noisy_accuracy":
        return None if rest == "mean" else attacked
    return attacked if kind in COUNTED else None


def _factor(n: int, count: int) -> float:
    return ONE_SIDED / levels(parts(n, count))[-1]


def _width(metric: str, earlier: Sequence[Found], model: str) -> tuple[str, Any] | None:
    """The newest run that measured a metric, of this model where one did, and the estimate."""
    other = None
    for results in earlier:
        estimate = estimates(results).get(metric)
        if estimate is None or estimate.low is None:
            continue
        if (results["model"] or {}).get("name") == model:
            return results["run"]["id"], estimate
        other = other or (results["run"]["id"], estimate)
    return other

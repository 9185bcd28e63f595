"""A forecast of an audit (`suites.forecast`) as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lines(found: Mapping[str, Any]) -> list[str]:
    """What the audit would do, take and be able to decide."""
    splits = ", ".join(f"{rows:,} {name}" for name, rows in found["splits"].items())
    said = [
        f"Dry run of {found['plan']}: no weights are loaded and nothing is written.",
        f"Model: {found['model']} (stage {found['stage']}; labels: {', '.join(found['labels'])}; texts "
        f"are cut at {found['max_length']} tokens)",
        f"Data: {found['data']}: {splits}",
    ]
    if found["limit"] is not None:
        said.append(f"--limit {found['limit']}: a partial run, which never passes.")
    said += ["Attacks:", *(f"  {_attack(attack, found['runs'])}" for attack in found["attacks"])]
    said.append(_total(found))
    if found["also"]:
        said.append(f"Also asked: {'; '.join(found['also'])}.")
    if found["shadows"]:
        said.append(
            f"Shadow models: {found['shadows']} are trained as the model was, which comes on top."
        )
    if not found["gates"]:
        return [*said, "Gates: none, so nothing is required and the audit will be inconclusive."]
    said.append(
        "Gates, each by itself (several share one error budget, which asks a little more of each; how "
        "much is not known before):"
    )
    return [*said, *(f"  {_gate(gate)}" for gate in found["gates"])]


def _attack(attack: Mapping[str, Any], runs: str) -> str:
    form = ", calibrated" if attack["calibrated"] else ""
    form += f", against {attack['surrogate']}" if attack["surrogate"] else ""
    head = f"{attack['name']} on {attack['examples']:,} {attack['split']} texts{form}: "
    seen = attack["seen"]
    if seen is None:
        return f"{head}not known: no earlier run of this attack in {runs}/"
    model = "this model" if seen["same_model"] else f"another model, {seen['model']}"
    settings = "" if seen["same_settings"] else ", with other settings"
    return (
        f"{head}about {attack['queries']:,} queries, {_time(attack['seconds'])} ({seen['queries']:.1f} "
        f"an example at {seen['seconds_per_query'] * 1000:.2g} ms, measured on {seen['examples']:,} in "
        f"{seen['run']}: {model}{settings})"
    )


def _total(found: Mapping[str, Any]) -> str:
    unknown = found["unknown"]
    if unknown == len(found["attacks"]):
        return "In all: not known. A short run shows it: the same command with --limit 10."
    more = f", and {unknown} of them not known" if unknown else ""
    return (
        f"In all about {found['queries']:,} queries and {_time(found['seconds'])} for attacks{more}. "
        "Answers to unaltered texts and the checks come on top."
    )


def _gate(gate: Mapping[str, Any]) -> str:
    sign = "at least" if gate["direction"] == "at_least" else "at most"
    head, decides = f"{gate['metric']} {sign} {gate['bound']:g}", gate["decides"]
    notes = f" ({'; '.join(gate['notes'])})" if gate["notes"] else ""
    if decides is None:
        return f"{head}: {'; '.join(gate['notes'])}"
    percent, upwards = gate["share"], gate["direction"] == "at_least"
    of = "" if decides["n"] is None else f", n={decides['n']:,}"
    passes, fails = decides["passes"], decides["fails"]
    way_up, way_down = ("from", "and below") if upwards else ("up to", "and above")
    parts = [
        "cannot pass" if passes is None else f"passes {way_up} {_number(passes, percent)}",
        "cannot fail" if fails is None else f"fails at {_number(fails, percent)} {way_down}",
    ]
    if gate["evidence"] == "interval":
        half = decides["half_width"]
        wide = f"{half * 100:.1f} points" if percent else f"{half:.3f}"
        parts.append(f"between them inconclusive (95% interval at the bound: ±{wide})")
    return f"{head}{of}: {', '.join(parts)}{notes}"


def _number(value: float, percent: bool) -> str:
    return f"{value:.1%}" if percent else f"{value:.3f}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

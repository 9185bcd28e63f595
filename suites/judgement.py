"""From results to a verdict: the numbers that gates can name, and what makes them doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, cast

from harness.plan import Gate, Waiver
from reports.named import estimates
from reports.results import Results
from reports.statistics import Estimate
from suites import freezing, looks, probing, sets, transfer
from suites.validity import judging
from suites.verdict import Verdict, decide


def problems(results: Mapping[str, Any], gates: Sequence[Gate] = ()) -> list[str]:
    """Whatever makes the evidence incomplete, in words: each turns a pass into inconclusive.

    A check's doubt is one where a gate rests on what is doubted.
    """
    found = [*freezing.doubts(results.get("frozen")), *_unlike(results, gates)]
    sides = {"": results}
    if results.get("comparison"):
        sides = {which: results["comparison"][which] for which in ("before", "after")}
    if any(side.get("limited") for side in sides.values()):
        found.insert(0, "partial run: fewer examples than the plan asks for (--limit)")
    for which, side in sides.items():
        said = [
            *judging.doubts(side, gates, which),
            *probing.problems(side),
            *transfer.problems(side),
            *sets.problems(side),
            *_no_better_than_guessing(side),
            *_errored(side),
            *_unanswered(side),
        ]
        found += [f"{which}: {line}" if which else line for line in said]
    return found


def _unlike(results: Mapping[str, Any], gates: Sequence[Gate]) -> list[str]:
    """That the baseline is unlike the run, where a gate rests on it and the user allowed that."""
    allowed = (results.get("comparison") or {}).get("allowed", [])
    if not allowed or not any(gate.compared.startswith(("gain.", "before.")) for gate in gates):
        return []
    return [f"the baseline is unlike this run (--allow-mismatch): {'; '.join(allowed)}"]


ERRORED = "examples errored, and its gate says that this fails"


def _rests_on_errors(gate: Gate, results: Mapping[str, Any]) -> bool:
    """Whether examples errored under an attack that the gate is counted on."""
    after = (results.get("comparison") or {}).get("after", results)
    return any(
        attack["counts"]["errored"] and judging.counted_on(gate, attack["name"])
        for attack in after.get("attacks", [])
        if attack["split"] == "test"
    )


def _errored(side: Mapping[str, Any]) -> Iterator[str]:
    for attack in side.get("attacks", []):
        errored = attack["counts"]["errored"]
        if errored:
            form = " (calibrated)" if attack["calibrated"] else ""
            yield (
                f"{errored} of {attack['counts']['total']} examples errored under "
                f"{attack['name']}{form} on {attack['split']}"
            )


def _unanswered(side: Mapping[str, Any]) -> Iterator[str]:
    """NaN is no wrong answer: it would make a gap small, or the half of a comparison better."""
    for split, clean in side.get("clean", {}).items():
        if clean.get("unanswered"):
            yield f"{clean['unanswered']} answers to unaltered {split} texts are not finite"


def _no_better_than_guessing(results: Mapping[str, Any]) -> list[str]:
    """A model that gives one answer to everything cannot be broken, and is not robust for that.

    Its robust accuracy is the share of the commonest label; so accuracy must be told from that share.
    """
    clean = results.get("clean", {}).get("test")
    split = ((results.get("data") or {}).get("splits") or {}).get("test")
    if not clean or not split:
        return []
    doubt = guessing(Estimate.from_dict(clean["accuracy"]), split["labels"])
    name = (results.get("model") or {}).get("name", "the model")
    return [f"{name}: {doubt}"] if doubt else []


def guessing(accuracy: Estimate, labels: Mapping[str, int]) -> str | None:
    """What is to be said where an accuracy cannot be told from one answer to everything.

    Args:
        labels: examples by label name.
    """
    rows = sum(labels.values())
    label, count = max(labels.items(), key=lambda item: item[1], default=("", 0))
    if not rows or accuracy.low is None or accuracy.low > count / rows:
        return None
    return (
        f"accuracy {accuracy.value:.3f} (from {accuracy.low:.3f}) cannot be told from always answering "
        f"'{label}' ({count / rows:.3f}): its robust accuracy means nothing"
    )


def with_verdict(
    results: Results,
    gates: Sequence[Gate],
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> Verdict:
    """Decide the gates, store the verdict in the results, and return it.

    Waivers count by `today`; where None, by the day on which the run began.
    """
    if waivers and today is None:
        today = date.fromisoformat(results["run"]["created"][:10])
    doubts = problems(results, gates)
    stricter = looks.factors(gates, results.get("looks"))
    errored = {g.measured for g in gates if g.on_missing == "fail" and _rests_on_errors(g, results)}
    found = estimates(results) | dict.fromkeys(errored, Estimate.missing(ERRORED))
    verdict = decide(gates, found, doubts, waivers, today, stricter)
    results["verdict"] = cast(
        "Any",
        {
            "value": verdict.value,
            "exit_code": verdict.exit_code,
            "reasons": list(verdict.reasons),
            "problems": list(verdict.problems),
            "gates": [
                {
                    "name": result.gate.name,
                    "metric": result.gate.compared,
                    "slice": result.gate.slice,
                    "bound": result.gate.bound,
                    "margin": result.gate.margin,
                    "direction": result.gate.direction,
                    "evidence": result.gate.evidence,
                    "value": asdict(result.estimate or Estimate.missing(result.reason)),
                    "verdict": result.verdict,
                    "why": result.gate.why,
                    "examples_needed": result.examples_needed,
                    "explanation": result.reason,
                    **({} if result.waiver is None else {"waiver": _waiver(result.waiver)}),
                }
                for result in verdict.gates
            ],
        },
    )
    return verdict


def _waiver(waiver: Waiver) -> dict[str, str]:
    return {"owner": waiver.owner, "reason": waiver.reason, "until": waiver.until.isoformat()}

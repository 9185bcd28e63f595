"""What was tested and what for: the model, its form, the plan behind it, and who signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import wording as w
from reports.frozen import moment
from reports.view import Fact

UNSAID = "Not stated."


def stated(results: Mapping[str, Any], main: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the plan's `[report]` says; empty where it says nothing."""
    found: Mapping[str, Any] = results.get("report") or main.get("report") or {}
    return found


def identity(results: Mapping[str, Any], main: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Which model this is about, in which form it was asked, and what it is meant for."""
    said = stated(results, main)
    model = main.get("model")
    found = [*_model(model)] if model else []
    comparison = results["comparison"]
    if comparison and comparison["before"].get("model"):
        earlier = comparison["before"]["model"]
        found.append(
            Fact("Compared with", (str(earlier["name"]), f"fingerprint {earlier['fingerprint']}"))
        )
    return (
        *found,
        Fact("Meant for", (str(said.get("intended_use") or UNSAID),)),
        Fact("Out of scope", tuple(map(str, said.get("out_of_scope") or (UNSAID,)))),
    )


def _model(model: Mapping[str, Any]) -> list[Fact]:
    weights = [
        f"{name}: {digest}"
        for name, digest in model.get("files", {}).items()
        if name.endswith((".safetensors", ".bin"))
    ]
    found = [
        Fact("Model", (str(model["name"]),)),
        Fact("Weights", (f"fingerprint {model['fingerprint']}", *weights), code=True),
        Fact("Form", (_form(model),)),
        Fact("Tested and in use", (_deployed(model),)),
    ]
    trained = model.get("trained") or {}
    if trained.get("start"):
        start = f"{trained['start']}, fingerprint {trained.get('start_fingerprint') or 'unknown'}"
        found.insert(2, Fact("Started from", (start,)))
    return found


def _form(model: Mapping[str, Any]) -> str:
    tested = model.get("tested") or {}
    parts = [str(tested["architecture"])] if tested else []
    if model.get("parameters"):
        parts.append(f"{model['parameters']:,} parameters")
    if tested:
        parts.append(f"in {tested['dtype']}")
        if tested.get("max_length"):
            parts.append(f"texts cut at {tested['max_length']:,} tokens")
    return ", ".join(parts) or "not recorded"


def _deployed(model: Mapping[str, Any]) -> str:
    temperature = model.get("temperature")
    calibrated = (
        f' Where a row says "calibrated", its scores were divided by {temperature:.3f}.'
        if temperature is not None
        else ""
    )
    return (
        "What was tested is the model behind this fingerprint, asked directly. A copy that is "
        "quantized, converted, cut at another length or given another tokenizer is another model, and "
        "filters or people around it were not tested." + calibrated
    )


def plan(
    results: Mapping[str, Any], main: Mapping[str, Any], manifest: Mapping[str, Any] | None
) -> tuple[Fact, ...]:
    """What was fixed before anything was measured, and how it ended."""
    run, frozen = results["run"], results.get("frozen")
    verdict = results["verdict"]
    found = [
        Fact(
            "Plan", (f"SHA-256 {run['plan_digest']}",) if run.get("plan_digest") else (), code=True
        ),
        Fact("Frozen", (_frozen(frozen),) if verdict or frozen else ()),
        Fact("Judged by", (_judged(verdict["gates"]),) if verdict else ()),
        Fact("Ended", (_ended(main),) if main["attacks"] else ()),
        Fact(
            "Seeds",
            tuple(f"{role}: {seed}" for role, seed in (manifest or {}).get("seeds", {}).items()),
        ),
    ]
    return tuple(fact for fact in found if fact.values)


def _frozen(frozen: Mapping[str, Any] | None) -> str:
    if not frozen:
        return "The plan was not frozen: nothing here shows that its bounds were set beforehand."
    count = len(frozen["deviations"])
    differs = {0: "It is the plan that was run.", 1: "1 setting was changed after it."}
    late = " It was frozen after this run had begun." if frozen.get("late") else ""
    return (
        f"On {moment(frozen['date'])}. "
        + differs.get(count, f"{count} settings were changed after it.")
        + late
    )


def _judged(gates: Sequence[Mapping[str, Any]]) -> str:
    if not gates:
        return "The plan has no gates."
    by = sum(gate["evidence"] == "interval" for gate in gates)
    many = f"{len(gates)} gates" if len(gates) > 1 else "1 gate"
    return f"{many}, {by} of them by the 95% interval and {len(gates) - by} by the value alone" + (
        "; several share one error budget (Holm)." if by > 1 else "."
    )


def _ended(main: Mapping[str, Any]) -> str:
    if main.get("limited"):
        return "Early, on request (--limit): fewer examples than the plan asks for were attacked."
    looks = main.get("looks")
    if looks:
        return (
            f"After look {looks['made']} of {looks['planned']}, with {looks['examples']:,} of "
            f"{looks['of']:,} examples; the last look was judged at the level {looks['level']:.3g}."
        )
    return "When every example of the plan was attacked: no look before the end decided anything."


def signed(results: Mapping[str, Any], main: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Who answers for it."""
    said = stated(results, main)
    return (
        Fact("Author", (str(said.get("author") or UNSAID),)),
        Fact("Reviewer", (str(said.get("reviewer") or UNSAID),)),
    )


def stamp(
    results: Mapping[str, Any], main: Mapping[str, Any], digests: Mapping[str, str]
) -> tuple[Fact, ...]:
    """Who, when and from which records, for the head of the page."""
    said = stated(results, main)
    finished = str(results["run"].get("finished") or results["run"]["created"])
    found = [
        Fact("Author", (str(said["author"]),) if said.get("author") else ()),
        Fact("Reviewer", (str(said["reviewer"]),) if said.get("reviewer") else ()),
        Fact("Finished", (moment(finished),) if finished else ()),
        Fact("Valid until", (str(said["expires"]),) if said.get("expires") else ()),
        Fact("Drawn from", tuple(_results_digest(digests)), code=True),
    ]
    return tuple(fact for fact in found if fact.values)


def _results_digest(digests: Mapping[str, str]) -> list[str]:
    digest = digests.get("results.json")
    return [f"results.json, SHA-256 {digest}"] if digest else []


def majority(main: Mapping[str, Any]) -> str:
    """What a model that always gives the commonest answer of the test texts would score."""
    test = ((main.get("data") or {}).get("splits") or {}).get("test") or {}
    counts = {name: int(count) for name, count in (test.get("labels") or {}).items()}
    total = sum(counts.values())
    if not total:
        return ""
    name = max(counts, key=lambda name: counts[name])
    share = w.percent(counts[name] / total)
    return f"Always answering {name} would be right on {share} of the test texts."

"""Where the numbers come from: what a reader needs to repeat them or to trust them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from reports import wording as w
from reports.view import Fact


def facts(
    results: Mapping[str, Any], manifest: Mapping[str, Any] | None, digests: Mapping[str, str]
) -> tuple[Fact, ...]:
    """The lines of the provenance part, those without a value left out."""
    run, known = results["run"], manifest or {}
    found = [
        Fact("Run", (run["id"],), code=True),
        Fact("Time", (f"{_time(run['created'])} to {_time(run.get('finished'))}",)),
        Fact("Command", (shlex.join(run["command"]),) if run["command"] else (), code=True),
        Fact(
            "Plan", (f"SHA-256 {run['plan_digest']}",) if run.get("plan_digest") else (), code=True
        ),
        *_models(results),
        Fact("Seeds", tuple(f"{role}: {seed}" for role, seed in known.get("seeds", {}).items())),
        Fact("Code", _git(known.get("git"))),
        Fact("Versions", (_pairs(known.get("versions", {})),) if known.get("versions") else ()),
        Fact("Machine", _machine(known)),
        Fact("Environment", tuple(f"{k}={v}" for k, v in known.get("environment", {}).items())),
        Fact("Inputs", tuple(f"{k}: {v}" for k, v in known.get("files", {}).items()), code=True),
        Fact("Records", tuple(f"{name}: {digest}" for name, digest in digests.items()), code=True),
    ]
    return tuple(fact for fact in found if fact.values)


def _models(results: Mapping[str, Any]) -> list[Fact]:
    comparison = results["comparison"]
    if comparison:
        pairs = [("Model before", comparison["before"]), ("Model after", comparison["after"])]
    else:
        pairs = [("Model", results)]
    found = []
    for label, side in pairs:
        model = side.get("model")
        if model is None:
            continue
        lines = [str(model["name"])]
        if comparison:
            lines.append(f"run {side['run']['id']}")
        if model.get("parameters"):
            lines.append(f"{model['parameters']:,} parameters")
        if model.get("temperature") is not None:
            lines.append(f"calibrated at temperature {model['temperature']:.3f}")
        if model.get("seen_attacks"):
            lines.append(f"trained on attacks: {', '.join(model['seen_attacks'])}")
        if model.get("seen_edits"):
            lines.append(f"trained on edits: {', '.join(model['seen_edits'])}")
        lines.append(f"fingerprint {model['fingerprint']}")
        lines += [f"{name}: {digest}" for name, digest in model.get("files", {}).items()]
        found.append(Fact(label, tuple(lines), code=True))
    return found


def _git(state: Mapping[str, Any] | None) -> tuple[str, ...]:
    if not state:
        return ()
    dirty = {True: " with changes not committed", False: "", None: " (changes unknown)"}
    lines = [f"commit {state['commit']}{dirty[state.get('dirty')]}"]
    if state.get("origin"):
        lines.append(str(state["origin"]))
    return tuple(lines)


def _machine(known: Mapping[str, Any]) -> tuple[str, ...]:
    hardware, platform = known.get("hardware", {}), known.get("platform", {})
    lines = []
    if hardware.get("cpu"):
        lines.append(f"{hardware['cpu']}, {hardware.get('cores')} cores")
    lines += [str(name) for name in hardware.get("gpus", [])]
    if hardware.get("memory_bytes"):
        lines.append(f"{hardware['memory_bytes'] / 1024**3:.0f} GiB of memory")
    if platform:
        lines.append(
            f"{platform.get('system')}, {platform.get('machine')}, "
            f"{platform.get('implementation')} {platform.get('python')}"
        )
    return tuple(lines)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in values.items())


def _time(stamp: Any) -> str:
    return w.NONE if not stamp else str(stamp)[:19].replace("T", " ") + " UTC"

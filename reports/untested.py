"""What a run did not measure, and why: the plan did not ask for it, or nobody can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import threat


def not_tested(results: Mapping[str, Any], main: Mapping[str, Any]) -> tuple[str, ...]:
    """The limits on record, and what this run had no part for, a sentence each."""
    found = [str(limit) for limit in results["limits"]]
    if results["kind"] in ("audit", "harden", "compare"):
        found += [sentence for sentence in _left_out(results, main) if sentence not in found]
    return tuple(found)


def _left_out(results: Mapping[str, Any], main: Mapping[str, Any]) -> list[str]:
    found = []
    attacks = main["attacks"]
    if attacks and not any(_follows(attack) for attack in attacks):
        found.append(
            "No attack that knows the weights was run: one that follows gradients may succeed where "
            "these, which only ask, did not."
        )
    if attacks and not any(attack["calibrated"] for attack in attacks):
        found.append(
            "The temperature-calibrated model was not attacked (audit.calibrated): overconfidence alone "
            "can pass for robustness."
        )
    if attacks and not any(attack["split"] == "train" for attack in attacks):
        found.append(
            "Training texts were not attacked (audit.train_examples), so that the robust gap between "
            "training and test is not known."
        )
    for key, sentence in _PARTS.items():
        if not main.get(key):
            found.append(sentence)
    splits = (main.get("data") or {}).get("splits", {})
    if not any(split.get("kind") == "shifted" for split in splits.values()):
        found.append("No texts of another domain or time were asked about (audit.sets).")
    if not results["comparison"]:
        found.append("There was no earlier model to compare with (withstand audit --baseline RUN).")
    return found


_PARTS = {
    "noise": "Natural noise was not measured (audit.corruptions).",
    "behaviour": "No behavioural tests were run (audit.behaviour).",
    "checks": "The evidence itself was not checked (audit.checks).",
}


def _follows(attack: Mapping[str, Any]) -> bool:
    _, technique = threat.knows(attack["recipe"].get("parameters") or {})
    return technique == "atlas-t0043-000"

"""Every number that a gate can name, by its name, from results.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reports import curve, slices, statistics
from reports.statistics import Estimate


def estimates(results: Mapping[str, Any]) -> dict[str, Estimate]:
    """The numbers of a run by metric name.

    `withstand ls checks` lists them. Those of a slice end in `@SLICE`; where a baseline is compared, the
    baseline's stand behind `before.`, and the paired differences behind `gain.`.
    """
    found: dict[str, Estimate] = {}
    comparison = results.get("comparison")
    if comparison:
        found.update({f"before.{k}": v for k, v in estimates(comparison["before"]).items()})
        found.update(estimates(comparison["after"]))
        for row in comparison["differences"]:
            found[f"gain.{row['metric']}"] = Estimate.from_dict(row["difference"])
        for one in comparison.get("slices", []):
            for row in one["differences"]:
                name = f"gain.{row['metric']}@{one['name']}"
                found[name] = Estimate.from_dict(row["difference"])
        return found
    found.update(_clean(results))
    found.update(_attacks(results))
    found.update(probes(results))
    found.update(slices.estimates(results))
    found.update(curve.estimates(results))
    found.update(_sets(results))
    for entry in results.get("transfer", []):
        # In the worst case per text over the surrogates.
        name = f"transfer_accuracy.{entry['attack']}"
        found[name] = Estimate.from_dict(entry["robust_accuracy"])
    for entry in results.get("checks", []):
        name = ".".join(filter(None, (entry["name"], entry["attack"])))
        found[f"check.{name}"] = Estimate.from_dict(entry["estimate"])
    if results.get("membership"):
        told = results["membership"]["found"]
        found["membership_found"] = Estimate.from_dict(told)
    for row in results.get("gaps", []):
        found[f"gap.{row['name']}"] = Estimate.from_dict(row["difference"])
    return found


def probes(results: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    """`noisy_accuracy.mean`, `noisy_accuracy.NAME.SEVERITY` and `behaviour_failures.NAME`."""
    noise = results.get("noise")
    if noise:
        yield "noisy_accuracy.mean", Estimate.from_dict(noise["mean"])
        for entry in noise["entries"]:
            metric = f"noisy_accuracy.{entry['name']}.{entry['severity']}"
            yield metric, Estimate.from_dict(entry["accuracy"])
    for entry in results.get("behaviour", []):
        yield f"behaviour_failures.{entry['name']}", Estimate.from_dict(entry["failure_rate"])


def duplicates(results: Mapping[str, Any]) -> Estimate | None:
    """Of the training rows that were read, those that a validation or test text repeats, or nearly.

    They were removed before the training; a dataset that is full of them was made without care.
    """
    data = results.get("data") or {}
    train = (data.get("splits") or {}).get("train")
    overlaps = (data.get("duplicates") or {}).get("overlaps")
    if train is None or overlaps is None or "available" not in train:
        return None
    found = [one for one in overlaps if one["removed_from"] == "train"]
    removed = sum(one["rows"] for one in found)
    repeated = sum(one["exact"] + one["near"] for one in found)
    return statistics.rate(repeated, train["available"] + removed)


def _clean(results: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    clean = results.get("clean", {}).get("test")
    if clean:
        yield "clean_accuracy", Estimate.from_dict(clean["accuracy"])
        yield "calibration_error", Estimate.from_dict(clean["ece"])
        if "brier" in clean:
            yield "brier_score", Estimate.from_dict(clean["brier"])


def _attacks(results: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    for attack in results.get("attacks", []):
        if attack["split"] == "test":
            suffix = attack["name"] + (".calibrated" if attack["calibrated"] else "")
            for metric in ("robust_accuracy", "attack_success_rate"):
                yield f"{metric}.{suffix}", Estimate.from_dict(attack[metric])
    for union in results.get("unions", []):
        if union["split"] == "test":
            suffix = ".calibrated" if union["calibrated"] else ""
            yield (
                f"robust_accuracy.union{suffix}",
                Estimate.from_dict(union["robust_accuracy"]),
            )


def _sets(results: Mapping[str, Any]) -> Iterator[tuple[str, Estimate]]:
    """`clean_accuracy.SET`, `contrast_consistency.SET` and `train_duplicates`."""
    splits = (results.get("data") or {}).get("splits") or {}
    for name, clean in results.get("clean", {}).items():
        if "kind" in splits.get(name, {}):
            yield f"clean_accuracy.{name}", Estimate.from_dict(clean["accuracy"])
    repeated = duplicates(results)
    if repeated is not None:
        yield "train_duplicates", repeated
    for entry in results.get("contrast", []):
        name = f"contrast_consistency.{entry['name']}"
        yield name, Estimate.from_dict(entry["consistency"])

"""Two audits of the same examples by the same attacks: what changed, paired example by example.

Like is compared with like or not at all. The splits must hold the same texts, the attacks must be the
same with the same parameters, and they must have met the same examples; the error names what differs
(`reports.likeness`). What may differ is the model: its weights, its temperature, the attacks that it was
trained on. Whoever asks for it has unlike audits compared as far as they go, each mismatch on record.

McNemar's test takes examples as independent; where they come in families, the interval of the difference
is the better witness, for it resamples families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import statistics
from reports.causes import attribution, causes, differing
from reports.folder import RunFolder
from reports.likeness import like
from reports.results import Results, RunInfo, empty
from reports.sides import Side, title_of
from reports.summaries import (
    PairedComparison,
    compare_attacks,
    compare_predictions,
    compare_unions,
)

__all__ = ["LISTED_IDS", "Side", "compare_runs", "compare_sides", "comparison_results"]

LISTED_IDS = 50


def compare_runs(
    baseline: RunFolder,
    run: RunFolder,
    *,
    after: Mapping[str, Any] | None = None,
    cost: Mapping[str, Any] | None = None,
    allow: bool = False,
) -> dict[str, Any]:
    """The "comparison" of two audit runs.

    The baseline must be finished, and so must the run, unless its results are handed over in `after`:
    an audit that compares itself with a baseline is sealed only when the comparison is in it.
    """
    side = Side.of(run) if after is None else Side.under_way(run, after)
    return compare_sides(Side.of(baseline), side, cost=cost, allow=allow)


def compare_sides(
    before: Side, after: Side, *, cost: Mapping[str, Any] | None = None, allow: bool = False
) -> dict[str, Any]:
    """The "comparison" of results.json, or a ReportError that names what is unlike.

    With `allow`, unlike audits are compared as far as they have attacks and examples in common, and
    "allowed" says what was unlike.
    """
    whole = before, after
    why = causes(*whole)
    before, after, allowed = like(before, after, allow=allow)
    found = _differences(before, after)
    _adjust(found)
    # The texts are the same on both sides, so the slices are those of the later plan.
    slices: list[dict[str, Any]] = [
        {
            "name": members.name,
            "says": members.says,
            "differences": _differences(before.within(members), after.within(members)),
        }
        for members in after.slices
    ]
    _adjust([entry for one in slices for entry in one["differences"]])
    return {
        "before": _embedded(whole[0].results),
        "after": _embedded(whole[1].results),
        "differences": found,
        **({"slices": slices} if slices else {}),
        "causes": [cause.to_dict() for cause in why],
        "attribution": attribution(why, *differing(before.records, after.records)),
        **({"allowed": allowed} if allowed else {}),
        "cost": dict(cost or {}),
    }


def _differences(before: Side, after: Side) -> list[dict[str, Any]]:
    return [*_clean(before, after), *_attacks(before, after), *_unions(before, after)]


def _adjust(entries: Sequence[dict[str, Any]]) -> None:
    """Correct the p values for their number (Holm)."""
    tested = [entry for entry in entries if entry["p_value"] is not None]
    adjusted = statistics.holm([entry["p_value"] for entry in tested])
    for entry, value in zip(tested, adjusted, strict=True):
        entry["p_adjusted"] = value


def comparison_results(run: RunInfo, comparison: Mapping[str, Any]) -> Results:
    """Results of kind "compare" around a comparison, for a run folder of its own."""
    after = comparison["after"]
    results = empty("compare", run)
    results["comparison"] = dict(comparison)  # type: ignore[typeddict-item]  # built above
    results["model"], results["data"] = after["model"], after["data"]
    results["examples"] = list(after.get("examples", []))
    results["limits"] = list(
        dict.fromkeys([*comparison["before"].get("limits", []), *after.get("limits", [])])
    )
    return results


def _clean(before: Side, after: Side) -> list[dict[str, Any]]:
    # Training examples are for the gaps, validation examples chose the checkpoint.
    splits = [
        split
        for split in after.results["clean"]
        if split not in ("train", "validation") and split in before.results["clean"]
    ]
    found = []
    for split in splits:
        paired = compare_predictions(before.predictions(split), after.predictions(split))
        if paired.n:
            title = f"Accuracy on unaltered {split} examples"
            metric = "clean_accuracy" + ("" if split == "test" else f".{split}")
            found.append(_difference(paired, title, metric, split=split))
    return found


def _attacks(before: Side, after: Side) -> list[dict[str, Any]]:
    found = []
    for part, result in after.parts().items():
        paired = compare_attacks(before.outcomes(part), after.outcomes(part))
        found.append(
            _difference(
                paired,
                f"Robust accuracy under {title_of(part)}",
                _metric(part[0], part[1], part[2]),
                attack=part[0],
                split=part[1],
                calibrated=part[2],
                seen=bool(result["seen"]),
            )
        )
    return found


def _unions(before: Side, after: Side) -> list[dict[str, Any]]:
    """The unions that the audit reports, and the worst case over what the model was not trained on."""
    seen = {part: bool(result["seen"]) for part, result in after.parts().items()}
    wanted = [
        (
            str(u["label"]),
            "union",
            [(name, u["split"], bool(u["calibrated"])) for name in u["attacks"]],
        )
        for u in after.results["unions"]
    ]
    for split, calibrated in dict.fromkeys((part[1], part[2]) for part in seen):
        unseen = [p for p in seen if p[1:] == (split, calibrated) and not seen[p]]
        if 1 < len(unseen) < sum(p[1:] == (split, calibrated) for p in seen):
            wanted.append((f"any of {len(unseen)} unseen attacks", "unseen", unseen))
    found = []
    for label, name, parts in wanted:
        if not parts or any(part not in seen for part in parts):
            continue
        _, split, calibrated = parts[0]
        paired = compare_unions(
            {part[0]: before.outcomes(part) for part in parts},
            {part[0]: after.outcomes(part) for part in parts},
        )
        found.append(
            _difference(
                paired,
                f"Robust accuracy under {title_of((label, split, calibrated))}",
                _metric(name, split, calibrated),
                split=split,
                calibrated=calibrated,
                # A union is unseen only if every attack in it is.
                seen=any(seen[part] for part in parts),
                label=label,
            )
        )
    return found


def _metric(name: str, split: str, calibrated: bool) -> str:
    """The name that a gate knows a robust accuracy by."""
    where = "" if split == "test" else f".{split}"
    return f"robust_accuracy.{name}{where}{'.calibrated' if calibrated else ''}"


def _difference(
    paired: PairedComparison,
    title: str,
    metric: str,
    *,
    attack: str | None = None,
    split: str = "test",
    calibrated: bool = False,
    seen: bool = False,
    label: str | None = None,
) -> dict[str, Any]:
    return {
        "title": title,
        "metric": metric,
        "attack": attack,
        "label": label,
        "split": split,
        "seen": seen,
        "calibrated": calibrated,
        "before": paired.before.to_dict(),
        "after": paired.after.to_dict(),
        "difference": paired.difference.to_dict(),
        "p_value": paired.p_value,
        "newly_broken": len(paired.newly_broken),
        "newly_fixed": len(paired.newly_fixed),
        "newly_broken_ids": list(paired.newly_broken[:LISTED_IDS]),
        "newly_fixed_ids": list(paired.newly_fixed[:LISTED_IDS]),
        "left_out": paired.left_out,
        "n": paired.n,
    }


def _embedded(results: Mapping[str, Any]) -> dict[str, Any]:
    """One side's results without a comparison of its own: reports must not nest without end."""
    return {key: value for key, value in results.items() if key != "comparison"}

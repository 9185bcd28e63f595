"""Whether two audits can be compared: what is unlike, what of it may be allowed, and what is left then.

Never to be allowed: labels that differ, and audits that share no example. Of attacks with one name
and different goals the two numbers mean different things, so these are left out whatever is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.errors import ReportError
from reports.sides import Part, Side, title_of

ALLOW = "--allow-mismatch"


def like(before: Side, after: Side, *, allow: bool) -> tuple[Side, Side, list[str]]:
    """The two sides as far as they can be compared, and each mismatch that was allowed for it.

    Raises ReportError, which names what is unlike, where that is not allowed or can never be.
    """
    _refuse_hopeless(before, after)
    found = mismatches(before, after)
    if not found:
        return before, after, []
    if not allow:
        raise ReportError(_refusal(before.name, after.name, found))
    a, b, left_out = _narrowed(before, after)
    if not _shares_records(a, b):
        raise ReportError(
            f"{before.name} and {after.name} cannot be compared, whatever is allowed: no example with "
            f"the same id, text and label is in both.\n  {_lines(found)}\n"
            "Audit both models with the same plan."
        )
    return a, b, [*found, *left_out]


def refuse_early(
    before: Side,
    *,
    splits: Mapping[str, str],
    manifest: Mapping[str, Any],
    attacks: Sequence[str],
) -> None:
    """Refuse what can be told of a run before it is made, so that nobody waits for a refusal.

    Args:
        splits: fingerprints of the splits of the run to come, by name.
        manifest: its seeds and versions, as in manifest.json.
        attacks: the names of its attacks.

    Raises ReportError as `like` does.
    """
    known = {name: {"fingerprint": digest} for name, digest in splits.items()}
    known = {name: split for name, split in known.items() if name not in ("train", "validation")}
    found = [*_unlike_data(before.splits, known), *_unlike_making(before.manifest, manifest)]
    had = {name for name, split, _ in before.parts() if split == "test"}
    found += [f"{name}: only in {before.name}" for name in sorted(had - set(attacks))]
    found += [f"{name}: not in {before.name}" for name in sorted(set(attacks) - had)]
    if found:
        raise ReportError(_refusal(before.name, "this audit", found))


def mismatches(before: Side, after: Side) -> list[str]:
    """What differs in more than the model, a line each; nothing where like is compared with like."""
    a, b = before.parts(), after.parts()
    compared = {split for _, split, _ in a.keys() | b.keys()}
    compared |= set(before.results["clean"]) - {"train", "validation"}
    found = _unlike_data(*(_some(side.splits, compared) for side in (before, after)))
    found += _unlike_making(before.manifest, after.manifest)
    found += _unlike_repeats(before, after)
    for part in sorted(a.keys() ^ b.keys()):
        side = before if part in a else after
        found.append(f"{title_of(part)}: only in {side.name}")
    for part in sorted(a.keys() & b.keys()):
        found += [f"{title_of(part)}: {line}" for line in _unlike_recipe(a[part], b[part])]
        left = {outcome.example_id for outcome in before.outcomes(part)}
        right = {outcome.example_id for outcome in after.outcomes(part)}
        if left != right:
            found.append(
                f"{title_of(part)}: {len(left - right)} examples only in {before.name}, "
                f"{len(right - left)} only in {after.name}"
            )
    return found + _unlike_examples(before, after)


def _refuse_hopeless(before: Side, after: Side) -> None:
    a, b = before.labels, after.labels
    if a is not None and b is not None and a != b:
        raise ReportError(
            f"{before.name} and {after.name} cannot be compared: their labels are {', '.join(a)} "
            f"against {', '.join(b)}. Compare two models that answer with the same labels."
        )
    if not _shares_records(before, after):
        raise ReportError(
            f"{before.name} and {after.name} cannot be compared: no example was met in both, unaltered "
            "or by an attack of one name.\n  "
            + _lines(mismatches(before, after) or ["one of them holds no examples at all"])
            + "\nName two audits of the same data by the same plan; a hardening holds no examples of "
            "its own, its two audits do."
        )


def _refusal(before: str, after: str, found: Sequence[str]) -> str:
    return (
        f"{before} and {after} cannot be compared, for they differ in more than the "
        f"model:\n  {_lines(found)}\nAudit both models with the same plan. To compare what the two have "
        f"in common, with each of these lines on record: {ALLOW}."
    )


def _lines(found: Sequence[str]) -> str:
    return "\n  ".join(found)


def _some(splits: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: split for name, split in splits.items() if name in names}


def _unlike_data(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [
        f"the {split} data: fingerprint {a[split]['fingerprint'][:12]} against "
        f"{b[split]['fingerprint'][:12]}"
        for split in sorted(a.keys() & b.keys())
        if a[split]["fingerprint"] != b[split]["fingerprint"]
    ]


def _unlike_making(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> list[str]:
    """Seeds and releases that differ, where both sides have them on record."""
    seeds, others = (dict((side or {}).get("seeds", {})) for side in (a, b))
    found = [
        f"the seed of the {role} is {seeds[role]} against {others[role]}"
        for role in sorted(seeds.keys() & others.keys())
        if seeds[role] != others[role]
    ]
    left, right = ((side or {}).get("versions", {}).get("withstand") for side in (a, b))
    if left and right and left != right:
        found.append(
            f"Withstand is {left} against {right}: attacks may have changed between the two"
        )
    return found


def _unlike_repeats(before: Side, after: Side) -> list[str]:
    left, right = ((side.results["model"] or {}).get("repeats", 1) for side in (before, after))
    return [] if left == right else [f"answers to each text: {left} against {right}"]


def _unlike_recipe(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    left, right = ({**side["recipe"], "query_budget": side.get("query_budget")} for side in (a, b))
    return [
        f"{key} is {left.get(key)!r} against {right.get(key)!r}"
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    ]


def _unlike_examples(before: Side, after: Side) -> list[str]:
    """Examples that go by one id and are not one example. The fingerprint of the data says it too."""
    found = []
    for words, left, right in (
        ("another text", before.texts(), after.texts()),
        ("another label", before.labelled(), after.labelled()),
    ):
        changed = sorted(
            key
            for key in left.keys() & right.keys()
            if key[0] != "train" and left[key] != right[key]
        )
        if changed:
            count = f"{len(changed)} example{'s have' if len(changed) > 1 else ' has'}"
            found.append(f"{count} {words} under the same id ({changed[0][1]})")
    return found


def _narrowed(before: Side, after: Side) -> tuple[Side, Side, list[str]]:
    """What both sides have: attacks of one name and goal, and examples that are the same in both."""
    a, b = before.parts(), after.parts()
    parts = {part for part in a.keys() & b.keys() if _goal(a[part]) == _goal(b[part])}
    left_out = [
        f"{title_of(part)}: left out, for its goal is another"
        for part in sorted((a.keys() & b.keys()) - parts)
    ]
    same, unknown = _same_examples(before, after)
    left_out += [
        f"the {split} data: {count} examples left out, for their texts are not on record in both runs"
        for split, count in unknown.items()
    ]
    return before.narrowed(parts, same), after.narrowed(parts, same), left_out


def _same_examples(before: Side, after: Side) -> tuple[dict[str, set[str]], dict[str, int]]:
    """Ids of the same examples by split, and how many may be the same or not.

    Where the data have one fingerprint, where ids are made of the content, or where nothing is known of
    the data but the examples that were attacked, an id stands for its text unless the two are known to
    differ.
    """
    texts, others = before.texts(), after.texts()
    labels, other_labels = before.labelled(), after.labelled()
    changed = _changed_splits(before, after)
    same: dict[str, set[str]] = {}
    unknown: dict[str, int] = {}
    for key in labels.keys() & other_labels.keys():
        split, example = key
        kept = same.setdefault(split, set())
        if labels[key] != other_labels[key]:
            continue
        both = key in texts and key in others
        if texts[key] == others[key] if both else split not in changed:
            kept.add(example)
        elif not both and split != "train":
            unknown[split] = unknown.get(split, 0) + 1
    return same, unknown


def _changed_splits(before: Side, after: Side) -> set[str]:
    """The splits whose data differ, so that one id may stand for two texts."""
    return {
        name
        for name in before.splits.keys() & after.splits.keys()
        if before.splits[name]["fingerprint"] != after.splits[name]["fingerprint"]
        and not before.splits[name].get("ids") == after.splits[name].get("ids") == "content"
    }


def _goal(attack: Mapping[str, Any]) -> Any:
    return attack["recipe"].get("parameters", {}).get("goal")


def _shares_records(before: Side, after: Side) -> bool:
    """Whether a comparison would have a pair: of predictions, or of outcomes of one attack."""
    parts: set[Part] = before.parts().keys() & after.parts().keys()
    keys = [
        {
            (record.check, record.example_id)
            for record in side.records
            if record.split not in ("train", "validation")
            and (
                record.check == f"clean@{record.split}"
                or any(record.check.startswith(f"attack:{name}@") for name, _, _ in parts)
            )
        }
        for side in (before, after)
    ]
    return not keys[0].isdisjoint(keys[1])

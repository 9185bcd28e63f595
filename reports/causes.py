"""What differs between two runs by their results and manifests, and what a change can be put down to.

Only what can change an outcome counts: not where a model lay, how much memory there was or when it ran.
What is not on record for one of the runs may differ too, and is listed as that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from reports.records import OutcomeRecord, Record
from reports.sides import Side, title_of

Kind = Literal["model", "data", "attack", "code", "environment"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LONGEST = 120
"""Characters of a value that are kept."""

TRAINED = (
    "run",
    "stage",
    "plan_digest",
    "start",
    "start_fingerprint",
    "teacher",
    "teacher_fingerprint",
    "objective",
    "augment",
    "learning_rate",
    "selected_on",
    "selected_by",
    "best_epoch",
    "rows",
)
# Variables of the manifest that say where a run was, and decide no outcome.
_HARMLESS = ("CI", "SOURCE_DATE_EPOCH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_DIGEST = 40


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that differs; a side is None where it is not on record there."""

    kind: Kind
    what: str
    before: str | None
    after: str | None

    @property
    def certain(self) -> bool:
        """Whether it is known to differ, and not only unknown on a side."""
        return self.before is not None and self.after is not None

    def to_dict(self) -> dict[str, str | None]:
        """An entry of a comparison's "causes"."""
        return {"kind": self.kind, "what": self.what, "before": self.before, "after": self.after}


def causes(before: Side, after: Side) -> tuple[Cause, ...]:
    """Everything that differs, by kind in the order of `KINDS`; each thing once."""
    found = [
        *_model(before, after),
        *_data(before, after),
        *_attacks(before, after),
        *_code(before.manifest or {}, after.manifest or {}),
        *_environment(before.manifest or {}, after.manifest or {}),
    ]
    return tuple(dict.fromkeys(found))


def attribution(found: Sequence[Cause], differing: int, pairs: int) -> str:
    """How far a change can be put down to one thing, in a sentence or two.

    Args:
        differing: of the `pairs` of records that both runs have, those whose answers or outcomes differ.
    """
    known = [kind for kind in KINDS if any(c.kind == kind and c.certain for c in found)]
    unknown = [kind for kind in KINDS if kind not in known and any(c.kind == kind for c in found)]
    says = f"Of the {' and the '.join(unknown)} too little is on record to tell." if unknown else ""
    if len(known) > 1:
        which = f"{', the '.join(known[:-1])} and the {known[-1]}"
        said = f"The {which} differ between the two runs: their effects cannot be told apart."
    elif known:
        recorded = "As far as is on record, only" if unknown else "Only"
        said = f"{recorded} the {known[0]} differs between the two runs."
    elif unknown:
        said = "Nothing that is on record differs between the two runs."
        if differing:
            said += f" Yet {differing:,} of {pairs:,} answers and outcomes differ."
    else:
        said = "The model, data, attack, code and environment are the same: differences are noise."
        said += (
            f" Yet {differing:,} of {pairs:,} answers and outcomes differ: the evaluation is not "
            "repeatable."
            if differing
            else " There are none."
        )
    return f"{said} {says}".strip()


def differing(before: Sequence[Record], after: Sequence[Record]) -> tuple[int, int]:
    """How many records of one key say something else, and how many keys both sides have."""
    left, right = ({r.key: _said(r) for r in records} for records in (before, after))
    common = left.keys() & right.keys()
    return sum(left[key] != right[key] for key in common), len(common)


def _said(record: Record) -> tuple[Any, ...]:
    if isinstance(record, OutcomeRecord):
        return record.status, record.predicted_before
    return (record.predicted,)


def _model(before: Side, after: Side) -> Iterator[Cause]:
    a, b = (side.results["model"] or {} for side in (before, after))
    if a.get("fingerprint") != b.get("fingerprint"):
        yield from _weights(a, b)
        yield from _leaves("model", "training", *(_trained(model) for model in (a, b)))
        left, right = (
            (model.get("trained") or {}).get("data", {}).get("train") for model in (a, b)
        )
        yield from _differ("model", "training texts", left, right)
    yield from _differ("model", "temperature", a.get("temperature"), b.get("temperature"))
    yield from _differ("model", "tokens that it reads", before.max_length, after.max_length)


def _weights(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Cause]:
    """The files that differ: weights are one thing, whatever files they are in."""
    files, others = a.get("files", {}), b.get("files", {})
    changed = [name for name in sorted({*files, *others}) if files.get(name) != others.get(name)]
    beside = [
        name for name in changed if not name.endswith((".safetensors", ".safetensors.index.json"))
    ]
    if len(beside) < len(changed) or not changed:
        yield Cause("model", "weights", *(_named(model) for model in (a, b)))
    for name in beside:
        yield Cause("model", name, *(_short(side.get(name, "none")) for side in (files, others)))


def _named(model: Mapping[str, Any]) -> str | None:
    digest = model.get("fingerprint")
    return None if digest is None else f"{model.get('name')} ({_short(digest)})"


def _trained(model: Mapping[str, Any]) -> dict[str, Any]:
    record = model.get("trained") or {}
    return {key: record[key] for key in TRAINED if record.get(key) is not None}


def _data(before: Side, after: Side) -> Iterator[Cause]:
    a, b = before.splits, after.splits
    same_model = _fingerprint(before) == _fingerprint(after)
    changed = False
    for name in dict.fromkeys((*a, *b)):
        # What a model was trained on is in its weights; with the same weights it moves the gaps.
        if name == "train" and not same_model:
            continue
        left, right = (_split(side.get(name)) for side in (a, b))
        if a and b and left != right:
            changed = True
            yield Cause("data", f"{name} texts", left, right)
    if changed:
        sources = [(side.results["data"] or {}).get("source") for side in (before, after)]
        yield from _differ("data", "source", *sources)
    if before.labels and after.labels:
        yield from _differ("data", "labels", ", ".join(before.labels), ", ".join(after.labels))
    if a and b:
        return
    # Without fingerprints the texts that were attacked speak for themselves.
    texts, others = before.texts(), after.texts()
    both = texts.keys() & others.keys()
    other = sum(texts[key] != others[key] for key in both)
    if other:
        yield Cause("data", "texts under the same id", f"{len(both):,} texts", f"{other:,} changed")


def _split(split: Mapping[str, Any] | None) -> str:
    return f"{split['rows']:,} rows, {_short(split['fingerprint'])}" if split else "none"


def _fingerprint(side: Side) -> Any:
    return (side.results["model"] or {}).get("fingerprint")


def _attacks(before: Side, after: Side) -> Iterator[Cause]:
    a, b = before.parts(), after.parts()
    for part in dict.fromkeys((*a, *b)):
        title = title_of(part)
        if part not in a or part not in b:
            sides = ("attacked" if part in side else "not attacked" for side in (a, b))
            yield Cause("attack", title, *sides)
            continue
        yield from _leaves("attack", part[0], *(_recipe(side[part]) for side in (a, b)))
        left, right = ({o.example_id for o in side.outcomes(part)} for side in (before, after))
        if left != right:
            common = f"{len(right):,}, {len(left & right):,} of them in both"
            yield Cause("attack", f"{title}: examples", f"{len(left):,}", common)
    manifests = (before.manifest, after.manifest)
    if all(manifest is not None for manifest in manifests):
        seeds, files = (
            [(manifest or {}).get(key, {}) for manifest in manifests] for key in ("seeds", "files")
        )
        yield from _leaves("attack", "seed", *seeds)
        yield from _leaves("attack", "resource", *files)
    else:
        yield from _unrecorded("attack", "seeds", *manifests)
    asked = [(side.results["model"] or {}).get("repeats", 1) for side in (before, after)]
    yield from _differ("attack", "answers to each text", *asked)
    limited = ["yes" if side.results.get("limited") else "no" for side in (before, after)]
    yield from _differ("attack", "fewer examples than planned", *limited)


def _recipe(attack: Mapping[str, Any]) -> dict[str, Any]:
    """What decides an attack: its parameters, the models beside it, its budget; no prose."""
    recipe = {k: v for k, v in attack["recipe"].items() if k not in ("source", "deviations")}
    parameters = recipe.pop("parameters", {})
    return {**recipe, **parameters, "query budget": attack.get("query_budget") or "none"}


def _code(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Cause]:
    left, right = (side.get("versions", {}).get("withstand") for side in (a, b))
    if left is None or right is None:
        yield from _unrecorded("code", "release of Withstand", left, right)
    else:
        yield from _differ("code", "release of Withstand", left, right)
    if "git" not in a or "git" not in b:
        return
    states = [side["git"] or {} for side in (a, b)]
    commits = [state.get("commit") for state in states]
    if any(commits):
        yield from _differ("code", "commit", *(_short(commit or "none") for commit in commits))
    if any(state.get("dirty") for state in states):
        # Two trees with changes are not known to have the same ones.
        shown = ["yes" if state.get("dirty") else "no" for state in states]
        if shown == ["yes", "yes"]:
            shown[1] = "yes, which need not be the same"
        yield Cause("code", "changes that are not committed", *shown)


def _environment(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Cause]:
    if "platform" not in a or "platform" not in b:
        sides = (side.get("platform") for side in (a, b))
        yield from _unrecorded("environment", "packages and machine", *sides)
        return
    platforms, hardware = ([side.get(k, {}) for side in (a, b)] for k in ("platform", "hardware"))
    for key in ("python", "implementation", "machine"):
        yield from _differ("environment", key, *(side.get(key) for side in platforms))
    systems = [str(side.get("system", "")).split(" ")[0] for side in platforms]
    yield from _differ("environment", "system", *systems)
    versions = [{**side.get("versions", {})} for side in (a, b)]
    listed = versions[0] != versions[1]
    for side in versions:
        side.pop("withstand", None)
    yield from _leaves("environment", "", *versions)
    if not listed:
        digests = [side.get("packages_sha256") for side in (a, b)]
        yield from _differ("environment", "other packages", *digests)
    for key in ("cpu", "gpus", "cuda"):
        yield from _differ("environment", key, *(side.get(key) for side in hardware))
    threads = [side.get("threads") for side in hardware]
    if None not in threads:  # known where something had loaded torch
        yield from _differ("environment", "threads", *threads)
    variables = [
        {name: v for name, v in side.get("environment", {}).items() if name not in _HARMLESS}
        for side in (a, b)
    ]
    yield from _leaves("environment", "", *variables)
    yield from _leaves("environment", "", *(side.get("details", {}) for side in (a, b)))


def _unrecorded(kind: Kind, what: str, a: Any, b: Any) -> Iterator[Cause]:
    """What is missing on a side, or on both."""
    yield Cause(kind, what, *(None if side is None else "on record" for side in (a, b)))


def _leaves(kind: Kind, prefix: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Cause]:
    """The values of two tables that differ, by dotted key; a table against none is one value."""
    for key in dict.fromkeys((*a, *b)):
        name = (
            f"{prefix}: {key}" if prefix and ": " not in prefix else f"{prefix}.{key}".lstrip(".")
        )
        left, right = a.get(key), b.get(key)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            yield from _leaves(kind, name, left, right)
        else:
            yield from _differ(kind, name, left, right)


def _differ(kind: Kind, what: str, a: Any, b: Any) -> Iterator[Cause]:
    if a != b:
        yield Cause(kind, what, _value(a), _value(b))


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        text = _short(value) if len(value) >= _DIGEST and _is_hex(value) else value
    else:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _short(digest: str) -> str:
    return digest[:12]


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)

"""A plan that is frozen before its audit: kept with its date, and compared with what was run.

A bound that is changed once the numbers are known says nothing any more. Whoever freezes a plan can show
later that it is the one that was run; whoever changed it has each change listed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.plan import PYPROJECT, Plan, PlanError
from reports.folder import RunFolder
from reports.results import Deviation, FrozenInfo
from reports.storage import read_json, to_json, write_atomic

FORMAT, VERSION = "withstand/frozen-plan", 1
EVENT = "frozen"

DECIDING = ("gates", "audit", "data", "model", "seed", "resources")
"""Sections that decide what is measured and what passes: a change in one makes a pass inconclusive."""


@dataclass(frozen=True)
class Freeze:
    """A plan as it was frozen.

    Attributes:
        digest: SHA-256 of the resolved plan (`Plan.digest`).
        date: ISO 8601 in UTC.
        release: of Withstand.
        plan: the resolved plan as plain values.
        history: date and digest of earlier freezes, the oldest first.
        texts: fingerprints of the splits and sets as they were then, by name.
    """

    digest: str
    date: str
    release: str
    plan: Mapping[str, Any]
    history: tuple[Mapping[str, str], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


def freeze_path(plan: Path) -> Path:
    """Where the freeze of a plan file lies: beside it."""
    stem = "withstand" if plan.name == PYPROJECT else plan.stem
    return plan.with_name(f"{stem}.frozen.json")


def freeze(
    plan: Plan,
    path: Path,
    *,
    again: bool,
    now: datetime | None = None,
    texts: Mapping[str, str] | None = None,
) -> Freeze:
    """Freeze the plan of the file `path`; the earlier freezes of the file are kept in the history.

    Args:
        texts: fingerprints of the splits and sets, by name.

    Raises PlanError where it was frozen before and not `again`.
    """
    before, file = read_freeze(path), freeze_path(path)
    if before is not None and not again:
        changed = "changed since" if deviations(before, plan) else "not changed since"
        raise PlanError(
            f"{file} is there already: the plan was frozen on {before.date} and is {changed}. To freeze "
            f"it as it is now, and keep that date on record: withstand plan freeze {path} --again."
        )
    kept = () if before is None else ({"date": before.date, "digest": before.digest},)
    found = Freeze(
        plan.digest,
        (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        version("withstand"),
        plan.model_dump(mode="json"),
        (*(before.history if before else ()), *kept),
        dict(texts or {}),
    )
    content = {
        "format": FORMAT,
        "version": VERSION,
        "digest": found.digest,
        "date": found.date,
        "release": found.release,
        "history": list(found.history),
        "texts": dict(found.texts),
        "plan": found.plan,
    }
    write_atomic(file, to_json(content, indent=1) + "\n")
    return found


def read_freeze(path: Path) -> Freeze | None:
    """The freeze beside a plan file; None where there is none.

    Raises ReportError where it is damaged, PlanError where it is not one or its plan is not that of its
    digest.
    """
    file = freeze_path(path)
    if not file.exists():
        return None
    found = read_json(file)
    way = f"Put the file back as it was, or take it away and freeze anew: withstand plan freeze {path}."
    try:
        if (found["format"], found["version"]) != (FORMAT, VERSION):
            raise KeyError("format")
        read = Freeze(
            found["digest"],
            datetime.fromisoformat(found["date"]).isoformat(timespec="seconds"),
            found["release"],
            dict(found["plan"]),
            tuple({"date": str(e["date"]), "digest": str(e["digest"])} for e in found["history"]),
            {str(name): str(digest) for name, digest in found.get("texts", {}).items()},
        )
    except (KeyError, TypeError, ValueError):
        raise PlanError(f"{file} is not a frozen plan of version {VERSION}. {way}") from None
    text = json.dumps(read.plan, sort_keys=True, indent=1)
    if hashlib.sha256(text.encode()).hexdigest() != read.digest:
        raise PlanError(f"{file} was changed: its plan is not the one of its digest. {way}")
    return read


def deviations(frozen: Freeze, plan: Plan) -> list[Deviation]:
    """Every key whose value is not the frozen one, dotted; None where one side has nothing there.

    Keys that came with a later release count as left at their defaults when the plan was frozen.
    """
    try:
        then = Plan.model_validate_json(json.dumps(frozen.plan)).model_dump(mode="json")
    except ValidationError:  # an older release's plan, which this one would not take
        then = dict(frozen.plan)
    before, after = dict(_leaves(then)), dict(_leaves(plan.model_dump(mode="json")))
    return [
        {"key": key, "frozen": before.get(key), "now": after.get(key)}
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def beside_the_plan(
    frozen: Freeze, texts: Mapping[str, str], override: str | None
) -> list[Deviation]:
    """What a run does otherwise than frozen though the plan is the same.

    Args:
        texts: fingerprints of the splits and sets as they are now.
        override: a model that was named in the place of the plan's.
    """
    found: list[Deviation] = [
        {"key": f"data.{name}.texts", "frozen": digest[:16], "now": texts.get(name, "none")[:16]}
        for name, digest in frozen.texts.items()
        if texts.get(name) != digest
    ]
    if override is not None:
        found.append({"key": "model (--model)", "frozen": None, "now": override})
    return found


def put_on_record(
    folder: RunFolder, frozen: Freeze, plan: Plan, others: Sequence[Deviation] = ()
) -> None:
    """Record a freeze and what deviates from it as the run's event; once, unless it was changed."""
    found = {
        "digest": frozen.digest,
        "date": frozen.date,
        "release": frozen.release,
        "history": [dict(entry) for entry in frozen.history],
        "deviations": [dict(entry) for entry in (*deviations(frozen, plan), *others)],
    }
    last = _last(folder.events())
    if last is None or any(last.get(key) != value for key, value in found.items()):
        folder.append(EVENT, **found)


def recorded(events: Sequence[Mapping[str, Any]]) -> FrozenInfo | None:
    """What results.json says of the freeze that lay beside the plan; None where there was none."""
    found = _last(events)
    if found is None:
        return None
    began = datetime.fromisoformat(events[0]["time"])
    return {
        "digest": found["digest"],
        "date": found["date"],
        "matches": not found["deviations"],
        "deviations": list(found["deviations"]),
        "late": datetime.fromisoformat(found["date"]) > began,
        "history": list(found["history"]),
    }


def doubts(frozen: FrozenInfo | None) -> list[str]:
    """What makes a pass inconclusive: what decides it was changed, or frozen, after the fact."""
    if frozen is None:
        return []
    found = []
    changed = [e["key"] for e in frozen["deviations"] if re.split(r"[. ]", e["key"])[0] in DECIDING]
    if changed:
        found.append(
            f"the plan was changed after it was frozen on {frozen['date']}: {', '.join(changed)}"
        )
    if frozen["late"]:
        found.append(f"the plan was frozen on {frozen['date']}, after this run began")
    return found


def _last(events: Sequence[Mapping[str, Any]] | Iterator[dict[str, Any]]) -> Any:
    found = None
    for event in events:
        if event["event"] == EVENT:
            found = event
    return found


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted key. Nothing, an empty table and an empty list are alike: no such key."""
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        inner = [(str(number), item) for number, item in enumerate(value)]
    else:
        if value not in (None, []):
            yield key, value
        return
    for name, item in inner:
        yield from _leaves(item, f"{key}.{name}" if key else str(name))

"""Which other models were measured on the same test texts before.

Who chooses among them by those numbers chooses on test. Every run folder holds the fingerprints of its
model and of its texts, so the runs themselves are the record of how often these were looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.folder import RunFolder

EVENT = "evaluated_before"


def evaluated_before(runs: Path, audit: RunFolder) -> list[dict[str, str]]:
    """The other models that audits of this one's stage under `runs` measured on the same test split.

    One entry a model, with the fingerprint and the first run that measured it. The models of the plan's
    other stage are no rivals of this one, and are left out. The audit has its "subject" on record.
    """
    stage = audit.started()["stage"]
    mine, test = _measured(audit, stage)
    found: dict[str, dict[str, str]] = {}
    for path in sorted(runs.iterdir()) if runs.is_dir() else ():
        if path.name == audit.id or not (path / "events.jsonl").is_file():
            continue
        model, looked_at = _measured_in(path, stage)
        other = model.get("fingerprint", mine["fingerprint"])
        if other != mine["fingerprint"] and looked_at == test:
            found.setdefault(
                other, {"run": path.name, "model": model["name"], "fingerprint": other}
            )
    return list(found.values())


def in_words(earlier: Sequence[Mapping[str, str]]) -> list[str]:
    """What a report has to say of them; nothing where there are none."""
    if not earlier:
        return []
    first, count = earlier[0]["run"], len(earlier)
    models, were = ("model", "was") if count == 1 else ("models", "were")
    return [
        f"{count} other {models} {were} measured on these test texts before (the first in {first}). "
        "Where this one was chosen by those numbers, it was chosen on test, and the figures here are "
        "better than those on new texts would be."
    ]


def _measured_in(path: Path, stage: str) -> tuple[dict[str, Any], str | None]:
    try:
        return _measured(RunFolder.open(path), stage)
    except ReportError:
        return {}, None


def _measured(run: RunFolder, stage: str) -> tuple[dict[str, Any], str | None]:
    """The model of an audit of the stage and its test split; nothing of other runs and damaged ones."""
    try:
        for event in run.events():
            if event["event"] == "started" and (event.get("kind"), event.get("stage")) != (
                "audit",
                stage,
            ):
                return {}, None
            if event["event"] == "subject":
                splits = (event.get("data") or {}).get("splits", {})
                return event.get("model") or {}, splits.get("test", {}).get("fingerprint")
    except ReportError:
        pass
    return {}, None

"""Start a run, or go on with one: what every long verb does first."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.folder import RunFolder
from reports.redaction import clean_command

LAST = "last"
"""`--resume last`: the newest unfinished run of the same kind and plan, or a new run."""


def start_or_resume(
    root: Path,
    name: str,
    kind: str,
    *,
    plan_text: str,
    plan_digest: str,
    resume: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> RunFolder:
    """A new run folder under `root`, or the unfinished one that `resume` names.

    Raises ReportError where the named run does not exist, is finished, is of another kind, or was made
    by another plan (with the difference).
    """
    if resume == LAST:
        found = _newest_unfinished(root, kind, plan_digest)
        resume = str(found) if found else None
    if resume is not None:
        path = _find(root, resume)
        began = RunFolder.open(path).started()
        if began.get("kind") != kind:
            raise ReportError(
                f"The run {path.name} is of kind '{began.get('kind')}', not '{kind}'. Resume "
                f"it with the verb that started it: {' '.join(began.get('command', [])) or 'unknown'}."
            )
        return RunFolder.open_for_resume(path, plan_text, plan_digest)
    return RunFolder.create(
        root,
        name,
        kind=kind,
        plan_text=plan_text,
        plan_digest=plan_digest,
        details={"command": command_line(), **(details or {})},
    )


def command_line() -> list[str]:
    """The command as typed, with the program's name in place of its path, and without its secrets."""
    return clean_command(["withstand", *sys.argv[1:]])


def _find(root: Path, resume: str) -> Path:
    """The folder that `resume` names: a path, or the name of a folder under `root`."""
    path = Path(resume)
    return path if path.is_dir() or not (root / resume).is_dir() else root / resume


def _newest_unfinished(root: Path, kind: str, plan_digest: str) -> Path | None:
    if not root.is_dir():
        return None
    for path in sorted(root.iterdir(), reverse=True):
        if not (path / "events.jsonl").is_file():
            continue
        try:
            run = RunFolder.open(path)
            if run.is_finished:
                continue
            began = run.started()
        except ReportError:
            # Killed before its first event was whole, or no run of ours: there is nothing to go on with.
            continue
        if began.get("kind") == kind and began.get("plan_digest") == plan_digest:
            return path
    return None

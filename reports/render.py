"""Draw the reports of a finished run from its records alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from reports import narrative, signing
from reports.errors import ReportError
from reports.folder import SUMS, RunFolder
from reports.hashing import sha256_file
from reports.storage import as_bytes, write_atomic
from reports.view import Report

FORMATS = ("html", "md")

# Files whose digests the report shows. The reports themselves are drawn, so they are not among them.
_RECORDS = ("plan.toml", "manifest.json", "events.jsonl", "items.parquet", "results.json", SUMS)


def render(run_dir: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write report.html, report.md or both into the run folder; returns what was written."""
    drawers = [(name, _drawer(name)) for name in dict.fromkeys(formats)]
    report = view(RunFolder.open(run_dir))
    written = []
    for name, draw in drawers:
        path = run_dir / f"report.{name}"
        write_atomic(path, draw(report))
        written.append(path)
    return written


def redrawn(run: RunFolder) -> dict[Path, bool]:
    """The reports that lie in a run folder, and whether its records give them to the byte.

    One that was drawn before the run was signed shows no signature.
    """
    views = (view(run), view(run, signed=False))
    found = {}
    for name in FORMATS:
        path = run.path / f"report.{name}"
        if path.is_file():
            drawn = (as_bytes(_drawer(name)(report)) for report in views)
            found[path] = path.read_bytes() in drawn
    return found


def view(run: RunFolder, *, signed: bool = True) -> Report:
    """What the reports of a run show, whatever their format; its signature too, if `signed`."""
    manifest = run.manifest() if (run.path / "manifest.json").is_file() else None
    digests = {
        name: sha256_file(run.path / name) for name in _RECORDS if (run.path / name).is_file()
    }
    signature = signing.facts(run) if signed else ()
    return narrative.build(run.results(), manifest, digests, signature)


def _drawer(name: str) -> Callable[[Report], str]:
    from reports import html, markdown

    drawers = {"html": html.render, "md": markdown.render}
    if name not in drawers:
        raise ReportError(f"There is no report format '{name}'. Known: {', '.join(FORMATS)}.")
    return drawers[name]

"""The run folder: what a run leaves, from its first event to the sums that close it.

    runs/<utc>-<slug>-<short id>/
        plan.toml         as resolved           manifest.json   what ran, on what, from what
        events.jsonl      append-only           items.parquet   a row an example a check
        results.json      the numbers           SHA256SUMS      written last: no sums, not finished
        report.html, report.md and so on        drawn from the rest at any time, so not summed
        SHA256SUMS.sig, SHA256SUMS.minisig      signatures of the sums, where somebody signed them

events.jsonl is the journal: everything else about examples is derived from it. While a run is under way
its records live there alone, so that a killed run has lost nothing and knows what it has done.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Self

from reports import items, untrusted
from reports.errors import ReportError
from reports.hashing import sha256_file
from reports.records import OutcomeRecord, PredictionRecord, Record, from_event
from reports.storage import (
    EventLog,
    probe_writable,
    read_events,
    read_json,
    sync_folder,
    to_json,
    write_atomic,
)
from reports.visible import one_line

SUMS = "SHA256SUMS"
FORMATS = "withstand.formats"
"""The entry points of formats of other packages (`reports.render`)."""
DRAWN = frozenset(
    {
        *("report.html", "report.md", "report.json", "report.junit.xml", "report.sarif"),
        *("report.modelcard.md", "report.pdf", "items.csv", "metrics.csv"),
    }
)
"""The files that are drawn from the records; a file of any other name is one that the sums must know."""
SIGNATURES = ("SHA256SUMS.sig", "SHA256SUMS.minisig")
"""Of SSH keys and of minisign (`reports.signing`): made of the sums, so the sums do not hold them."""

# Events that a resumed run is steered by, and that must outlive a power cut.
_SYNCED = frozenset({"started", "resumed", "stage", "checkpoint", "finished", "interrupted"})


class RunFolder:
    """One run on disk. Make it with `create`, `open` or `open_for_resume`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = EventLog(path / "events.jsonl")

    @classmethod
    def create(
        cls,
        root: Path,
        name: str,
        *,
        kind: str,
        plan_text: str | None = None,
        plan_digest: str | None = None,
        details: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        needed_bytes: int | None = None,
    ) -> Self:
        """Make a new run under `root` (probed first) and write its plan and its first event.

        `plan_digest` is what a resumed run is compared by; without one it is the hash of `plan_text`.
        `details` are further plain fields of the "started" event.
        """
        if needed_bytes is None:
            probe_writable(root)
        else:
            probe_writable(root, needed_bytes)
        stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = root / f"{stamp}-{slug(name)}-{secrets.token_hex(3)}"
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise ReportError(
                f"The run folder {path} cannot be made: {error.strerror}. Name another with -o."
            ) from error
        sync_folder(root)
        run = cls(path)
        if plan_text is not None:
            run.write_text("plan.toml", plan_text)
        run.append(
            "started",
            id=path.name,
            name=name,
            kind=kind,
            plan_digest=plan_digest or (None if plan_text is None else _digest(plan_text)),
            **(details or {}),
        )
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run that exists, to read it.

        Raises ReportError where there is none, and for one that reaches out of itself (see
        `reports.untrusted`).
        """
        where = untrusted.shown(path)
        try:
            if not path.is_dir():
                raise ReportError(
                    f"There is no run folder at {where}. `ls runs` shows those that are."
                )
            untrusted.check_folder(path)
            if not (path / "events.jsonl").is_file():
                raise ReportError(
                    f"{where} is not a run folder: it has no events.jsonl. Name a folder under runs/."
                )
        except OSError as error:
            raise ReportError(f"{where} cannot be read: {error.strerror}.") from None
        return cls(path)

    @classmethod
    def open_for_resume(
        cls, path: Path, plan_text: str | None = None, plan_digest: str | None = None
    ) -> Self:
        """Open an unfinished run to go on with it; a changed plan or a finished run is a ReportError."""
        run = cls.open(path)
        if run.is_finished:
            raise ReportError(
                f"The run {path.name} is finished; there is nothing to resume. "
                f"See it with `withstand report {path}`, or start a new run without --resume."
            )
        started = run.started()
        now = plan_digest or (None if plan_text is None else _digest(plan_text))
        before = started.get("plan_digest")
        if before != now:
            raise ReportError(_plan_changed(path, run.plan_text() or "", plan_text or ""))
        run.append("resumed")
        return run

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def is_finished(self) -> bool:
        """Whether the sums are there, which are written last."""
        return (self.path / SUMS).is_file()

    def __enter__(self) -> Self:
        """The folder itself; the event log is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the event log."""
        self.close()

    def close(self) -> None:
        """Let go of the event log (another process may then write to it)."""
        self._log.close()

    def append(self, event: str, **fields: Any) -> None:
        """Add one event with the time; those that steer a resume are synced to the disk."""
        if self.is_finished:
            raise ReportError(f"The run {self.id} is finished and sealed; start a new one.")
        line = {"event": event, "time": _now(), **fields}
        self._log.append(line, sync=event in _SYNCED)

    def record(self, record: Record) -> None:
        """Add one record of an example."""
        self.append(record.event, **record.to_dict())

    def events(self) -> Iterator[dict[str, Any]]:
        """All events in order; a torn last line is passed over, other damage is a ReportError."""
        return read_events(self.path / "events.jsonl")

    def started(self) -> dict[str, Any]:
        """The first event."""
        for event in self.events():
            if event["event"] == "started":
                return event
        raise ReportError(
            f"The run {self.id} never started: its events.jsonl holds no such event. Start a new run."
        )

    def command(self) -> str | None:
        """The command that began the run, quoted for a shell; None where it is none of ours.

        A run folder is data: what it calls its command is shown to be typed again only if it is a
        `withstand`.
        """
        words = self.started().get("command")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return None
        return shlex.join(words) if words[:1] == ["withstand"] else None

    def records(self) -> list[Record]:
        """Every record, in the order in which its key first came; the last of one key counts.

        Read from items.parquet once the run is finished, from the events before that.
        """
        if (self.path / items.NAME).is_file():
            return items.read(self.path / items.NAME)
        return self.journalled()

    def outcomes(self, check: str | None = None) -> list[OutcomeRecord]:
        """The outcomes of attacks, of one check or of all."""
        return [
            record
            for record in self.records()
            if isinstance(record, OutcomeRecord) and check in (None, record.check)
        ]

    def predictions(self, check: str | None = None) -> list[PredictionRecord]:
        """The predictions on unaltered examples, of one check or of all."""
        return [
            record
            for record in self.records()
            if isinstance(record, PredictionRecord) and check in (None, record.check)
        ]

    def done(self) -> set[tuple[str, str]]:
        """The keys (check, example id) that need no second go."""
        return {record.key for record in self.records()}

    def write_text(self, name: str, content: str) -> Path:
        """Write a file of the run atomically."""
        path = self.path / name
        write_atomic(path, content)
        return path

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write manifest.json."""
        self.write_text("manifest.json", to_json(manifest, indent=1) + "\n")

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Check the shape of the results and write results.json."""
        from reports.results import validate

        validate(results)
        self.write_text("results.json", to_json(results, indent=1) + "\n")

    def manifest(self) -> dict[str, Any]:
        """What manifest.json holds, checked."""
        from reports.shape import check_manifest

        found = read_json(self.path / "manifest.json")
        check_manifest(found, where=str(self.path / "manifest.json"))
        return found

    def results(self) -> dict[str, Any]:
        """What results.json holds, checked and in the shape of this release.

        Raises ReportError for a run that has none yet, and for results that are none.
        """
        from reports.migration import migrated
        from reports.results import validate
        from reports.shape import check_results

        if not (self.path / "results.json").is_file():
            raise ReportError(
                f"The run {self.id} has no results yet: it was interrupted. Go on with it by "
                f"--resume {self.path}."
            )
        results = migrated(read_json(self.path / "results.json"))
        where = untrusted.shown(self.path / "results.json")
        validate(results, where)
        check_results(results, where)
        return results

    def plan_text(self) -> str | None:
        """The plan as it was resolved, or None where the run had none."""
        path = self.path / "plan.toml"
        return untrusted.read_text(path, untrusted.LARGEST_PLAN) if path.is_file() else None

    def plan(self) -> dict[str, Any]:
        """The same, read; empty where the run had none. A plan that is no TOML is a ReportError."""
        path = self.path / "plan.toml"
        return untrusted.read_toml(path) if path.is_file() else {}

    def finish(self, results: Mapping[str, Any]) -> None:
        """Write the results, the items and, last of all, the sums that seal the run."""
        self.write_results(results)
        items.write(self.path / items.NAME, self.journalled())
        self.append("finished")
        self.close()
        lines = [f"{sha256_file(path)}  {name}\n" for name, path in self._summed()]
        write_atomic(self.path / SUMS, "".join(lines))

    def verify_sums(self) -> list[str]:
        """What differs from the sums: one sentence a file, none where all is as it was sealed."""
        if not self.is_finished:
            raise ReportError(f"The run {self.id} is not finished: it has no {SUMS} to verify.")
        try:
            recorded = self.sums()
        except ReportError as error:
            return [str(error)]
        present = dict(self._summed())
        # A name is looked up among the files that are there, and never followed as a path.
        problems = [f"{name}: missing" for name in recorded if name not in present]
        problems += [f"{name}: not in {SUMS}" for name in present if name not in recorded]
        problems += [
            f"{name}: changed since the run was finished"
            for name, digest in recorded.items()
            if name in present and sha256_file(present[name]) != digest
        ]
        return sorted(one_line(problem) for problem in problems)

    def sums(self) -> dict[str, str]:
        """The digests that seal the run, by file. Raises ReportError where one is no digest."""
        found: dict[str, str] = {}
        # By "\n" alone: a name may hold other characters that `splitlines` takes for line ends.
        lines = untrusted.read_text(self.path / SUMS).split("\n")
        for number, line in enumerate(lines, start=1):
            digest, gap, name = line.partition("  ")
            if not line and number > 1:
                continue
            if not gap or not re.fullmatch("[0-9a-f]{64}", digest) or name in found:
                raise ReportError(f"{SUMS}: line {number} is damaged")
            found[name] = digest
        return found

    def journalled(self) -> list[Record]:
        """Every record as the events hold it, whether the run is finished or not."""
        found: dict[tuple[str, str], Record] = {}
        for number, event in enumerate(self.events(), start=1):
            try:
                record = from_event(event)
            except (TypeError, ValueError) as error:
                raise ReportError(
                    f"{untrusted.shown(self.path / 'events.jsonl')}, event {number} is not a record: "
                    f"{one_line(str(error), 300)}."
                ) from None
            if record is not None:
                found[record.key] = record
        return list(found.values())

    def _summed(self) -> list[tuple[str, Path]]:
        """The files that the sums cover: all but they and their signatures, what is drawn or hidden."""
        found = []
        for path in sorted(self.path.rglob("*")):
            relative = path.relative_to(self.path)
            hidden = any(part.startswith(".") for part in relative.parts)
            drawn = is_drawn(relative.as_posix())
            sums = relative.as_posix() in (SUMS, *SIGNATURES)
            if path.is_file() and not hidden and not drawn and not sums:
                found.append((relative.as_posix(), path))
        return found


def is_drawn(name: str) -> bool:
    """Whether a file of a run, by its path in the folder, is a report: drawn from the records again."""
    added = (f"report.{entry.name}" for entry in entry_points(group=FORMATS))
    return name in DRAWN or name in added


def slug(name: str) -> str:
    """A name as a part of a folder's name: small letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "run"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _plan_changed(path: Path, before: str, after: str) -> str:
    diff = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"{path.name}/plan.toml",
        "the plan now",
        lineterm="",
    )
    lines = list(diff) or ["(the texts agree; the resolved plans differ)"]
    return (
        f"The plan has changed since the run {path.name} was started:\n"
        + "\n".join(lines)
        + "\nPut the plan back to go on with this run, or start a new one without --resume."
    )

"""`withstand verify`: is a run folder as it was sealed, and do its numbers follow from its records?

Nothing is loaded and nothing is asked: files are hashed, and what the records give is counted again. Who
can change files can make new sums too; against that a signature helps (`reports.signing`), or a copy of
SHA256SUMS kept elsewhere. `suites.spot_check` asks the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reports import items
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.records import Record
from reports.signing import SigningError, check
from reports.storage import to_json
from suites.differing import Compared, Difference, compared
from suites.recounting import MissingPartError, parts_of, recount

State = Literal["ok", "wrong", "unknown"]


@dataclass(frozen=True)
class Step:
    """One thing that was looked at.

    Attributes:
        state: "ok", "wrong" (it does not match) or "unknown" (it cannot be told here).
        said: what was found, in a sentence.
        notes: what a reader should know beside it, a line each.
    """

    name: str
    state: State
    said: str
    notes: tuple[str, ...] = ()


EXIT_CODES: dict[State, int] = {"ok": 0, "wrong": 1, "unknown": 3}


def verify(
    path: Path,
    *,
    baseline: Path | None = None,
    trusted: Path | None = None,
    signer: str | None = None,
) -> Iterator[Step]:
    """Every step in turn, up to the first that is wrong.

    Args:
        baseline: the run or baseline file that an audit was compared with, where it does not lie beside
            it.
        trusted, signer: whose signature the run must have (see `reports.signing.check`).

    Raises ReportError where there is no run folder at `path`, and SigningError where `trusted` cannot be
    used.
    """
    run = RunFolder.open(path)
    if not run.is_finished:
        yield Step("sums", "unknown", "the run is not finished, so that nothing is sealed yet")
        return
    looks: dict[str, Callable[[], Step]] = {
        "sums": lambda: _sums(run),
        "signature": lambda: _signature(run, trusted, signer),
        "records": lambda: _records(run),
        "parts": lambda: _parts(run),
        "numbers": lambda: _numbers(run, baseline),
        "reports": lambda: _drawn(run),
    }
    for name, look in looks.items():
        try:
            step = look()
        except MissingPartError as error:
            step = Step(name, "unknown", str(error))
        except SigningError:
            raise
        except ReportError as error:
            # The sums match: whoever sealed the run sealed what cannot be read.
            step = Step(name, "wrong", str(error))
        yield step
        if step.state == "wrong":
            return


def worst(steps: Iterable[Step]) -> State:
    """What all steps come to: wrong where one is, else unknown where one is."""
    states = {step.state for step in steps}
    return "wrong" if "wrong" in states else "unknown" if "unknown" in states else "ok"


def _sums(run: RunFolder) -> Step:
    problems = run.verify_sums()
    if problems:
        rest = tuple(f"also {problem}" for problem in problems[1:])
        return Step("sums", "wrong", problems[0], rest)
    count = len(run.sums())
    return Step("sums", "ok", f"{count} files are as they were sealed")


def _signature(run: RunFolder, trusted: Path | None, signer: str | None) -> Step:
    """Whose it is; without a key that is trusted a signature proves no more than the sums do."""
    found = check(run, trusted, signer)
    if found is None:
        if trusted is not None:
            return Step("signature", "wrong", "it is not signed")
        return Step("signature", "ok", "it is not signed; the sums alone do not say who made it")
    wrong = found.state in ("invalid", "unlisted") or (trusted and found.state != "trusted")
    return Step("signature", "wrong" if wrong else "ok", found.sentence)


def _records(run: RunFolder) -> Step:
    """The table of items against the journal that it was made of."""
    told, kept = run.journalled(), run.records()
    if not (run.path / items.NAME).is_file():
        return Step("records", "ok", "there is no table of items; the journal is all there is")
    if len(told) != len(kept):
        said = f"{items.NAME} has {len(kept)} rows, and events.jsonl holds {len(told)} records"
        return Step("records", "wrong", said)
    for number, (one, other) in enumerate(zip(told, kept, strict=True), start=1):
        if (field := _unlike(one, other)) is not None:
            said = (
                f"row {number} of {items.NAME} ({' '.join(other.key)}) is not what events.jsonl holds: "
                f"{field} differs"
            )
            return Step("records", "wrong", said)
    return Step("records", "ok", f"{items.NAME} holds what events.jsonl says, {len(kept):,} rows")


def _parts(run: RunFolder) -> Step:
    """The runs that a hardening or a comparison is made of, each as by itself."""
    parts = parts_of(run)
    if not parts:
        return Step("parts", "ok", "it stands alone")
    notes: list[str] = []
    state: State = "ok"
    for part in parts:
        for step in verify(part.path):
            if step.state == "wrong":
                return Step("parts", "wrong", f"{part.id}: {step.name}: {step.said}", step.notes)
            if step.state == "unknown":
                state = "unknown"
                notes.append(f"{part.id}: {step.name}: {step.said}")
    said = f"{len(parts)} runs that it is made of are as they were sealed"
    return Step("parts", state, said if state == "ok" else notes[0], tuple(notes[1:]))


def _unlike(one: Record, other: Record) -> str | None:
    """The first field in which two records differ; text as Parquet can hold it."""
    first, second = items.row(one), items.row(other)
    return next((key for key in first if first[key] != second.get(key)), None)


def _numbers(run: RunFolder, baseline: Path | None) -> Step:
    recorded = run.results()
    recounted = json.loads(to_json(recount(run, baseline)))
    found = compared(recorded, recounted)
    if found.differences:
        first = found.differences[0]
        rest = tuple(f"also {_shown(one)}" for one in found.differences[1:6])
        if len(found.differences) > 6:
            rest += (f"and {len(found.differences) - 6} more",)
        return Step("numbers", "wrong", _shown(first), (*rest, *_notes(found)))
    verdict = recorded["verdict"]
    judged = f"; the verdict is {verdict['value']}" if verdict else ""
    said = f"{found.numbers:,} numbers follow from the records{judged}"
    return Step("numbers", "ok", said, _notes(found))


def _notes(found: Compared) -> tuple[str, ...]:
    notes = []
    if found.otherwise:
        notes.append(
            f"an earlier release made {len(found.otherwise)} intervals and judgements by other rules, "
            f"from the same counts: {_shown(found.otherwise[0])}"
        )
    if found.unknown:
        notes.append(
            f"this release counts {len(found.unknown)} things that the record does not have: "
            f"{found.unknown[0]}"
        )
    return tuple(notes)


def _shown(one: Difference) -> str:
    return f"results.json says {one.path} is {_value(one.recorded)}; the records give " + _value(
        one.recounted
    )


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping | list):
        return f"{type(value).__name__} of {len(value)}"
    return "nothing" if value is None else str(value)


def _drawn(run: RunFolder) -> Step:
    """The reports against what this release draws from the records."""
    from reports.render import redrawn

    drawn = redrawn(run)
    if not drawn:
        return Step("reports", "ok", "no report was drawn")
    unlike = [path.name for path, same in drawn.items() if not same]
    if not unlike:
        names = ", ".join(path.name for path in drawn)
        return Step("reports", "ok", f"{names}: as the records give")
    said = f"{', '.join(unlike)}: not what this release draws from the records"
    way = f"Draw anew: withstand report {run.path}"
    if _drawn_by_this(run):
        return Step("reports", "wrong", said, (way,))
    return Step("reports", "unknown", f"{said}, and another release drew it", (way,))


def _drawn_by_this(run: RunFolder) -> bool:
    """Whether the packages that a report depends on are those that the run was made with."""
    from reports.manifest import versions

    path = run.path / "manifest.json"
    recorded = run.manifest() if path.is_file() else {}
    same = run.results().get("counted_by") == _revision()
    return same and recorded.get("versions", {}).get("withstand") == versions().get("withstand")


def _revision() -> int:
    from reports.results import REVISION

    return REVISION

"""A run folder from a stranger: what is read of it stays inside it, and stays within bounds.

Every reader of a run folder goes through here. The bounds are far above what runs come to (one of a
million examples passes), and below what would take a machine's memory:

    LARGEST_JSON   256 MiB       results.json and manifest.json; a hardening has 0.3 MiB
    LONGEST_LINE   256 MiB       one event; an outcome has about 1 KiB, a slice has all ids
    LARGEST_TEXT   64 MiB        SHA256SUMS; LARGEST_PLAN (256 KiB) plan.toml
    MOST_VALUES    20 million    values in one JSON text
    DEEPEST        64            objects and lists in each other
    MOST_FILES     100,000       files and folders in a run
    MOST_DOTS      256           points in one line of a plan

The length of events.jsonl has no bound, for it is read line by line; but a file of more than `SPARSE`
(1 GiB) must lie on the disk and not be a hole with a length. What items.parquet may expand to stands
in `reports.items`. A folder that somebody changes while it is read is out of scope.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from reports.errors import ReportError
from reports.visible import one_line

LARGEST_JSON = 256 * 1024**2
LONGEST_LINE = 256 * 1024**2
LARGEST_TEXT = 64 * 1024**2
LARGEST_PLAN = 256 * 1024
MOST_VALUES = 20_000_000
MOST_FILES = 100_000
SPARSE = 1024**3
DEEPEST = 64
MOST_DIGITS = 40
MOST_DOTS = 256


def check_folder(folder: Path) -> None:
    """Refuse a run folder that reaches out of itself: with a symbolic link to somewhere else.

    Links within the folder are let be. Raises ReportError, also for more than `MOST_FILES` entries.
    """
    home = os.path.realpath(folder)
    seen = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            seen += 1
            path = Path(place, name)
            if path.is_symlink() and not _below(os.path.realpath(path), home):
                raise ReportError(
                    f"{shown(path)} is a symbolic link that leaves the run folder. A run folder holds "
                    "its own files: put a copy in the place of the link, if you trust what it points to."
                )
            if name in files:
                _check_holes(path)
        if seen > MOST_FILES:
            raise ReportError(
                f"{shown(folder)} holds more than {MOST_FILES:,} files, so it is no run folder that "
                "this release reads."
            )


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a plain file; ReportError where it is missing, larger than `most` or not plain."""
    with _opened(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise ReportError(
            f"{shown(path)} is larger than the {most:,} bytes that this release reads of it. "
            "Restore it from a copy."
        )
    return found


def read_text(path: Path, most: int = LARGEST_TEXT) -> str:
    """The text of a plain UTF-8 file, with the same bounds."""
    try:
        return read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportError(f"{shown(path)} is not UTF-8: {error}. Restore it from a copy.") from None


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a plain file with their ends; one longer than `LONGEST_LINE` is a ReportError."""
    with _opened(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise ReportError(
                    f"{shown(path)}, line {number} is longer than the {LONGEST_LINE:,} bytes that this "
                    "release reads of a line. Restore the file from a copy."
                )
            yield line


def loads(text: str) -> Any:
    """The value of a JSON text; ValueError for what is not JSON, or means several things at once.

    Refused beside broken JSON: NaN and Infinity, numbers that no float holds (1e999, whole ones of more
    than `MOST_DIGITS`), a key twice in one object (readers would differ in which counts), and what is
    beyond the bounds above.
    """
    parts = text.count("[") + text.count("{")
    if parts + text.count(",") > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST}") from None
    if parts > DEEPEST:
        _check_depth(value)
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a missing, broken or excessive file is a ReportError that names it."""
    content = read_bytes(path, LARGEST_JSON)
    try:
        value = loads(content.decode("utf-8"))
    except ValueError as error:
        raise ReportError(
            f"{shown(path)} is not valid JSON: {error}. Restore it from a copy."
        ) from None
    if not isinstance(value, dict):
        raise ReportError(
            f"{shown(path)} must hold a JSON object; it holds a {type(value).__name__}."
        )
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; a missing, broken or excessive one is a ReportError that names it."""
    text = read_text(path, LARGEST_PLAN)
    # tomllib takes memory by the square of the parts of a key: a line of 400 kB would take all there is.
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise ReportError(f"{shown(path)} has a line with more than {MOST_DOTS} points.")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ReportError(f"{shown(path)} is nested too deep. Restore it from a copy.") from None
    except ValueError as error:
        raise ReportError(
            f"{shown(path)} is not valid TOML: {one_line(str(error), 300)}. Restore it from a copy."
        ) from None


def shown(path: Path) -> str:
    """A path in one line, with nothing in it that a terminal would obey."""
    return one_line(str(path), None)


def _opened(path: Path) -> IO[bytes]:
    """A plain file, opened; a pipe or a device, which would never end, is refused."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ReportError(f"{shown(path)} is not a plain file.")
        return path.open("rb")
    except FileNotFoundError:
        raise ReportError(
            f"There is no {shown(Path(path.name))} in {shown(path.parent)}."
        ) from None
    except OSError as error:
        raise ReportError(f"{shown(path)} cannot be read: {error.strerror}.") from None


def _check_holes(path: Path) -> None:
    """Refuse a file that says it is large and is nearly all hole: reading it takes for ever."""
    found = path.lstat()
    taken = 512 * getattr(found, "st_blocks", found.st_size)
    # Some file systems compress; a hundredfold is more than they do.
    if found.st_size > SPARSE and 100 * taken < found.st_size:
        raise ReportError(
            f"{shown(path)} says it has {found.st_size:,} bytes, of which {taken:,} are there. Do not "
            "trust it, or restore it from a copy."
        )


def _below(path: str, home: str) -> bool:
    return path == home or path.startswith(home.rstrip(os.sep) + os.sep)


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST + 1:
            raise ValueError(f"it is nested deeper than {DEEPEST}")
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f'the key "{one_line(twice, 60)}" stands twice in one object')
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _real(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS + 1:
        raise ValueError(f"the number {text[:40]}… is too large")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_real, parse_int=_whole
)

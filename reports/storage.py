"""Files that are either there whole or not there: atomic writes, the event log, the output probe.

Trade-offs taken. A file is written to a temporary name in its own folder (another file system would make
the rename a copy), synced, renamed over its goal, and the folder is synced: after a crash or a power cut
the old file or the new one is there, never half of one. Events are flushed one by one, so that a killed
process loses nothing that was written; they are synced to the disk only where the writer asks, because a
sync an example would cost more than many an example does.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from reports import untrusted
from reports.errors import ReportError
from reports.untrusted import read_json as read_json  # as this module's own, beside `to_json`

MINIMUM_FREE_BYTES = 64 * 1024 * 1024


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a whole file so that no reader and no crash ever sees a part of it."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(as_bytes(content))


def as_bytes(content: bytes | str) -> bytes:
    """Text as the files of a run have it: UTF-8, a lone surrogate as its escape."""
    return content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise explain(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system has a way to."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def probe_writable(path: Path, needed_bytes: int = MINIMUM_FREE_BYTES) -> None:
    """Find out before hours of work whether results can be kept under `path`.

    Writes and removes a small file in the nearest folder that exists (none is created) and looks at the
    free space. Raises ReportError for a read-only or missing place, a file in the way, a full disk.
    """
    folder = path.absolute()
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    if not folder.is_dir():
        raise ReportError(
            f"Results cannot be written to {path}: {folder} is a file. Name a folder with -o."
        )
    probe = folder / f".withstand-probe-{secrets.token_hex(4)}"
    try:
        with probe.open("xb") as file:
            file.write(b"\0" * 65536)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise explain(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise ReportError(
            f"The disk that holds {path} has {_megabytes(free)} free; this run needs about "
            f"{_megabytes(needed_bytes)}. Free some space, or name a folder on another disk with -o."
        )


def probe_new(path: Path, *, replace: bool) -> None:
    """Find out before the work whether a file can be written. Raises ReportError where it is there."""
    if path.exists() and not replace:
        raise ReportError(
            f"{path} is there already. Name another with --out, or replace it: --force."
        )
    probe_writable(path.parent)


def explain(error: OSError, path: Path) -> ReportError:
    """The same trouble with the place and the way out."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why, way = "the disk is full", "Free some space"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        why, way = "the folder is not writable", "Change its permissions"
    else:
        why, way = error.strerror or str(error), "Check that the place exists and is a folder"
    return ReportError(f"{path} cannot be written: {why}. {way}, or name another folder with -o.")


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON in ASCII without NaN: a number that is not finite becomes null, as JSON has no other word."""
    return json.dumps(_clean(value), indent=indent, allow_nan=False, ensure_ascii=True)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a log in order.

    A last line without its line end that does not parse was torn by a crash and is passed over. Any
    other line that is not an event is damage, and an error: skipping it would change the numbers.
    """
    if not path.exists():
        return
    for number, line in enumerate(untrusted.lines(path), start=1):
        event = _event(line)
        if event is not None:
            yield event
        elif line.endswith(b"\n"):
            raise ReportError(
                f"{untrusted.shown(path)}, line {number} is damaged: each line must be a JSON object "
                'with an "event". Restore the file from a copy, or start a new run.'
            )


class EventLog:
    """The writing end of an event log: appends, one flushed line an event, one writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def append(self, event: Mapping[str, Any], *, sync: bool = False) -> None:
        """Write one event; with `sync`, wait until the disk has it."""
        line = to_json(event).encode("ascii") + b"\n"
        try:
            file = self._open()
            file.write(line)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        except OSError as error:
            raise explain(error, self.path) from error

    def close(self) -> None:
        """Let go of the file; a later append opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        if self._file is None:
            file = self.path.open("ab+")
            try:
                _lock(file, self.path)
                _mend_tail(file)
            except BaseException:
                file.close()
                raise
            self._file = file
        return self._file


def _mend_tail(file: IO[bytes]) -> None:
    """End an unfinished last line: complete it if it is whole, cut it off if it was torn.

    Without this the next event would be glued to the torn one and both would be lost.
    """
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    tail, start, window = b"", end, 65536
    while start > 0 and b"\n" not in tail:
        start = max(0, end - window)
        file.seek(start)
        tail = file.read(end - start)
        window *= 4
    line = tail[tail.rfind(b"\n") + 1 :]
    if not line:
        return
    if _event(line) is None:
        file.truncate(end - len(line))
    else:
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
        file.flush()


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = untrusted.loads(line.decode("utf-8"))
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _lock(file: IO[bytes], path: Path) -> None:
    """Hold the log for this process; two writers would interleave their lines."""
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks; the folder's random id keeps runs apart.
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ReportError(
            f"Another process is writing to {path.parent}. Wait for it or stop it, then try again."
        ) from None
    except OSError:
        # Some network file systems have no locks; a run there is as safe as it can be.
        return


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _megabytes(count: int) -> str:
    return f"{count / 1024**2:,.0f} MiB"

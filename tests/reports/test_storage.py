from __future__ import annotations

import errno
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.errors import ReportError
from reports.storage import EventLog, probe_writable, read_events, read_json, to_json, write_atomic

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
events = st.lists(
    st.dictionaries(st.text(), plain, max_size=3).map(lambda d: {**d, "event": "x"}), max_size=5
)


def _lines(happened: list[dict[str, Any]]) -> list[bytes]:
    return [to_json(event).encode() + b"\n" for event in happened]


@given(happened=events, data=st.data())
def test_a_log_cut_anywhere_reads_as_the_events_that_were_whole(
    tmp_path_factory: pytest.TempPathFactory, happened: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines = _lines(happened)
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    path.write_bytes(whole[:cut])

    ends = [len(b"".join(lines[: n + 1])) for n in range(len(lines))]
    # A line that lacks only its line end is whole.
    complete = sum(cut >= end - 1 for end in ends)
    assert list(read_events(path)) == [json.loads(line) for line in lines[:complete]]

    # The next writer mends the tail: nothing that was whole is lost, nothing is glued together.
    log = EventLog(path)
    log.append({"event": "next"})
    log.close()
    assert list(read_events(path)) == [
        *(json.loads(line) for line in lines[:complete]),
        {"event": "next"},
    ]


@given(happened=events.filter(bool), data=st.data())
def test_a_damaged_line_that_ends_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, happened: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines = _lines(happened)
    place = data.draw(st.integers(0, len(lines) - 1))
    damaged = data.draw(st.integers(0, len(lines[place]) - 2))
    lines[place] = lines[place][:damaged] + b"\n"
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    path.write_bytes(b"".join(lines))
    with pytest.raises(ReportError, match=rf"line {place + 1} is damaged"):
        list(read_events(path))


@pytest.mark.parametrize(
    "line", [b"[1]\n", b"{}\n", b'{"event": 3}\n', b"\n", b"[" * 100_000 + b"\n"]
)
def test_a_line_that_is_json_but_no_event_is_damage(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line + b'{"event": "x"}\n')
    with pytest.raises(ReportError, match="line 1 is damaged"):
        list(read_events(path))


def test_a_tail_longer_than_the_read_window_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "x"}\n' + b'{"event": "y", "text": "' + b"a" * 200_000)
    log = EventLog(path)
    log.append({"event": "z"})
    log.close()
    assert [event["event"] for event in read_events(path)] == ["x", "z"]


def test_two_writers_of_one_log_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append({"event": "x"})
    code = (
        "import sys; from pathlib import Path; from reports.storage import EventLog\n"
        "EventLog(Path(sys.argv[1])).append({'event': 'y'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "Another process is writing" in done.stderr
    log.close()
    EventLog(path).append({"event": "y"}, sync=True)
    assert [event["event"] for event in read_events(path)] == ["x", "y"]


def test_a_killed_writer_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = (
        "import os, sys; from pathlib import Path; from reports.storage import EventLog\n"
        "log = EventLog(Path(sys.argv[1]))\n"
        "for n in range(50): log.append({'event': 'x', 'n': n})\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    assert [event["n"] for event in read_events(path)] == list(range(50))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_null_for_what_is_not_finite(value: float) -> None:
    assert json.loads(to_json({"a": [value, (value, 1.0)]})) == {"a": [None, [None, 1.0]]}


def test_an_atomic_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="disk is full"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_the_probe_leaves_nothing_and_makes_nothing(tmp_path: Path) -> None:
    probe_writable(tmp_path / "runs" / "deep")
    assert list(tmp_path.iterdir()) == []


def test_the_probe_finds_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(ReportError, match=r"is a file. Name a folder with -o"):
        probe_writable(tmp_path / "runs" / "deep")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "not writable"),
        (errno.EACCES, "not writable"),
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "disk is full"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_probe_explains_why_it_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ReportError, match=words) as caught:
        probe_writable(tmp_path)
    assert caught.value.exit_code == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_the_probe_finds_a_folder_that_is_really_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.geteuid() == 0:
        pytest.skip("the superuser may write anywhere")
    with pytest.raises(ReportError, match="not writable"):
        probe_writable(folder / "runs")


def test_the_probe_finds_too_little_space(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="needs about"):
        probe_writable(tmp_path, shutil.disk_usage(tmp_path).total * 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "not valid JSON"), (b"[]", "must hold a JSON object"), (b"\xff", "not valid JSON")],
)
def test_broken_json_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=words):
        read_json(path)
    with pytest.raises(ReportError, match=r"There is no other\.json"):
        read_json(tmp_path / "other.json")

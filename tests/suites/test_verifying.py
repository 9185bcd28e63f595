"""A run is what it says, or the first thing that is not is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import items
from reports.folder import SUMS, RunFolder
from reports.hashing import sha256_file
from reports.storage import to_json
from suites.cli import invoke
from suites.differing import DERIVED, PROSE, compared
from suites.recounting import recount
from suites.verifying import Step, verify, worst
from tests.suites import project

VERSIONS = Path(__file__).parent / "versions"
"""Runs that earlier versions made, for good: "first", a hardening by the first of all; "checked", an
audit from when checks of the evidence were new. A tiny model, 12 attacked texts."""


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project whose plan was run: its models, and its runs with their reports."""
    folder = tmp_path_factory.mktemp("hardened")
    path = project.project(folder)
    assert invoke(["harden", str(path), "-o", str(folder / "runs"), "-q"]) in (0, 1, 3)
    return folder


def run_of(folder: Path, kind: str) -> Path:
    """The newest run of a kind."""
    runs = [
        p
        for p in sorted((folder / "runs").iterdir())
        if RunFolder.open(p).started()["kind"] == kind
    ]
    return runs[-1]


@pytest.fixture
def copied(hardened: Path, tmp_path: Path) -> Path:
    """The runs, to be tampered with."""
    shutil.copytree(hardened / "runs", tmp_path / "runs")
    return tmp_path


def seal(path: Path) -> None:
    """Make new sums, as somebody would who hides a change."""
    run = RunFolder.open(path)
    names = run.sums()
    lines = [f"{sha256_file(path / name)}  {name}\n" for name in names]
    (path / SUMS).write_text("".join(lines), encoding="utf-8")


def last(path: Path, **options: Any) -> Step:
    return list(verify(path, **options))[-1]


@pytest.mark.parametrize("kind", ["harden", "audit", "train"])
def test_a_run_as_it_was_sealed_matches(
    kind: str, hardened: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_of(hardened, kind)
    assert invoke(["verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("ok     sums        5 files are as they were sealed")
    assert "numbers follow from the records" in said
    if kind == "harden":
        assert "4 runs that it is made of are as they were sealed" in said
        assert "report.html, report.md: as the records give" in said
    assert invoke(["verify", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ok"


def test_a_byte_that_differs_is_found_in_whatever_file(hardened: Path) -> None:
    path = run_of(hardened, "audit")
    files = sorted(p.name for p in path.iterdir())
    assert len(files) == 6

    @settings(max_examples=150)
    @given(st.sampled_from(files), st.integers(0, 2**31), st.integers(1, 255))
    def flip(name: str, place: int, mask: int) -> None:
        content = (path / name).read_bytes()
        changed = bytearray(content)
        changed[place % len(content)] ^= mask
        try:
            (path / name).write_bytes(changed)
            step = last(path)
        finally:
            (path / name).write_bytes(content)
        assert (step.name, step.state) == ("sums", "wrong")
        if name != SUMS:
            assert step.said == f"{name}: changed since the run was finished"
        elif SUMS not in step.said:  # its own name of a file, or what it says of one
            assert any(other in step.said for other in ("changed since", "missing", "not in"))

    flip()


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_a_report_that_its_records_do_not_give_is_found(name: str, copied: Path) -> None:
    path = run_of(copied, "harden")
    report = path / name
    report.write_text(report.read_text(encoding="utf-8").replace("80", "90", 1), encoding="utf-8")
    assert invoke(["verify", str(path)]) == 1
    assert last(path).said == f"{name}: not what this release draws from the records"
    report.unlink()
    assert last(path).state == "ok"


def test_files_that_are_gone_or_too_many_are_found(copied: Path) -> None:
    path = run_of(copied, "audit")
    (path / "extra.txt").write_text("more", encoding="utf-8")
    assert last(path).said == "extra.txt: not in SHA256SUMS"
    (path / "extra.txt").unlink()
    (path / "manifest.json").unlink()
    assert last(path).said == "manifest.json: missing"


def leaves(
    tree: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value in results that is compared, with its place."""
    entries: Any = enumerate(tree) if isinstance(tree, list) else tree.items()
    for key, value in entries:
        where = (*path, key)
        if key in PROSE or where[-2:] == ("run", "finished"):
            continue
        if isinstance(value, dict | list):
            yield from leaves(value, where)
        else:
            yield where, value


def test_any_value_that_the_records_do_not_give_is_named(hardened: Path) -> None:
    run = RunFolder.open(run_of(hardened, "harden"))
    recorded = run.results()
    recounted = json.loads(to_json(recount(run)))
    found = [*leaves(recorded)]
    assert len(found) > 500
    assert compared(recorded, recounted).differences == ()

    @settings(max_examples=80)
    @given(
        st.sampled_from(range(len(found))), st.sampled_from([0.25, -1, 1000, "other", None, True])
    )
    def change(number: int, new: Any) -> None:
        where, value = found[number]
        if value == new:
            return
        changed = json.loads(json.dumps(recorded))
        place = changed
        for key in where[:-1]:
            place = place[key]
        place[where[-1]] = new
        written = ".".join(map(str, where))
        assert [one.path for one in compared(changed, recounted).differences] == [written]
        # Of another revision intervals may differ; what was counted may not.
        earlier = compared(changed | {"counted_by": 0}, recounted)
        names = [str(key) for key in where if not isinstance(key, int)]
        derived = names[-1] in DERIVED or ".".join(names[-2:]) in DERIVED
        if derived:
            assert [one.path for one in earlier.otherwise] == [written]
        else:  # an entry that goes by another name is missing from its list
            assert written.startswith(earlier.differences[0].path)

    change()


def test_a_number_that_was_made_better_is_found_though_the_sums_are_new(copied: Path) -> None:
    path = run_of(copied, "audit")
    results = RunFolder.open(path).results()
    results["attacks"][0]["robust_accuracy"]["count"] += 1
    (path / "results.json").write_text(to_json(results, indent=1) + "\n", encoding="utf-8")
    seal(path)
    step = last(path)
    assert (step.name, step.state) == ("numbers", "wrong")
    assert step.said.startswith("results.json says attacks.0.robust_accuracy.count is ")
    # The hardening that rests on it names the part.
    whole = last(run_of(copied, "harden"))
    assert (whole.name, whole.state) == ("parts", "wrong")
    assert whole.said.startswith(f"{path.name}: numbers: results.json says attacks.0.robust")


def broken_to_held(path: Path) -> None:
    """An outcome that succeeded is made one that failed, wherever the run tells it; the sums are new."""
    events = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    won = next(e for e in events if e["event"] == "outcome" and e["status"] == "succeeded")
    won["status"] = "failed"
    (path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def test_an_outcome_that_was_changed_is_found_in_the_journal_the_table_or_the_numbers(
    copied: Path,
) -> None:
    path = run_of(copied, "audit")
    broken_to_held(path)
    seal(path)
    step = last(path)
    assert (step.name, step.state) == ("records", "wrong")
    assert "is not what events.jsonl holds: status differs" in step.said
    items.write(path / items.NAME, RunFolder.open(path).journalled())
    seal(path)
    step = last(path)
    assert (step.name, step.state) == ("numbers", "wrong")
    assert "counts" in step.said


def test_a_lie_that_is_told_everywhere_is_found_by_asking_the_model(
    copied: Path,
    hardened: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = run_of(copied, "audit")
    monkeypatch.chdir(hardened)
    arguments = ["verify", str(path), "--spot-check", "200", "--seed", "1"]
    assert invoke(arguments) == 0
    said = capsys.readouterr().out
    assert "outcomes run again came to what is recorded" in said
    assert "drawn by --seed 1" in said
    broken_to_held(path)
    run = RunFolder.open(path)
    items.write(path / items.NAME, run.journalled())
    recounted = recount(run) | {"run": run.results()["run"]}
    (path / "results.json").write_text(to_json(recounted, indent=1) + "\n", encoding="utf-8")
    seal(path)
    assert invoke(["verify", str(path)]) == 0
    assert invoke(arguments) == 1
    assert "failed on record, succeeded now" in capsys.readouterr().out


def test_a_model_that_is_another_one_is_no_witness(
    hardened: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = run_of(hardened, "audit"), hardened / "models" / "plain"
    assert invoke(["verify", str(path), "--spot-check", "2", "--model", str(other)]) == 2
    assert "is not the one that the run" in capsys.readouterr().err


def test_what_cannot_be_told_here_is_not_called_right(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_of(copied, "harden")
    shutil.rmtree(run_of(copied, "train"))
    assert invoke(["verify", str(path)]) == 3
    assert "does not lie beside it" in capsys.readouterr().out
    audit = run_of(copied, "audit")
    (audit / SUMS).unlink()
    assert invoke(["verify", str(audit)]) == 3
    assert "the run is not finished" in capsys.readouterr().out
    assert invoke(["verify", str(copied)]) == 2


def test_a_name_in_the_records_is_no_path(copied: Path) -> None:
    """A stranger's run may not have other folders read."""
    path = run_of(copied, "harden")
    events = (path / "events.jsonl").read_text(encoding="utf-8")
    name = run_of(copied, "audit").name
    (path / "events.jsonl").write_text(events.replace(name, f"../runs/{name}"), encoding="utf-8")
    seal(path)
    (parts,) = (step for step in verify(path) if step.name == "parts")
    assert parts.state == "unknown"
    assert "does not lie beside it" in parts.said


@pytest.mark.parametrize(
    "kept", [pytest.param(False, marks=pytest.mark.slow, id="run"), pytest.param(True, id="file")]
)
def test_an_audit_is_counted_again_with_the_run_that_it_was_compared_with(
    kept: bool, hardened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hardened)
    plan = hardened / "plan.toml"
    by_stage = {
        stage: next(p for p in (hardened / "runs").iterdir() if f"audit-{stage}" in p.name)
        for stage in ("train", "harden")
    }
    baseline = by_stage["train"]
    if kept:
        arguments = ["baseline", "set", str(baseline), "--dir", str(tmp_path), "--name", "base"]
        assert invoke(arguments) == 0
        baseline = tmp_path / "base.json"
    arguments = ["audit", str(plan), "--stage", "harden", "--baseline", str(baseline), "-q"]
    assert invoke([*arguments, "-o", str(tmp_path / "runs")]) in (0, 1, 3)
    (path,) = (tmp_path / "runs").iterdir()
    assert [s.state for s in verify(path) if s.name == "numbers"] == ["unknown"]
    assert worst(verify(path, baseline=baseline)) == "ok"
    assert "Name the other with --baseline" in last(path, baseline=by_stage["harden"]).said


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="openssh-client is not installed")
def test_a_signature_is_looked_at_and_one_that_is_asked_for_must_be_there(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_of(copied, "harden")
    for name in ("mine", "other"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(copied / name)]
        subprocess.run(command, check=True)
    mine, other = copied / "mine.pub", copied / "other.pub"
    assert invoke(["verify", str(path), "--key", str(mine)]) == 1
    assert "it is not signed" in capsys.readouterr().out
    assert invoke(["sign", str(path), "--key", str(copied / "mine")]) == 0
    # The reports were drawn before; drawn again they show it.
    for _ in range(2):
        assert invoke(["verify", str(path), "--key", str(mine)]) == 0
        assert invoke(["report", str(path)]) == 0
    assert "signed by" in capsys.readouterr().out
    assert invoke(["verify", str(path), "--key", str(other)]) == 1
    assert last(path, trusted=other).name == "signature"
    assert invoke(["verify", str(path), "--key", str(copied / "none.pub")]) == 2
    assert last(path).state == "ok"
    (path / "SHA256SUMS.sig").write_text("none", encoding="utf-8")
    assert (last(path).name, last(path).state) == ("signature", "wrong")


@pytest.fixture(scope="module", params=["first", "checked"])
def earlier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(VERSIONS / f"{request.param}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_every_version_has_its_runs_in_the_tests() -> None:
    assert {path.name for path in VERSIONS.iterdir()} == {"first.tar.gz", "checked.tar.gz"}


def test_the_runs_of_earlier_versions_are_verified(earlier: Path) -> None:
    for path in sorted((earlier / "runs").iterdir()):
        steps = list(verify(path))
        assert {step.name: step.state for step in steps} == dict.fromkeys(
            ("sums", "signature", "records", "parts", "numbers", "reports"), "ok"
        )
    if any("harden" in path.name for path in (earlier / "runs").iterdir()):
        (told,) = (s for s in verify(run_of(earlier, "harden")) if s.name == "numbers")
        assert told.said == "1,401 numbers follow from the records; the verdict is pass"
        assert "an earlier release made 4 intervals and judgements by other rules" in told.notes[0]


def test_the_runs_of_earlier_versions_are_drawn_and_shown(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(earlier / "runs", tmp_path / "runs")
    for path in sorted((tmp_path / "runs").iterdir()):
        assert invoke(["show", str(path)]) == 0
        if RunFolder.open(path).started()["kind"] == "train":
            continue
        assert invoke(["report", str(path), "--format", "html,md,junit,sarif,csv,json"]) == 0
        assert last(path).state == "ok"
        # What another release draws cannot be held against it.
        (path / "report.html").write_text("another's", encoding="utf-8")
        recorded = RunFolder.open(path).results()
        assert "counted_by" not in recorded
        assert last(path).state == "unknown"
    assert "Traceback" not in capsys.readouterr().err


def test_an_outcome_is_run_again_with_every_query(
    hardened: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(hardened)
    path = run_of(hardened, "audit")
    outcomes = RunFolder.open(path).outcomes()
    won = next(o for o in outcomes if o.status == "succeeded")
    calibrated = "--calibrated" if won.calibrated else "--raw"
    arguments = ["replay", str(path), won.example_id, "--attack", won.attack, calibrated]
    assert invoke([*arguments, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["differs"] == []
    assert done["now"]["perturbed"] == list(won.perturbed or ())
    texts = [query["text"] for query in done["queries"]]
    assert len(texts) == won.unique_queries
    assert texts[0] == list(won.original)
    assert list(won.perturbed or ()) in texts
    final = next(q for q in done["queries"] if q["text"] == list(won.perturbed or ()))
    assert final["confidence"] == pytest.approx(won.confidence_after, abs=1e-4)
    assert invoke([*arguments, "--queries", "2"]) == 0
    said = capsys.readouterr().out
    assert "recorded  succeeded" in said
    assert "now       succeeded" in said
    assert f"{won.unique_queries} things were asked for the first time" in said
    assert f"and {won.unique_queries - 2} more" in said


def test_an_outcome_that_is_not_there_is_refused_with_those_that_are(
    hardened: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(hardened)
    path = run_of(hardened, "audit")
    test = next(o for o in RunFolder.open(path).outcomes() if o.split == "test")
    for arguments, said in (
        (["nothing"], "no outcome of an example 'nothing'"),
        ([""], "Several examples begin with ''"),
        ([test.example_id], "Several outcomes are meant: of the example"),
        ([test.example_id, "--attack", "pwws"], "No outcome is meant"),
    ):
        assert invoke(["replay", str(path), *arguments]) == 2
        assert said in capsys.readouterr().err
    assert invoke(["replay", str(run_of(hardened, "harden")), test.example_id]) == 2


def test_an_outcome_that_comes_out_otherwise_says_what_differs(
    copied: Path,
    hardened: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(hardened)
    path = run_of(copied, "audit")
    broken_to_held(path)
    run = RunFolder.open(path)
    items.write(path / items.NAME, run.journalled())
    lied = next(o for o in run.outcomes() if o.status == "failed" and o.predicted_after != o.label)
    form = "--calibrated" if lied.calibrated else "--raw"
    arguments = ["replay", str(path), lied.example_id, "--attack", lied.attack, form]
    assert invoke(arguments) == 1
    assert "differs   status: not what was recorded" in capsys.readouterr().out

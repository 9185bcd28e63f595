"""Every format by its name, from the command line, and none of them a part of the record."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import browser
import jsonschema
import pytest
import scenario

from reports import render, sarif
from reports.folder import RunFolder, is_drawn
from reports.named import estimates
from reports.pdf import find_chromium
from reports.source import Source
from suites.cli import invoke

PLAIN = {name: files for name, files in render.FORMATS.items() if name != "pdf"}
"""Formats that need no program beside this one."""
ALL = ",".join(PLAIN)


def test_every_format_is_drawn_and_the_run_is_still_as_it_was_sealed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = scenario.harden(tmp_path, count=20)
    assert invoke(["report", str(run.path), "--format", ALL]) == 0
    shown = capsys.readouterr()
    files = [file for drawers in PLAIN.values() for file in drawers]
    assert shown.out.split() == [str(run.path / file) for file in files]
    assert "Warning" not in shown.err
    assert run.verify_sums() == []
    first = {file: (run.path / file).read_bytes() for file in files}
    assert invoke(["report", str(run.path), "--format", ALL]) == 0
    assert first == {file: (run.path / file).read_bytes() for file in files}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with a file of every format, its model card of a data set on the Hub."""
    run = scenario.harden(tmp_path_factory.mktemp("drawn"), count=10)
    render.render(run.path, list(PLAIN), dataset="owner/reviews@0123abc")
    return run


def test_what_was_drawn_is_drawn_again_to_the_byte(drawn: RunFolder) -> None:
    found = render.redrawn(drawn)
    assert all(found.values())
    assert {path.name for path in found} == {file for drawers in PLAIN.values() for file in drawers}


@pytest.mark.parametrize("file", [file for files in PLAIN.values() for file in files])
def test_a_byte_that_is_changed_in_a_report_is_found(file: str, drawn: RunFolder) -> None:
    path = drawn.path / file
    before = path.read_bytes()
    draw = next(files[file] for files in PLAIN.values() if file in files)
    chosen = random.Random(file).sample(range(len(before)), 3 if file != "report.html" else 1)
    for place in chosen:
        changed = before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :]
        assert render._again(file, draw, Source(drawn), changed) != changed, place


def test_sarif_takes_places_from_the_file_and_nothing_else(drawn: RunFolder) -> None:
    text = (drawn.path / "report.sarif").read_text()
    for changed, same in (
        (text.replace('"startLine": 1', '"startLine": 7'), True),
        (text.replace('"uri": "plan.toml"', '"uri": "/etc/passwd"'), False),
        (text.replace('"uri": "plan.toml"', '"uri": "../plan.toml"'), False),
        (text.replace('"warning"', '"note"'), False),
        ("[" * 100_000, False),
        ("{}", False),
    ):
        assert changed != text
        assert (sarif.again(Source(drawn), changed.encode()) == changed) is same


def test_every_file_of_a_format_is_known_as_drawn_and_no_other_is(tmp_path: Path) -> None:
    assert all(is_drawn(file) for drawers in PLAIN.values() for file in drawers)
    for record in ("results.json", "items.parquet", "plan.toml", "sub/report.html", "reports.md"):
        assert not is_drawn(record)
    run = scenario.attack(tmp_path, count=4)
    (run.path / "other.csv").write_text("a")
    assert run.verify_sums() == ["other.csv: not in SHA256SUMS"]


@pytest.mark.parametrize(
    "verb", [["report", "RUN"], ["audit", "plan.toml"], ["harden", "plan.toml"]]
)
def test_a_format_that_is_not_known_ends_before_anything_is_done(
    verb: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.suites import project

    monkeypatch.chdir(tmp_path)
    project.project(tmp_path)
    assert invoke([*verb, "--format", "html,word"]) == 2
    error = capsys.readouterr().err
    assert "no report format 'word'. Known: html, md, json, junit, sarif, csv, modelcard" in error
    assert not (tmp_path / "runs").exists()


def test_a_package_adds_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name = "word"

        def load(self) -> object:
            return lambda source: f"{source.report.title}!".encode()

    monkeypatch.setattr(
        render,
        "entry_points",
        lambda group, name="word": [Entry()] if (group, name) == (render.GROUP, "word") else [],
    )
    run = scenario.attack(tmp_path, count=4)
    assert render.chosen(" md, word ,") == ("md", "word")
    assert [path.name for path in render.render(run.path, ["word"])] == ["report.word"]
    assert (run.path / "report.word").read_bytes() == b"attack-pwws!"


def test_the_small_json_has_every_number_by_its_name_and_no_text_of_an_example(
    tmp_path: Path,
) -> None:
    run = scenario.harden(tmp_path, count=20)
    render.render(run.path, ["json"])
    text = (run.path / "report.json").read_text(encoding="utf-8")
    found = json.loads(text)
    results = run.results()
    assert found["metrics"] == {name: value.to_dict() for name, value in estimates(results).items()}
    assert found["verdict"] == results["verdict"]
    assert found["records"] == Source(run).digests
    assert (found["format"], found["version"]) == ("withstand/report", 1)
    assert not any(example["original"][0] in text for example in results["examples"])
    assert len(text) < (run.path / "results.json").stat().st_size


def test_a_report_goes_to_a_card_a_summary_and_a_tracker_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scenario.harden(tmp_path, count=20)
    card, summary = tmp_path / "README.md", tmp_path / "summary.md"
    card.write_text("# Mine\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    asked = ["report", str(run.path), "--format", "md", "--card", str(card), "--step-summary"]
    assert invoke([*asked, "--to", f"tensorboard:{tmp_path / 'board'}"]) == 0
    shown = capsys.readouterr()
    assert shown.out.split() == [str(run.path / "report.md"), str(card)]
    assert card.read_text().endswith("---\n# Mine\n")
    assert summary.read_text() == (run.path / "report.md").read_text()
    assert "TensorBoard has the numbers in" in shown.err


def test_an_audit_draws_what_it_is_asked_for_at_the_line_of_its_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.suites import project

    monkeypatch.chdir(tmp_path)
    plan = project.release(tmp_path)
    text = plan.read_text().replace("at_least = 0.0", "at_least = 1.0")
    plan.write_text(text)
    assert invoke(["audit", "release.toml", "-q", "--format", "sarif,junit"]) == 1
    run = project.newest(tmp_path / "runs")
    assert {path.name for path in run.glob("report.*")} == {"report.sarif", "report.junit.xml"}
    (found,) = json.loads((run / "report.sarif").read_text())["runs"]
    place = found["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "release.toml"
    line = text.splitlines()[place["region"]["startLine"] - 1]
    assert (line, found["results"][0]["level"]) == ("[[gates]]", "error")
    assert "<failure" in (run / "report.junit.xml").read_text()


def test_the_page_lists_every_format_with_its_files() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page, re.MULTILINE)
    listed = {name: re.findall(r"`([^`]+)`", files) for name, files in rows}
    assert listed == {name: list(files) for name, files in render.FORMATS.items()}


def test_an_unfinished_run_is_drawn_in_no_format(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "x", kind="audit")
    run.close()
    assert invoke(["report", str(run.path), "--format", ALL]) == 3
    assert not list(run.path.glob("report.*"))


def test_sarif_of_a_whole_run_is_valid(tmp_path: Path) -> None:
    run = scenario.harden(tmp_path, count=20)
    render.render(run.path, ["sarif"])
    schema = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.json").read_text())
    jsonschema.validate(json.loads((run.path / "report.sarif").read_text()), schema)


def test_a_pdf_is_drawn_by_a_browser_and_not_held_against_the_records(tmp_path: Path) -> None:
    browser.needed(find_chromium(), "Chromium")
    run = scenario.attack(tmp_path, count=4)
    assert invoke(["report", str(run.path), "--format", "pdf,html"]) == 0
    assert (run.path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert [path.name for path in render.redrawn(run)] == ["report.html"]
    assert run.verify_sums() == []


def test_a_pdf_that_nobody_can_print_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reports.pdf.find_chromium", lambda: None)
    run = scenario.attack(tmp_path, count=4)
    assert invoke(["report", str(run.path), "--format", "html,pdf"]) == 2
    assert "A PDF is printed by Chromium, and none was found" in capsys.readouterr().err
    assert not (run.path / "report.html").exists()

"""The Markdown report fits a comment and a step summary, whatever the run holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import judged_run
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports import markdown, narrative, step_summary
from reports.view import Report


def many(gates: int, words: str = "") -> Report:
    """A run of so many gates, of which the last fails."""
    found = judged_run.results()
    names = [f"robust_accuracy.attack-{n}" for n in range(gates)]
    found["verdict"]["gates"] = [
        judged_run.gate(name, "pass", why=f"{words} {name}") for name in names[:-1]
    ] + [judged_run.gate(names[-1], "fail", why=words)]
    found["verdict"]["reasons"] = [f"{words} {name} misses" for name in names]
    found["limits"] = [words] * 50
    return narrative.build(found, None, {"results.json": "ff" * 32})


def test_a_run_of_hundreds_of_gates_and_long_texts_fits_and_says_what_is_missing() -> None:
    shown = markdown.render(many(800, "Grund " * 300))
    assert len(shown.encode()) <= 65_536
    assert len(shown) > 60_000, "the room is used"
    note = next(line for line in shown.splitlines() if line.startswith("Left out here"))
    assert re.search(r"\d+ of 800 gates", note)
    assert re.search(r"of 800 reasons", note)
    assert "report.html and results.json have all of it" in note
    assert "attack-799" in shown, "the gate that fails is not the one that is left out"
    assert "SHA-256 of `results.json" in shown


def test_what_is_short_is_whole() -> None:
    shown = markdown.render(many(5, "short"))
    assert "Left out here" not in shown
    assert all(f"attack-{n}" in shown for n in range(5))


@settings(max_examples=40, deadline=None)
@given(st.integers(3_000, 30_000), st.integers(1, 60), judged_run.NASTY)
def test_what_is_cut_is_still_whole_markdown(most: int, gates: int, words: str) -> None:
    shown = markdown.render(many(gates, words * 30), most)
    assert len(shown.encode()) <= max(most, 3_000)
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(shown)
    for tag in ("details", "summary", "table", "sub"):
        assert page.count(f"<{tag}>") == page.count(f"</{tag}>")
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:2]} <= {5, 6, 7, 8}


def test_a_megabyte_in_every_text_fits() -> None:
    found = judged_run.poisoned(judged_run.results(), judged_run.LONG)
    report = narrative.build(found, None, {"results.json": "ff"})
    assert len(markdown.render(report).encode()) <= 65_536


def test_the_step_summary_is_appended_to_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("## Earlier")
    said = step_summary.append(many(3), {"GITHUB_STEP_SUMMARY": str(file)})
    assert "was written to GITHUB_STEP_SUMMARY" in said
    assert file.read_text().startswith("## Earlier\n\n## ❌ Fail: `rt-harden`")
    step_summary.append(many(3), {"GITHUB_STEP_SUMMARY": str(file)})
    assert file.read_text().count("❌ Fail: `rt-harden`") == 2


@pytest.mark.parametrize("environment", [{}, {"GITHUB_STEP_SUMMARY": ""}])
def test_outside_of_github_nothing_is_written_and_that_is_said(environment: Any) -> None:
    assert "GITHUB_STEP_SUMMARY is not set" in step_summary.append(many(1), environment)


@pytest.mark.parametrize("there", [0, 500_000, 1_000_000, 1_040_000, 2_000_000])
def test_a_step_summary_never_grows_beyond_what_github_shows(there: int, tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_bytes(b"x" * there)
    said = step_summary.append(many(3_000, "Grund " * 100), {"GITHUB_STEP_SUMMARY": str(file)})
    size = file.stat().st_size
    if there > 1_030_000:
        assert (size, "No step summary" in said) == (there, True)
    else:
        assert there < size <= 1 << 20

"""The report on the page of a GitHub Actions run: appended to the file of `GITHUB_STEP_SUMMARY`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reports import markdown
from reports.storage import explain
from reports.view import Report

VARIABLE = "GITHUB_STEP_SUMMARY"
MOST = 1 << 20
"""Bytes of a step's whole file; GitHub shows nothing of one that is larger."""
_LEAST = 16_384
"""Bytes in which the verdict and the note on what was left out have room."""


def append(report: Report, environment: Mapping[str, str]) -> str:
    """Append the report in Markdown; says what was done, or why nothing was.

    Raises ReportError where the file cannot be written.
    """
    name = environment.get(VARIABLE)
    if not name:
        return f"No step summary was written: {VARIABLE} is not set, as it is in GitHub Actions."
    path = Path(name)
    try:
        there = path.stat().st_size if path.exists() else 0
        left = MOST - there - 2
        if left < _LEAST:
            return (
                f"No step summary was written: {path} has {there:,} bytes already, and GitHub shows "
                f"{MOST:,} at the most."
            )
        with path.open("a", encoding="utf-8", newline="\n") as file:
            # A blank line ends whatever an earlier command wrote there.
            file.write(("\n\n" if there else "") + markdown.render(report, left))
    except OSError as error:
        raise explain(error, path) from error
    return f"The step summary was written to {VARIABLE}."

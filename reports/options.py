"""Options of verbs that draw reports."""

from __future__ import annotations

from typing import Annotated

import typer

Formats = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="NAME,NAME",
        help="Formats, with commas between: html, md, json, junit, sarif, csv, "
        "modelcard, pdf (docs/reports.md).",
    ),
]
StepSummary = Annotated[
    bool,
    typer.Option(
        "--step-summary", help="Append the report to the page of the GitHub Actions run too."
    ),
]
FORMATS = "html,md"
"""The formats without the option."""

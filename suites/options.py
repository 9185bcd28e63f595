"""Options that several verbs have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataSpec = Annotated[
    str,
    typer.Option(
        "--data", help="File, folder, bundle:NAME or Hugging Face id, with :split if any."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Every random choice derives from it.")]
TextColumns = Annotated[list[str] | None, typer.Option(help="Text column; may be given twice.")]
LabelColumn = Annotated[str, typer.Option(help="Label column.")]
MaxLength = Annotated[
    int | None,
    typer.Option(min=8, help="Tokens at which texts are cut (default: the model's, up to 512)."),
]
Runs = Annotated[
    Path, typer.Option("-o", "--output-dir", help="Folder that run folders are made in.")
]
Resume = Annotated[
    str | None,
    typer.Option(help="Go on with an interrupted run: its folder, its name, or 'last'."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object; prose goes to stderr.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")]
Device = Annotated[str | None, typer.Option(help="Where models run, e.g. cuda:0 (default: cpu).")]
BatchSize = Annotated[
    int, typer.Option(min=1, help="Most texts in a batch; changes the speed and nothing else.")
]
CacheFile = Annotated[
    Path | None,
    typer.Option("--cache", help="A file that keeps the model's answers for later runs."),
]
Explain = Annotated[
    int,
    typer.Option(
        "--explain",
        min=0,
        help="Worst examples whose words are weighed by integrated gradients, for the report.",
    ),
]
EXPLAINED = 3
"""Examples that are explained where nothing else is said: each takes 64 passes there and back."""
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Attack at most so many examples: a partial run, never a pass."),
]

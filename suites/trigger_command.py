"""The verb `trigger`. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from suites.options import (
    BatchSize,
    CacheFile,
    DataSpec,
    Device,
    Json,
    LabelColumn,
    MaxLength,
    Quiet,
    Seed,
    TextColumns,
)


def trigger(
    model: Annotated[str, typer.Argument(help="Folder, bundle:NAME or Hugging Face id.")],
    data: DataSpec,
    target: Annotated[
        str, typer.Option(help="Label that the model is to answer: a name or a number from 0.")
    ],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("trigger.json"),
    held_out: Annotated[
        str | None,
        typer.Option(help="Data to measure it on (default: the test part of --data)."),
    ] = None,
    examples: Annotated[
        int, typer.Option("-n", min=1, help="Texts of other labels that it is found on.")
    ] = 200,
    length: Annotated[int, typer.Option(min=1, help="Words of the trigger.")] = 3,
    field: Annotated[
        Literal["first", "last"], typer.Option(help="Text column that it is put before.")
    ] = "last",
    exclude: Annotated[
        list[str] | None, typer.Option(help="A word that it must not hold; as often as needed.")
    ] = None,
    exclude_file: Annotated[
        Path | None, typer.Option(help="A file of such words, one a line.")
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Words tried in each place.")] = 40,
    step: Annotated[int, typer.Option(min=1, help="Texts that each round tries them on.")] = 32,
    beam: Annotated[int, typer.Option(min=1, help="Triggers kept from place to place.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Most rounds of one start.")] = 20,
    starts: Annotated[
        int,
        typer.Option(min=1, help='Starts: the first from "the the the", others from any words.'),
    ] = 1,
    seed: Seed = 0,
    text: TextColumns = None,
    label: LabelColumn = "label",
    max_length: MaxLength = None,
    batch_size: BatchSize = 64,
    device: Device = None,
    cache: CacheFile = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find a few words that, put before any text, have a model answer one label."""
    from attacks.engine.scheduler import EngineConfig
    from attacks.universal import Settings
    from harness.model_checks import LONGEST, input_length
    from reports.progress import progress
    from suites.endpoint import is_endpoint
    from suites.trigger import TriggerRequest, show, trigger_run

    if is_endpoint(model):
        raise typer.BadParameter(
            "an endpoint gives no gradients. Find the trigger on a model of your own, and try it on the "
            "endpoint: withstand attack URL --recipe universal-trigger:FILE.",
            param_hint="MODEL",
        )
    request = TriggerRequest(
        model=model,
        data=data,
        held_out=held_out,
        target=target,
        examples=examples,
        seed=seed,
        text=tuple(text or ("text",)),
        label=label,
        max_length=input_length(model, max_length) or LONGEST,
        settings=Settings(
            length=length,
            field=field,
            candidates=candidates,
            beam=beam,
            step=step,
            rounds=rounds,
            starts=starts,
            exclude=_unwanted(exclude or [], exclude_file),
        ),
    )
    summary = trigger_run(
        request,
        out,
        progress=progress(quiet),
        config=EngineConfig(batch_size=batch_size),
        device=device,
        cache=cache,
    )
    if as_json:
        print(json.dumps(summary, indent=1))
    else:
        show(summary)


def _unwanted(words: list[str], file: Path | None) -> frozenset[str]:
    """The words of both, in small letters."""
    found = list(words)
    if file is not None:
        try:
            found += file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"{file}: {error}", param_hint="--exclude-file") from None
    return frozenset(word.strip().lower() for word in found if word.strip())

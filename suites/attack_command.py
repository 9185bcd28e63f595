"""The verb `attack`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.auxiliaries import ENCODER, LANGUAGE_MODEL
from suites.options import (
    EXPLAINED,
    BatchSize,
    CacheFile,
    DataSpec,
    Device,
    Explain,
    Json,
    LabelColumn,
    MaxLength,
    Quiet,
    Resume,
    Runs,
    Seed,
    TextColumns,
)


def attack(
    model: Annotated[
        str, typer.Argument(help="Folder, bundle:NAME, Hugging Face id or URL of an endpoint.")
    ],
    data: DataSpec,
    recipe: Annotated[
        str,
        typer.Option(
            help="Attack by name; see `withstand ls attacks`. textattack:NAME is one of TextAttack's."
        ),
    ],
    examples: Annotated[
        int | None, typer.Option("-n", min=1, help="Examples to attack (default: all).")
    ] = None,
    seed: Seed = 0,
    text: TextColumns = None,
    label: LabelColumn = "label",
    query_budget: Annotated[
        int | None, typer.Option(min=1, help="Distinct queries an example may cost.")
    ] = None,
    max_length: MaxLength = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PARAMETER=VALUE",
            help="A parameter of the recipe, as often as needed (see `withstand ls attacks -v`).",
        ),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="untargeted|targeted:LABEL|hard-label|minimize-bleu[:BLEU]|non-overlapping",
            help="What counts as success: any wrong label, this one (a name or a number from 0), or any "
            "wrong label seen without probabilities; of a model that writes, a text with a BLEU as low "
            "as this (0), or without a word in its place (default: the recipe's own).",
        ),
    ] = None,
    draft: Annotated[
        str | None,
        typer.Option(
            metavar="gradient|bfloat16|excerpts|exact|MODEL",
            help="What guesses which rewrites are worth a query: the model's own gradient, a copy of it "
            "in half the bits, the model asked about excerpts of a long text, or another classifier "
            "with its labels; `exact` guesses nothing and asks the sentence encoder about the best "
            "alone. The model decides what succeeds (default: it is asked about all that is allowed).",
        ),
    ] = None,
    draft_keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rewrites of a word that a draft keeps at first (default: 1; gradient and MODEL 2).",
        ),
    ] = None,
    similarity: Annotated[
        str, typer.Option(help="Sentence encoder for recipes that need one.")
    ] = ENCODER,
    masked_lm: Annotated[
        str, typer.Option(help="Masked language model for recipes that need one.")
    ] = LANGUAGE_MODEL,
    resource: Annotated[
        list[str] | None,
        typer.Option(
            metavar="vectors=FILE|tagger=MODEL",
            help="Your own in the place of a built-in resource: word vectors, or a spaCy model for "
            "parts of speech (see `withstand ls resources -v`).",
        ),
    ] = None,
    paraphraser: Annotated[
        str | None, typer.Option(help="Encoder-decoder that rephrases, for recipes that need one.")
    ] = None,
    paraphrase_prompt: Annotated[
        str | None,
        typer.Option(
            metavar="PROMPT",
            help="What the paraphraser is shown, with {text} and, for its syntax, {control} "
            "(default: the text alone).",
        ),
    ] = None,
    translator: Annotated[
        str | None,
        typer.Option(help="Encoder-decoder into another language, for back-translation."),
    ] = None,
    back_translator: Annotated[
        str | None, typer.Option(help="Encoder-decoder back from that language.")
    ] = None,
    explain: Explain = EXPLAINED,
    checks: Annotated[
        bool,
        typer.Option(
            "--checks/--no-checks",
            help="Check that the attack could have succeeded (docs/checks.md); not of endpoints.",
        ),
    ] = True,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Column with what a model that writes should write (default: none; then what it writes "
            "for the untouched text is what counts)."
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help='Goes before every text of a model that writes ("summarize: " for T5).'),
    ] = None,
    new_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens that a model writes at the most (default: 128)."),
    ] = None,
    labels: Annotated[
        str, typer.Option(help="An endpoint's label names, in order, with commas between.")
    ] = "",
    per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Most requests a second to an endpoint.")
    ] = None,
    request_budget: Annotated[
        int | None, typer.Option(min=1, help="Most requests to an endpoint.")
    ] = None,
    batch_size: BatchSize = 64,
    device: Device = None,
    cache: CacheFile = None,
    output_dir: Runs = Path("runs"),
    resume: Resume = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Attack a model with one recipe and report what withstood."""
    from attacks.engine.scheduler import EngineConfig
    from harness.model_checks import input_length
    from reports.progress import progress
    from suites.attack import attack_run, show
    from suites.attack_request import AttackRequest
    from suites.endpoint import Limits, is_endpoint

    if is_endpoint(model) and max_length is not None:
        raise typer.BadParameter("an endpoint cuts texts by itself.", param_hint="--max-length")
    request = AttackRequest(
        model=model,
        data=data,
        recipe=recipe,
        examples=examples,
        seed=seed,
        text=tuple(text or ("text",)),
        label=label,
        query_budget=query_budget,
        max_length=max_length if is_endpoint(model) else input_length(model, max_length),
        similarity=similarity,
        masked_lm=masked_lm,
        parameters=_parameters(settings or []),
        labels=tuple(name.strip() for name in labels.split(",") if name.strip()),
        goal=goal,
        resources=dict(_pair(text, "--resource", "NAME=VALUE") for text in resource or []),
        draft=draft,
        draft_keep=draft_keep,
        reference=reference,
        prefix=prefix,
        new_tokens=new_tokens,
        paraphraser=paraphraser,
        paraphrase_prompt=paraphrase_prompt,
        translator=translator,
        back_translator=back_translator,
    )
    summary = attack_run(
        request,
        runs=output_dir,
        progress=progress(quiet),
        resume=resume,
        config=EngineConfig(batch_size=batch_size),
        device=device,
        cache=cache,
        limits=Limits(per_second, request_budget),
        checks=checks,
        explained=explain,
    )
    if as_json:
        print(json.dumps(summary, indent=1))
    else:
        show(summary)
    if summary["counts"]["errored"] or summary["doubts"]:
        raise typer.Exit(3)


def _parameters(settings: list[str]) -> dict[str, Any]:
    """Values as TOML has them (0.5, true); what is none is a string."""
    import tomllib

    found: dict[str, Any] = {}
    for setting in settings:
        name, value = _pair(setting, "--set", "PARAMETER=VALUE")
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"'{text}' is not {form}.", param_hint=option)
    return name.strip(), value.strip()

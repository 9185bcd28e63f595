"""`withstand data`: what a plan's data are, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attacks.outcomes import Example
from attacks.protocols import SIMILARITY
from harness.label_noise import find_suspects
from harness.loading import load_tokenizer
from harness.model_files import fetch, resolve
from harness.plan import Plan
from harness.session import data_of
from reports.progress import Progress

SHOWN = 160
"""Characters of a text in a line."""


def inspect(plan: Plan, *, suspects: int, progress: Progress) -> dict[str, Any]:
    """What the plan's data are, in plain values: the preparation's report, tokens, label suspects.

    Args:
        suspects: training texts whose label looks wrong are listed up to this number; 0: not looked for.

    Raises HarnessError and PlanError as the preparation of the data does.
    """
    prepared = data_of(plan)
    tokenizer = load_tokenizer(fetch(resolve(plan.model.base), weights=False), False)
    splits = (prepared.train, prepared.validation, prepared.test)
    found: dict[str, Any] = {
        "data": prepared.report.as_dict(),
        "max_length": plan.model.max_length,
        "tokens": {
            split.name: _tokens(tokenizer, split.rows, plan.model.max_length) for split in splits
        },
        "suspects": None,
    }
    if suspects:
        encoder = plan.audit.auxiliaries.load([SIMILARITY])[SIMILARITY]
        rows, labels = prepared.train.rows, prepared.labels
        doubted = find_suspects(encoder, rows, len(labels), seed=plan.seed, progress=progress)
        found["suspects"] = {
            "of": len(rows),
            "count": len(doubted),
            "rows": [
                {
                    "id": rows[suspect.position].id,
                    "label": labels[suspect.label],
                    "likely": labels[suspect.likely],
                    "given": round(suspect.given, 4),
                    "other": round(suspect.other, 4),
                    "text": list(rows[suspect.position].text.strings),
                }
                for suspect in doubted[:suspects]
            ],
        }
    return found


def _tokens(tokenizer: Any, rows: Sequence[Example], most: int) -> dict[str, Any] | None:
    """Lengths in the model's own tokens, special ones included, and how many texts are cut off."""
    if not rows:
        return None
    fields = [list(field) for field in zip(*(row.text.strings for row in rows), strict=True)]
    lengths = np.array([len(ids) for ids in tokenizer(*fields, truncation=False)["input_ids"]])
    return {
        "median": float(np.median(lengths)),
        "95th": round(float(np.quantile(lengths, 0.95)), 1),
        "longest": int(lengths.max()),
        "cut_off": int((lengths > most).sum()),
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same as text for a terminal."""
    data = found["data"]
    group = f"kept together by {data['group']}" if data["group"] else "no groups"
    shown = [f"{data['read']:,} rows read, {group}; ids from the {data['ids']}"]
    for split in data["splits"]:
        shown += ["", *_split(split, found["tokens"][split["name"]], found["max_length"])]
    shown += ["", *_overlaps(data)]
    odd = ", ".join(f"{count} {kind}" for kind, count in data["oddities"].items() if count)
    shown.append(f"Odd texts: {odd or 'none'}")
    if found["suspects"] is not None:
        shown += ["", *_suspects(found["suspects"])]
    return shown


def _split(split: Mapping[str, Any], tokens: Mapping[str, Any] | None, most: int) -> list[str]:
    of = f" of {split['available']:,}" if split["available"] != split["rows"] else ""
    labels = ", ".join(
        f"{name} {count:,} ({count / max(split['rows'], 1):.1%})"
        for name, count in split["labels"].items()
    )
    shown = [
        f"{split['name']}: {split['rows']:,} rows{of} from {split['source']}",
        f"  labels   {labels}",
    ]
    if split["groups"]:
        shown.append(f"  groups   {split['groups']:,}")
    if split["repeated"]:
        shown.append(f"  repeated {split['repeated']:,} rows whose text stands here already")
    if tokens and split["lengths"]:
        words = split["lengths"]
        shown.append(
            f"  words    median {words['words_median']:g}, 95% up to {words['words_95th']:g}, longest "
            f"{words['words_longest']:,}"
        )
        shown.append(
            f"  tokens   median {tokens['median']:g}, 95% up to {tokens['95th']:g}, longest "
            f"{tokens['longest']:,}; {tokens['cut_off']:,} cut off at {most}"
        )
    return [*shown, f"  SHA-256  {split['fingerprint']}"]


def _overlaps(data: Mapping[str, Any]) -> list[str]:
    shown = []
    for overlap in data["overlaps"]:
        if not overlap["rows"]:
            continue
        shown.append(
            f"{overlap['rows']:,} taken out of {overlap['removed_from']} for what stands in "
            f"{overlap['kept_in']}: {overlap['exact']:,} exact and {overlap['near']:,} near duplicates "
            f"(similarity {data['threshold']:g} and up), {overlap['same_group']:,} of the same group; "
            f"{overlap['conflicting']:,} with another label"
        )
        for pair in overlap["examples"][:2]:
            shown.append(f"  {pair['similarity']:.2f}  {_short(pair['removed_text'])}")
            shown.append(f"        {_short(pair['kept_text'])}")
    return shown or ["No text stands in two splits"]


def _suspects(found: Mapping[str, Any]) -> list[str]:
    shown = [
        f"{found['count']:,} of {found['of']:,} training texts look as if they had another's label "
        "(confident learning on sentence embeddings; read them before you believe it):"
    ]
    for row in found["rows"]:
        likely = f"likely {row['likely']} ({row['other']:.0%})"
        shown.append(f"  {row['label']} ({row['given']:.0%}), {likely}  {row['id']}")
        shown.append(f"    {_short(' | '.join(row['text']))}")
    return shown


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else f"{flat[: SHOWN - 1]}…"

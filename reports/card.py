"""The card of a trained model: README.md in its folder, as model hubs show it.

It says what the model is, how it was trained and on what, and, after an audit, what it withstands. It is
drawn from the model's own record and the audit's run alone. A card that a person has written is left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.folder import RunFolder
from reports.front_matter import patched
from reports.markdown import code, text
from reports.model_index import element, yaml_lines
from reports.source import Source
from reports.storage import write_atomic
from reports.view import Report
from reports.visible import one_line
from reports.withstands import withstands

NAME = "README.md"
MARK = "<!-- Drawn by withstand, again after each audit. Take this line out to keep what you write. -->"


def write_card(model: Path, record: Mapping[str, Any], audit: RunFolder | None = None) -> bool:
    """Write the card of the model in a folder; False where a person's own stands there.

    Args:
        record: what the model says about its training (`withstand.json`).
        audit: a finished audit of it.
    """
    path = model / NAME
    if path.is_file() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        return False
    results = audit.results() if audit else None
    write_atomic(path, card(record, Source(audit).report if audit else None, results))
    return True


def card(
    record: Mapping[str, Any],
    audit: Report | None = None,
    results: Mapping[str, Any] | None = None,
) -> str:
    """The whole card; `audit` and `results` are of one run."""
    lines = [*_front(record), MARK, "", f"# {text(str(record['plan']))}", ""]
    labels = ", ".join(code(str(label)) for label in record.get("labels", ()))
    lines += [
        f"A text classifier ({labels}), fine-tuned from {code(str(record['start']))} with Withstand. "
        f"The whole plan is in {code('plan.toml')}, the record of the training in "
        f"{code('withstand.json')}.",
        "",
        *withstands(audit),
        "## Training",
        "",
        *_pairs(_training(record)),
        "",
        *_history(record["history"]),
        "",
        "## Data",
        "",
        *_pairs(_data(record)),
        "",
        "## Use",
        "",
        *_use(record.get("kept_adapter")),
    ]
    drawn = "\n".join(lines) + "\n"
    measured = {**(results or {}), "data": {"source": record.get("source")}}
    entry = element(str(record["plan"]), measured)
    return drawn if entry is None else patched(drawn, yaml_lines(entry))


def _front(record: Mapping[str, Any]) -> list[str]:
    """What hubs read. JSON is YAML, so values are written as that: with characters as they are, since
    the two disagree on how one beyond the first plane is escaped."""
    kept = record.get("kept_adapter")
    front: dict[str, Any] = {
        "library_name": {None: "transformers", "bottleneck": "withstand"}.get(kept, "peft"),
        "pipeline_tag": "text-classification",
        "tags": ["withstand", "robustness"],
    }
    start = str(record["start"])
    if not start.startswith("bundle:") and not Path(start).exists():
        front["base_model"] = one_line(start)
    shown = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items())
    return ["---", *shown, "---"]


def _use(kept: str | None) -> list[str]:
    """How the model is loaded; `kept` is the method of an adapter that stays in it."""
    if kept is None:
        return [
            "```python",
            "from transformers import pipeline",
            "",
            'classify = pipeline("text-classification", model="PATH/TO/THIS/FOLDER")',
            "```",
        ]
    theirs = (
        ""
        if kept == "bottleneck"
        else " So does `peft.AutoPeftModelForSequenceClassification` where `base_model_name_or_path` in "
        "`adapter_config.json` leads to the folder `base`."
    )
    return [
        f"An adapter ({code(kept)}) stands in the model, whose own weights are in `base`. This reads "
        f"both.{theirs}",
        "",
        "```python",
        "from harness.models import load_classifier",
        "",
        'loaded = load_classifier("PATH/TO/THIS/FOLDER")  # .model, .tokenizer, .labels',
        "```",
    ]


def _training(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Objective": ", ".join(code(str(part["name"])) for part in record["objective"]),
        "Attacks on training texts": ", ".join(
            code(name) for name in (record.get("augment") or {}).get("attacks", ())
        ),
        "Attacks that are not unseen any more": ", ".join(map(code, record["seen_attacks"])),
        "Adapter": _adapter(record.get("adapter")),
        "Learning rate": f"{record['learning_rate']:g}" if "learning_rate" in record else "",
        "Kept": f"epoch {record['best_epoch'] + 1}, by {code(record['selected_by'])} on validation",
        "Blended": _blended(record.get("blending")),
        "Teacher": code(str(record["teacher"])) if record.get("teacher") else "",
        "Started from": f"{code(str(record['start']))}, {code(record['start_fingerprint'])}",
        "Plan": f"SHA-256 {code(record['plan_digest'])}",
        "Run": code(str(record["run"])),
    }


def _adapter(settings: Mapping[str, Any] | None) -> str:
    if not settings:
        return ""
    rest = (f"{key} {value}" for key, value in settings.items() if key != "method" and value)
    return ", ".join((code(str(settings["method"])), *map(text, rest)))


def _blended(blending: Mapping[str, Any] | None) -> str:
    if not blending:
        return ""
    return f"{blending['share']:.0%} of the trained weights, the rest those it started from"


def _data(record: Mapping[str, Any]) -> dict[str, str]:
    found = {"Source": code(str(record.get("source")))}
    rows = record.get("rows", {})
    for name, fingerprint in record["data"].items():
        count = f"{rows[name]:,} rows, " if name in rows else ""
        found[f"Split {name}"] = f"{count}fingerprint {code(fingerprint)}"
    return found


def _pairs(found: Mapping[str, str]) -> list[str]:
    rows = [f"| {key} | {value} |" for key, value in found.items() if value]
    return ["| | |", "| --- | --- |", *rows]


def _history(epochs: list[Mapping[str, Any]]) -> list[str]:
    """The epochs' losses and accuracies on validation texts."""
    lines = [
        "| Epoch | Training loss | Validation loss | Validation accuracy |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for epoch in epochs:
        trained = epoch.get("train_loss")
        lines.append(
            f"| {epoch['epoch'] + 1} | {'' if trained is None else f'{trained:.3f}'} "
            f"| {epoch['validation_loss']:.3f} | {epoch['correct'] / epoch['n']:.1%} |"
        )
    return lines

"""A baseline file: what an accepted audit came to, small enough to be kept and reviewed like code.

It stands in the place of the run folder in every comparison, with the same numbers: the results without
times and texts, a line for each answer and outcome, and what decides outcomes of how the audit was made
(seeds, release, fingerprints). The same run gives the same bytes. A file is data, whoever wrote it: what
is read is checked, and its rows must add up to its numbers.

    {"format": "withstand/audit-baseline", "version": 1, "results_sha256": …,
     "made": {"versions": …, "seeds": …, "files": …, "git": …}, "max_length": …, "results": …,
     "examples": {split: {id: [label, family, digest of the text]}},
     "answers":  {split: {id: predicted label}},
     "outcomes": [{"attack": …, "split": …, "calibrated": …, "rows": {id: [status, predicted before]}}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reports.baseline_reader import EMPTIED, FORMAT, VERSION, BaselineError, read, read_object
from reports.causes import TRAINED
from reports.folder import RunFolder
from reports.hashing import sha256_file
from reports.records import Record
from reports.sides import Side
from reports.storage import write_atomic

LINE = 100

_MODEL = ("name", "fingerprint", "files", "temperature", "seen_attacks", "seen_edits", "parameters")
_QUERIES = ("raw", "unique", "cached")


def content(run: RunFolder) -> str:
    """The text of the baseline of a finished, intact run.

    Raises ReportError where it is not that, or holds no answer and no outcome to compare with.
    """
    side = Side.of(run)
    examples: dict[str, dict[str, list[Any]]] = {}
    answers: dict[str, dict[str, int | None]] = {}
    texts = side.texts()

    def kept(record: Record) -> None:
        known = texts.get((record.split, record.example_id))
        row = [record.label, record.group, known]
        examples.setdefault(record.split, {})[record.example_id] = row

    for split in side.results["clean"]:
        if split not in ("train", "validation"):
            for record in side.predictions(split):
                kept(record)
                answers.setdefault(split, {})[record.example_id] = record.predicted
    outcomes = []
    for part in sorted(side.parts()):
        rows = {}
        for outcome in side.outcomes(part):
            kept(outcome)
            rows[outcome.example_id] = [str(outcome.status), outcome.predicted_before]
        name, split, calibrated = part
        told = {"attack": name, "split": split, "calibrated": calibrated}
        outcomes.append({**told, "rows": dict(sorted(rows.items()))})
    if not examples:
        raise BaselineError(
            f"The run {run.id} holds no answers and no outcomes to compare with: a "
            f"{side.results['kind']} has none of its own. Name the run of an audit or an attack."
        )
    found = {
        "format": FORMAT,
        "version": VERSION,
        "results_sha256": sha256_file(run.path / "results.json"),
        "made": _made(side.manifest or {}),
        "max_length": side.max_length,
        "results": _results(side.results),
        "examples": {split: dict(sorted(rows.items())) for split, rows in sorted(examples.items())},
        "answers": {split: dict(sorted(rows.items())) for split, rows in sorted(answers.items())},
        "outcomes": outcomes,
    }
    return "".join(_lines(found, 0)) + "\n"


def write(run: RunFolder, path: Path) -> bool:
    """Write the baseline of a run to a file; whether one was there before, which it replaces.

    Raises BaselineError where the file is there and is no baseline of an audit.
    """
    text = content(run)
    there = path.exists()
    if there and read_object(path).get("format") != FORMAT:
        raise BaselineError(
            f"{path} is there and is no baseline of an audit, so it is left as it is. Choose another "
            "--name or --dir."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BaselineError(f"{path.parent} cannot be made: {error.strerror}.") from None
    write_atomic(path, text)
    return there


def side_at(path: Path) -> Side:
    """The audit at a path: a run folder, or a baseline file in its place. Raises ReportError."""
    return read(path) if path.is_file() else Side.of(RunFolder.open(path))


def _made(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What of a manifest decides outcomes; the machine does not belong into a repository."""
    versions = manifest.get("versions", {})
    git = manifest.get("git") or {}
    return {
        "versions": {name: v for name, v in versions.items() if name == "withstand"},
        "seeds": dict(sorted(manifest.get("seeds", {}).items())),
        "files": dict(sorted(manifest.get("files", {}).items())),
        "git": {key: git[key] for key in ("commit", "dirty") if key in git},
    }


def _results(results: Mapping[str, Any]) -> dict[str, Any]:
    """The results without times, texts and costs."""
    run = results["run"]
    found = {**results, **EMPTIED}
    found["run"] = {
        "id": run["id"],
        "name": run["name"],
        "created": run["created"],
        "finished": None,
        "command": [],
        "plan_digest": run.get("plan_digest"),
    }
    model, data = results["model"], results["data"]
    if model is not None:
        found["model"] = {key: model[key] for key in (*_MODEL, "repeats", "labels") if key in model}
        record = model.get("trained") or {}
        trained = {key: record[key] for key in TRAINED if record.get(key) is not None}
        found["model"]["trained"] = {**trained, "data": dict(record.get("data", {}))}
    if data is not None:
        keys = ("rows", "labels", "groups", "fingerprint", "ids", "kind", "in_training")
        splits = {
            name: {key: split[key] for key in keys if key in split}
            for name, split in data["splits"].items()
        }
        found["data"] = {"source": data["source"], "splits": splits, "duplicates": {}}
    found["attacks"] = [
        {
            **{key: value for key, value in attack.items() if key != "seconds"},
            "queries": {key: attack["queries"][key] for key in _QUERIES},
        }
        for attack in results["attacks"]
    ]
    if "checks" in results:
        found["checks"] = [{**check, "examples": []} for check in results["checks"]]
    if "behaviour" in results:
        found["behaviour"] = [{**one, "failures": []} for one in results["behaviour"]]
    return found


def _lines(value: Any, depth: int) -> Iterator[str]:
    """JSON with a line a member, so that a diff shows what changed; what is flat and short is in one."""
    inner = (
        list(value.values())
        if isinstance(value, dict)
        else value
        if isinstance(value, list)
        else ()
    )
    flat = json.dumps(value, ensure_ascii=True, allow_nan=False)
    if not inner or (len(flat) <= LINE and not any(isinstance(v, dict | list) for v in inner)):
        yield flat
        return
    keys = (
        [f"{json.dumps(key)}: " for key in value] if isinstance(value, dict) else [""] * len(inner)
    )
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    yield opened
    for number, (key, member) in enumerate(zip(keys, inner, strict=True)):
        yield f"{',' if number else ''}\n{' ' * (depth + 1)}{key}"
        yield from _lines(member, depth + 1)
    yield f"\n{' ' * depth}{closed}"

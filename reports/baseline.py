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

from reports import summaries
from reports.causes import TRAINED
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.hashing import sha256_file
from reports.records import OutcomeRecord, PredictionRecord, Record
from reports.results import validate
from reports.sides import Key, Side
from reports.storage import write_atomic

FORMAT, VERSION = "withstand/audit-baseline", 1
OF_TESTS = "withstand/baseline"
"""The format of the baselines that `robustness.no_worse_than_baseline` keeps, in the same folder."""

LINE = 100
LARGEST = 256 * 1024 * 1024

# The parts of results.json that hold times, texts or the run's own comparison, and what is put there.
_EMPTIED: dict[str, Any] = {"verdict": None, "comparison": None, "stages": [], "examples": []}
_MODEL = ("name", "fingerprint", "files", "temperature", "seen_attacks", "seen_edits", "parameters")
_QUERIES = ("raw", "unique", "cached")


class BaselineError(ReportError):
    """There is no baseline, or the file is not one that can be used. Exit code 2."""


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
    if there and _object(path).get("format") != FORMAT:
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


def read(path: Path) -> Side:
    """The side of a comparison that a baseline file holds.

    Raises BaselineError for a file that is none, is of a later version, or does not add up.
    """
    found = _object(path)
    _check_format(found, path)
    try:
        side = _side(found)
        problem = _does_not_add_up(side)
        if problem is None:
            _drawn(side)
    except ReportError as error:
        raise BaselineError(f"{path} is damaged: {error} {_MEND}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}"
        raise BaselineError(f"{path} is damaged ({said}). {_MEND}") from None
    if problem is not None:
        raise BaselineError(f"{path} does not add up: {problem}. {_MEND}")
    return side


def side_at(path: Path) -> Side:
    """The audit at a path: a run folder, or a baseline file in its place. Raises ReportError."""
    return read(path) if path.is_file() else Side.of(RunFolder.open(path))


_MEND = "Take the file as it was committed, or set it anew: withstand baseline set RUN."


def _object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise BaselineError(
                f"{path} is larger than any baseline is ({LARGEST:,} bytes at most)."
            )
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path} is not valid JSON: {error}. {_MEND}") from None
    if not isinstance(value, dict):
        raise BaselineError(f"{path} must hold a JSON object; it holds a {type(value).__name__}.")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _check_format(found: Mapping[str, Any], path: Path) -> None:
    if found.get("format") == OF_TESTS:
        raise BaselineError(
            f"{path} is the baseline of one attack in a test (no_worse_than_baseline); an audit is "
            "compared with a run folder, or with what `withstand baseline set RUN` writes."
        )
    if found.get("format") != FORMAT:
        raise BaselineError(
            f'{path} is no baseline of an audit: its "format" must be "{FORMAT}". Name a run folder, or '
            "a file that `withstand baseline set RUN` wrote."
        )
    if found.get("version") != VERSION:
        raise BaselineError(
            f"{path} has version {found.get('version')!r}; this release reads version {VERSION}. "
            "Use the release that wrote it, or set it anew: withstand baseline set RUN."
        )


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
    found = {**results, **_EMPTIED}
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
        found["model"] = {key: model[key] for key in (*_MODEL, "repeats") if key in model}
        record = model.get("trained") or {}
        trained = {key: record[key] for key in TRAINED if record.get(key) is not None}
        found["model"]["trained"] = {**trained, "data": dict(record.get("data", {}))}
    if data is not None:
        keys = ("rows", "labels", "groups", "fingerprint", "kind", "in_training")
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


def _side(found: Mapping[str, Any]) -> Side:
    results: dict[str, Any] = {**found["results"], **_EMPTIED}
    validate(results, where="its results")
    nowhere = {"seconds": {"total": None, "victim": None}}
    results["attacks"] = [{**attack, **nowhere} for attack in results["attacks"]]
    examples: dict[Key, tuple[int, str | None]] = {}
    digests: dict[Key, str] = {}
    for split, rows in found["examples"].items():
        for example, (label, group, digest) in rows.items():
            examples[split, example] = _whole(label), _text_or_none(group)
            if digest is not None:
                digests[split, example] = _text(digest)
    records: list[Record] = [
        *_predictions(found["answers"], examples),
        *_outcomes(found["outcomes"], examples),
    ]
    length = found["max_length"]
    return Side(
        results,
        records,
        manifest=_checked_made(found["made"]),
        digests=digests,
        max_length=None if length is None else _whole(length),
    )


def _predictions(
    answers: Mapping[str, Any], examples: Mapping[Key, tuple[int, str | None]]
) -> Iterator[PredictionRecord]:
    for split, rows in answers.items():
        for example, predicted in rows.items():
            label, group = examples[split, example]
            yield PredictionRecord(
                check=f"clean@{split}",
                example_id=example,
                split=split,
                label=label,
                group=group,
                predicted=None if predicted is None else _whole(predicted),
            )


def _outcomes(
    entries: list[Mapping[str, Any]], examples: Mapping[Key, tuple[int, str | None]]
) -> Iterator[OutcomeRecord]:
    for entry in entries:
        attack, split = _text(entry["attack"]), _text(entry["split"])
        calibrated = entry["calibrated"] is True
        for example, (status, predicted) in entry["rows"].items():
            label, group = examples[split, example]
            yield OutcomeRecord(
                check=f"attack:{attack}@{split}" + ("/calibrated" if calibrated else ""),
                attack=attack,
                example_id=example,
                split=split,
                status=status,
                label=label,
                calibrated=calibrated,
                group=group,
                predicted_before=None if predicted is None else _whole(predicted),
            )


def _does_not_add_up(side: Side) -> str | None:
    """What of the results is not what its rows come to; None where all of it is."""
    for split, clean in side.results["clean"].items():
        if split in ("train", "validation"):
            continue
        right = summaries.accuracy(side.predictions(split))
        if (right.count, right.n) != (clean["accuracy"]["count"], clean["accuracy"]["n"]):
            return f"its answers on {split} are not those of its accuracy"
    known = {
        (r.attack, r.split, r.calibrated) for r in side.records if isinstance(r, OutcomeRecord)
    }
    if not known <= side.parts().keys():
        return "it has outcomes of an attack that its results do not know"
    for part, attack in side.parts().items():
        counts = summaries.summarize_attack(side.outcomes(part)).counts
        if counts != attack["counts"]:
            return f"its outcomes of {part[0]} on {part[1]} are not those of its counts"
    return None


def _drawn(side: Side) -> None:
    """Draw a report of it once: what a report would stumble over is found while the file has a name."""
    from reports import narrative

    narrative.build(side.results, None, {})


def _checked_made(made: Any) -> dict[str, Any]:
    """The part of a manifest, each value a plain one."""
    git = made["git"]
    return {
        "versions": {_text(name): _text(v) for name, v in made["versions"].items()},
        "seeds": {_text(role): _whole(seed) for role, seed in made["seeds"].items()},
        "files": {_text(name): _text(digest) for name, digest in made["files"].items()},
        "git": {
            **({"commit": _text(git["commit"])} if git.get("commit") is not None else {}),
            **({"dirty": git["dirty"] is True} if "dirty" in git else {}),
        },
    }


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


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

"""Baseline files, read: what is checked before a file from anybody stands for a run.

The rows must add up to the numbers, and what a comparison and a report do with it is tried once, so that
a damaged file is told by its name and not by a traceback from wherever it broke.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reports import summaries
from reports.causes import causes
from reports.errors import ReportError
from reports.records import OutcomeRecord, PredictionRecord, Record
from reports.results import validate
from reports.sides import Key, Side

FORMAT, VERSION = "withstand/audit-baseline", 1
OF_TESTS = "withstand/baseline"
"""The format of the baselines that `robustness.no_worse_than_baseline` keeps, in the same folder."""

LARGEST = 256 * 1024 * 1024

EMPTIED: dict[str, Any] = {"verdict": None, "comparison": None, "stages": [], "examples": []}
"""Parts of results.json that hold times, texts or the run's own comparison, and what is put there."""

_MEND = "Take the file as it was committed, or set it anew: withstand baseline set RUN."


class BaselineError(ReportError):
    """There is no baseline, or the file is not one that can be used. Exit code 2."""


def read(path: Path) -> Side:
    """The side of a comparison that a baseline file holds.

    Raises BaselineError for a file that is none, is of a later version, or does not add up.
    """
    found = read_object(path)
    _check_format(found, path)
    try:
        side = _side(found)
        problem = _does_not_add_up(side)
        if problem is None:
            _tried(side)
    except ReportError as error:
        raise BaselineError(f"{path} is damaged: {error} {_MEND}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}"
        raise BaselineError(f"{path} is damaged ({said}). {_MEND}") from None
    if problem is not None:
        raise BaselineError(f"{path} does not add up: {problem}. {_MEND}")
    return side


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file; BaselineError where it holds none."""
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


def _side(found: Mapping[str, Any]) -> Side:
    results: dict[str, Any] = {**found["results"], **EMPTIED}
    validate(results, where="its results")
    _check_described(results)
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


def _check_described(results: Mapping[str, Any]) -> None:
    """What is said of the run, the model, the data and the attacks, as far as a comparison reads it."""
    for key in ("id", "name", "created"):
        _text(results["run"][key])
    if results["model"] is not None:
        model = results["model"]
        for value in (
            model["name"],
            model["fingerprint"],
            *model["files"],
            *model["files"].values(),
        ):
            _text(value)
        for key in ("trained", "data"):
            model = model.get(key) or {}
            model.items()
    if results["data"] is not None:
        _text(results["data"]["source"])
        for split in results["data"]["splits"].values():
            _text(split["fingerprint"])
            for count in (split["rows"], *split["labels"].values()):
                _whole(count)
    for attack in results["attacks"]:
        for key in ("name", "split"):
            _text(attack[key])
        if not isinstance(attack["calibrated"], bool) or not isinstance(attack["recipe"], dict):
            raise ValueError(f"the attack {attack['name']} is not described as one")
        attack["recipe"].get("parameters", {}).items()
    for union in results["unions"]:
        for value in (union["label"], union["split"], *union["attacks"]):
            _text(value)


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


def _tried(side: Side) -> None:
    """Ask and draw of it once what a comparison does: what that stumbles over is found here, by name."""
    from reports import narrative
    from reports.likeness import mismatches

    causes(side, side)
    mismatches(side, side)
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

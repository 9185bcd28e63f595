"""The runs below a folder, as the dashboard lists them: found, read, and read again when they change.

A run is known by a digest of its place, so that no request ever names a path. Folders are walked without
following links; a folder that cannot be read is an entry with its reason, and stops nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports import untrusted
from reports import wording as w
from reports.errors import ReportError
from reports.folder import SUMS, RunFolder
from reports.statistics import Estimate

DEEPEST = 4
"""Folders below the root in which runs are looked for."""
MOST_RUNS = 10_000
MARKS = ("events.jsonl", "results.json", SUMS)
"""Files that make a folder a run, or what is left of one; a change of one has it read again."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Robust accuracy under one attack, or under several at once.

    `alike` is a digest of what must agree for two runs to be joined by a line: the texts, how many, and
    the attack's parameters. It is None where the records do not say.
    """

    name: str
    split: str
    calibrated: bool
    found: Estimate
    alike: str | None

    @property
    def title(self) -> str:
        """The attack, and on what, where that is not the test split as trained."""
        where = "" if self.split == "test" else f" on {self.split}"
        return f"{self.name}{where}{', calibrated' if self.calibrated else ''}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in the list. `problem` says why it could not be read; then little else is known."""

    id: str
    path: Path
    folder: str
    name: str = ""
    kind: str = ""
    created: str = ""
    model: str = ""
    verdict: str = ""
    finished: bool = False
    clean: Estimate | None = None
    attacks: tuple[Rate, ...] = ()
    unions: tuple[Rate, ...] = ()
    problem: str = ""

    @property
    def worst(self) -> Rate | None:
        """The lowest robust accuracy: of the unions, or of the attacks where there is none."""
        rated = [r for r in self.unions or self.attacks if r.found.value is not None]
        return min(rated, key=lambda rate: rate.found.value or 0.0, default=None)


class Index:
    """The runs below a folder, the newest first."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise ReportError(
                f"There is no folder {untrusted.shown(root)}. Name the folder that holds the runs."
            )
        self.root = root
        self._home = os.path.realpath(root)
        self._known: dict[str, tuple[tuple[Any, ...], Entry]] = {}
        self._lock = threading.Lock()

    def entries(self) -> list[Entry]:
        """All of them; those that did not change since are not read again."""
        with self._lock:
            fresh: dict[str, tuple[tuple[Any, ...], Entry]] = {}
            for path in _run_folders(self.root):
                place = os.path.relpath(path, self.root)
                stamp = tuple(_stamp(path / name) for name in MARKS)
                known = self._known.get(place)
                fresh[place] = (
                    known if known and known[0] == stamp else (stamp, self._read(path, place))
                )
                if len(fresh) >= MOST_RUNS:
                    break
            self._known = fresh
        found = [entry for _, entry in fresh.values()]
        return sorted(found, key=lambda entry: (entry.created, entry.folder), reverse=True)

    def get(self, key: str) -> Entry | None:
        """The run of an id; None where there is none."""
        return next((entry for entry in self.entries() if entry.id == key), None)

    def _read(self, path: Path, place: str) -> Entry:
        key = hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        try:
            if path.is_symlink():
                raise ReportError("It is a symbolic link, and links are not followed.")
            return _entry(RunFolder.open(path), key, place)
        except ReportError as error:
            problem = str(error)
        except OSError as error:
            problem = f"It cannot be read: {error.strerror}."
        except Exception as error:  # a bug of ours, told as one: one run must not hide the others
            traceback.print_exc()
            problem = f"Internal error, a bug in Withstand: {type(error).__name__}: {error}"
        return Entry(id=key, path=path, folder=place, problem=problem)


def main_side(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """The side whose numbers a run stands for: the later one of a comparison."""
    found: Mapping[str, Any] = results["comparison"]["after"] if results["comparison"] else results
    return found


def alike(side: Mapping[str, Any], attack: Mapping[str, Any]) -> str | None:
    """A digest of the texts and the parameters of an attack; None where the texts are not known."""
    from reports.storage import to_json

    texts = (side["data"] or {}).get("splits", {}).get(attack["split"])
    if texts is None:
        return None
    decisive = [texts["fingerprint"], attack["counts"]["total"], attack["recipe"]]
    content = to_json([*decisive, attack.get("query_budget")])
    return hashlib.sha256(content.encode()).hexdigest()


def _run_folders(root: Path) -> Iterator[Path]:
    """Folders that are runs, or look like one; links to folders too, to be listed and not followed."""
    level = [root]
    for _ in range(DEEPEST):
        deeper: list[Path] = []
        for folder in level:
            try:
                inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in inside:
                path = Path(entry.path)
                if entry.name.startswith(".") or not entry.is_dir():
                    continue
                if entry.is_symlink():
                    if any(os.path.lexists(path / name) for name in MARKS):
                        yield path
                elif any(os.path.lexists(path / name) for name in MARKS):
                    yield path
                else:
                    deeper.append(path)
        level = deeper[:MOST_RUNS]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _entry(run: RunFolder, key: str, place: str) -> Entry:
    if not run.is_finished:
        began = run.started()
        words = {name: began.get(name) for name in ("name", "kind", "time")}
        known = {name: value if isinstance(value, str) else "" for name, value in words.items()}
        return Entry(
            id=key,
            path=run.path,
            folder=place,
            name=known["name"],
            kind=known["kind"],
            created=known["time"],
        )
    results = run.results()
    side = main_side(results)
    clean = side["clean"].get("test") or next(iter(side["clean"].values()), None)
    held_out = [attack for attack in side["attacks"] if attack["split"] != "train"]
    if clean is None and held_out:
        clean = held_out[0]
    verdict = results["verdict"]
    model = side["model"] or results["model"]
    return Entry(
        id=key,
        path=run.path,
        folder=place,
        name=results["run"]["name"],
        kind=results["kind"],
        created=results["run"]["created"],
        model=model["name"] if model else "",
        verdict=verdict["value"] if verdict else "",
        finished=True,
        clean=w.estimate(clean["accuracy"]) if clean else None,
        attacks=tuple(
            Rate(
                a["name"],
                a["split"],
                a["calibrated"],
                w.estimate(a["robust_accuracy"]),
                alike(side, a),
            )
            for a in held_out
        ),
        unions=tuple(
            Rate(u["label"], u["split"], u["calibrated"], w.estimate(u["robust_accuracy"]), None)
            for u in side["unions"]
            if u["split"] != "train"
        ),
    )

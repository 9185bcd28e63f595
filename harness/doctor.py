"""What `withstand doctor` finds out: is everything here that the commands need, and is it the right one?

Every function looks at one thing, changes nothing, raises nothing and returns findings. The command
prints them.
"""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from attacks.resources.pinned import inspect
from attacks.resources.registry import RESOURCES
from harness import bundles

Status = Literal["ok", "warn", "fail"]

DISTRIBUTION = "withstand"
PACKAGES = ("attacks", "harness", "reports", "suites")

BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""What processors that multiply in bfloat16 call it: Intel and AMD, and ARM."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is, e.g. "torch" or "bundle:minilm-l6".
        status: "fail" where a command will not work, "warn" where it may be slow or wrong.
        detail: what was found.
        advice: what to do about it (empty where ok).
    """

    name: str
    status: Status
    detail: str
    advice: str = ""


def examine() -> tuple[Finding, ...]:
    """All findings, in the order in which a reader wants them. Takes seconds: it imports torch."""
    return (
        check_python(),
        *check_packages(),
        *check_devices(),
        *check_bundles(),
        *check_resources(),
        *check_recipes(),
        *check_clashes(),
    )


def check_python(version: str | None = None, allowed: str | None = None) -> Finding:
    """The interpreter against what the distribution requires.

    Args:
        version: of Python; by default the running one.
        allowed: a version specifier; by default the distribution's.
    """
    from packaging.specifiers import SpecifierSet

    version = version or platform.python_version()
    allowed = _required_python() if allowed is None else allowed
    detail = (
        f"{version} ({platform.python_implementation()}, {platform.system()} {platform.machine()})"
    )
    if SpecifierSet(allowed).contains(version, prereleases=True):
        return Finding("python", "ok", detail)
    return Finding("python", "fail", detail, f"Use a Python that fits {allowed}.")


def check_packages(requirements: Sequence[str] | None = None) -> tuple[Finding, ...]:
    """Every required package: is it installed, in a version that is allowed?

    Args:
        requirements: as in a requirements file; by default the distribution's own.
    """
    from packaging.requirements import Requirement

    if requirements is None:
        try:
            requirements = metadata.requires(DISTRIBUTION) or ()
        except metadata.PackageNotFoundError:
            missing = "the distribution is not installed; its modules are only on the path"
            return (Finding(DISTRIBUTION, "warn", missing, "Install it with: pip install ."),)
    findings = []
    for line in sorted(requirements, key=str.casefold):
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        advice = f'Install it with: pip install "{wanted.name}{wanted.specifier}"'
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            findings.append(Finding(wanted.name, "fail", "not installed", advice))
            continue
        if wanted.specifier.contains(found, prereleases=True):
            findings.append(Finding(wanted.name, "ok", found))
        else:
            detail = f"{found}, and {wanted.specifier} is required"
            findings.append(Finding(wanted.name, "fail", detail, advice))
    return tuple(findings)


def check_devices() -> tuple[Finding, ...]:
    """What torch can compute on, and with how many threads."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return (
            Finding("devices", "fail", f"torch does not import: {error}", "Install torch again."),
        )
    devices = [
        f"cuda:{number} ({torch.cuda.get_device_name(number)})"
        for number in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    detail = ", ".join([*devices, "cpu"])
    return (
        Finding("devices", "ok", detail),
        check_threads(torch.get_num_threads(), _processors()),
        *(
            [check_bfloat16(tell())]
            if (tell := getattr(torch.cpu, "get_capabilities", None))
            else ()
        ),
    )


def check_threads(threads: int, processors: int) -> Finding:
    """Threads of torch against the processors that this process may use."""
    setting = os.environ.get("OMP_NUM_THREADS")
    detail = (
        f"{threads} threads on {processors} processors "
        f"(OMP_NUM_THREADS {'= ' + setting if setting else 'not set'})"
    )
    if threads > processors:
        advice = (
            f"Set OMP_NUM_THREADS={processors}: more threads than processors wait for each other."
        )
        return Finding("threads", "warn", detail, advice)
    return Finding("threads", "ok", detail)


def check_bfloat16(capabilities: Mapping[str, object]) -> Finding:
    """Whether half as many bits save time on this processor.

    Args:
        capabilities: as `torch.cpu.get_capabilities` has them.
    """
    found = [name for name in BFLOAT16 if capabilities.get(name)]
    pays = 'precision = "bfloat16" in a plan and --draft bfloat16'
    if found:
        return Finding(
            "bfloat16", "ok", f"the processor multiplies in it ({found[0]}): {pays} save time"
        )
    return Finding("bfloat16", "ok", f"the processor does not multiply in it: {pays} cost time")


def check_bundles() -> tuple[Finding, ...]:
    """The bundled weights and reviews: installed, and byte for byte the pinned ones?"""
    findings = []
    for found in bundles.bundles():
        name = bundles.PREFIX + found.bundle.name
        if found.state == "ok":
            detail = f"{found.bundle.about} ({found.bundle.licence}); hashes match"
            findings.append(Finding(name, "ok", detail))
        else:
            # Users with their own model and data never need them.
            status: Status = "warn" if found.state == "missing" else "fail"
            findings.append(Finding(name, status, found.state, found.detail))
    return tuple(findings)


def check_resources() -> tuple[Finding, ...]:
    """The word lists and tables of the attacks: there, and byte for byte the pinned ones?"""
    findings = []
    for name, resource in RESOURCES.items():
        found = inspect(resource.pinned)
        detail = f"{resource.pinned.about} ({resource.pinned.licence}); hashes match"
        if found.state == "ok":
            findings.append(Finding(f"resource {name}", "ok", detail))
        else:
            findings.append(Finding(f"resource {name}", "fail", found.state, found.detail))
    return tuple(findings)


def check_recipes() -> tuple[Finding, ...]:
    """Every attack recipe, those of other distributions too: can it be built?"""
    from attacks import recipes

    findings = []
    for name in sorted(recipes.names()):
        try:
            recipes.load(name)
        except Exception as error:  # a recipe may come from any other distribution
            reason = f"{type(error).__name__}: {error}"
            advice = "Install the distribution that brings it again."
            findings.append(Finding(f"attack {name}", "fail", reason, advice))
        else:
            findings.append(Finding(f"attack {name}", "ok", "can be built"))
    return tuple(findings)


def check_clashes(
    owners: Mapping[str, Sequence[str]] | None = None,
    places: Mapping[str, Path | None] | None = None,
) -> tuple[Finding, ...]:
    """Whether our four import names are ours: no other distribution, no folder before us on the path.

    Args:
        owners: distributions by import name; by default those installed.
        places: the folder that each of our names is imported from; by default as Python finds it now.
    """
    owners = metadata.packages_distributions() if owners is None else owners
    places = {name: _place(name) for name in PACKAGES} if places is None else places
    home = places["harness"]
    findings = list(_foreign_owners(owners))
    for name in PACKAGES:
        place = places[name]
        if place is None or (home is not None and place.parent != home.parent):
            findings.append(
                Finding(
                    f"import {name}",
                    "fail",
                    f"found at {place}" if place else "not found",
                    f"Another '{name}' comes first on the path. Start from another folder, or take it "
                    "out of PYTHONPATH.",
                )
            )
    return tuple(findings) or (Finding("import names", "ok", ", ".join(PACKAGES) + " are ours"),)


def _foreign_owners(owners: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for name in PACKAGES:
        others = sorted({owner for owner in owners.get(name, ()) if owner.lower() != DISTRIBUTION})
        if others:
            yield Finding(
                f"import {name}",
                "fail",
                f"the distribution {', '.join(others)} installs a package of this name too",
                f"Use an environment without it, or: pip uninstall {' '.join(others)}",
            )


def _place(name: str) -> Path | None:
    found = find_spec(name)
    locations = list(found.submodule_search_locations or ()) if found else []
    return Path(locations[0]).resolve() if locations else None


def _required_python() -> str:
    try:
        return str(metadata.metadata(DISTRIBUTION)["Requires-Python"] or "")
    except metadata.PackageNotFoundError:
        return ""


def _processors() -> int:
    """Processors that this process may use, not those that the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

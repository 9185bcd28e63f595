"""The whole shape of results.json and manifest.json, checked where they are read.

`results.validate` looks at what every reader relies on and needs no library; this looks at the rest, so
that a damaged or invented file is an error that names the place, and never a crash of whatever draws it.
Keys that this release does not know are let be.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from reports.errors import ReportError
from reports.results import Results
from reports.visible import one_line


class _Counts(TypedDict):
    total: int
    succeeded: int
    failed: int
    skipped: int
    errored: int
    out_of_budget: int


class _Parameters(TypedDict):
    goal: NotRequired[dict[str, Any] | None]


class _Recipe(TypedDict):
    deviations: NotRequired[list[str]]
    parameters: NotRequired[_Parameters]


class _Queries(TypedDict):
    raw: int
    unique: int
    cached: int


class _Words(TypedDict):
    mean: float | None
    share: float | None


class _Seconds(TypedDict):
    total: float | None
    victim: float | None


class _Attack(TypedDict):
    counts: _Counts
    recipe: _Recipe
    queries: _Queries
    words_changed: _Words
    seconds: _Seconds


class _Failure(TypedDict):
    text: Annotated[list[str], Field(min_length=1)]
    reason: str


class _Behaviour(TypedDict):
    failures: list[_Failure]


class _Example(TypedDict):
    attack: str
    example_id: str
    original: list[str]
    perturbed: NotRequired[list[str] | None]
    changes: list[Annotated[list[int | str], Field(min_length=3, max_length=3)]]
    label: NotRequired[int]
    calibrated: NotRequired[bool]
    predicted_before: NotRequired[int | None]
    predicted_after: NotRequired[int | None]
    confidence_before: NotRequired[float | None]
    confidence_after: NotRequired[float | None]
    words: NotRequired[int | None]
    unique_queries: NotRequired[int | None]
    reference: NotRequired[str | None]
    written_before: NotRequired[str | None]
    written_after: NotRequired[str | None]


class _Difference(TypedDict):
    split: str
    label: NotRequired[str | None]
    p_adjusted: NotRequired[float | None]


class _Comparison(TypedDict):
    differences: list[_Difference]


class _Drawn(TypedDict):
    """What is drawn of the parts that `Results` leaves open."""

    attacks: list[_Attack]
    comparison: _Comparison | None
    behaviour: NotRequired[list[_Behaviour]]
    examples: list[_Example]


class _Git(TypedDict):
    commit: str
    dirty: NotRequired[bool | None]
    origin: NotRequired[str | None]


class _Hardware(TypedDict):
    cpu: NotRequired[str | None]
    cores: NotRequired[int | None]
    gpus: NotRequired[list[str]]
    memory_bytes: NotRequired[int | None]


class _Manifest(TypedDict):
    """What is drawn of manifest.json."""

    seeds: NotRequired[dict[str, Any]]
    files: NotRequired[dict[str, Any]]
    git: NotRequired[_Git | None]
    versions: NotRequired[dict[str, Any]]
    platform: NotRequired[dict[str, Any]]
    hardware: NotRequired[_Hardware]
    environment: NotRequired[dict[str, Any]]


def check_results(results: Mapping[str, Any], where: str) -> None:
    """Raise ReportError for the first part of read results that is not as this release draws it."""
    _check_side(results, where, "")
    if results["comparison"]:
        for name in ("before", "after"):
            side = {**results["comparison"][name], "comparison": None}
            _check_side(side, where, f"comparison.{name}.")


def check_manifest(manifest: Mapping[str, Any], where: str) -> None:
    """The same of a manifest."""
    _check(_adapter(_Manifest), manifest, where, "")


def _check_side(side: Mapping[str, Any], where: str, prefix: str) -> None:
    _check(_adapter(Results), side, where, prefix)
    _check(_adapter(_Drawn), side, where, prefix)


def _check(adapter: TypeAdapter[Any], value: Any, where: str, prefix: str) -> None:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = prefix + ".".join(str(part) for part in first["loc"])
        raise ReportError(
            f"{one_line(where, None)}: {one_line(place, 200)}: {one_line(first['msg'], 200)}. "
            "Restore the file from a copy, or draw it with the release that wrote it."
        ) from None


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)

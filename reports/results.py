"""results.json, version 1: the numbers of a run, as every report and every comparison reads them.

The types here and in `reports.measurements` are the shape; `schema/results-v1.json` says the same to
other languages. Values that do not exist are None with a reason beside them, never NaN and never left
out. A reader must ignore keys that it does not know; a change that breaks a reader raises the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from reports.errors import ReportError
from reports.measurements import (
    AttackResult,
    BehaviourResult,
    CheckResult,
    CleanInfo,
    Comparison,
    ContrastResult,
    EstimateDict,
    Explanation,
    Gap,
    LooksInfo,
    MembershipInfo,
    NoiseInfo,
    ShrunkExample,
    SliceResult,
    TransferResult,
    UnionResult,
)

SCHEMA = "withstand/results"
VERSION = 1
REVISION = 1
"""Rises when the same records give other intervals or another verdict than they gave before (a bootstrap
of another kind, a check that is new): who counts a run again then knows why. Shares and counts of
examples never change with it."""
KINDS = ("attack", "audit", "train", "tune", "harden", "compare")
VERDICTS = ("pass", "fail", "inconclusive")

Kind = Literal["attack", "audit", "train", "tune", "harden", "compare"]
VerdictValue = Literal["pass", "fail", "inconclusive"]


class RunInfo(TypedDict):
    """Which run this is. Times are ISO 8601 in UTC; `command` is the command line."""

    id: str
    name: str
    created: str
    finished: str | None
    command: list[str]
    plan_digest: NotRequired[str | None]


class GateResult(TypedDict):
    """One gate: what was asked, what was found, what follows.

    `direction` says which side of `bound` is good; `margin` is set where the bound is relative to a
    baseline; `evidence` is "interval" or "point"; `examples_needed` is set where it is inconclusive;
    `waiver` (owner, reason, until) where it does not pass and the verdict goes by the others.
    """

    name: str
    metric: str
    slice: str | None
    bound: float
    margin: NotRequired[float | None]
    direction: Literal["at_least", "at_most"]
    evidence: Literal["interval", "point"]
    value: EstimateDict
    verdict: VerdictValue
    why: str
    examples_needed: NotRequired[int | None]
    explanation: NotRequired[str]
    waiver: NotRequired[dict[str, str]]


class Verdict(TypedDict):
    """What the gates add up to, and the exit code that says so.

    `problems` are those of the reasons that are about the evidence and not about a gate.
    """

    value: VerdictValue
    exit_code: int
    reasons: list[str]
    problems: NotRequired[list[str]]
    gates: list[GateResult]


class TestedInfo(TypedDict):
    """The form in which a model was asked: what a converted or a quantized copy does not share."""

    architecture: str
    dtype: str
    max_length: int | None


class ModelInfo(TypedDict):
    """The model under test: its files by SHA-256 and what it was trained on.

    `seen_edits` are the kinds of edit that the seen attacks make. `repeats` is there where each answer
    is the mean of so many. `labels` are its classes by name, in the order of its answers; a model that
    writes has none.
    """

    name: str
    fingerprint: str
    files: dict[str, str]
    temperature: float | None
    seen_attacks: list[str]
    seen_edits: NotRequired[list[str]]
    parameters: int | None
    repeats: NotRequired[int]
    labels: NotRequired[list[str]]
    tested: NotRequired[TestedInfo]


class SplitInfo(TypedDict):
    """One split as fed to the model: rows by label name, families, and a digest of ids and texts.

    `kind` stands with further sets of the plan: "shifted" or "contrast". `ids` says where the examples'
    ids come from: from "content", two examples of one id are the same wherever they stand.
    """

    rows: int
    labels: dict[str, int]
    groups: int | None
    fingerprint: str
    ids: NotRequired[Literal["column", "content"]]
    kind: NotRequired[str]


class DataInfo(TypedDict):
    """Where the examples come from, their splits, and what was found twice."""

    source: str
    splits: dict[str, SplitInfo]
    duplicates: dict[str, Any]


class Stage(TypedDict):
    """What one stage of the run took."""

    name: str
    seconds: float


class Deviation(TypedDict):
    """A setting that is not as it was frozen; None where one side has no such key."""

    key: str
    frozen: Any
    now: Any


class FrozenInfo(TypedDict):
    """The plan that was frozen before the run, and whether it was run.

    `date` and those of `history`, the freezes before it, are ISO 8601 in UTC; `late` says that the run
    had begun by then.
    """

    digest: str
    date: str
    matches: bool
    deviations: list[Deviation]
    late: bool
    history: list[dict[str, str]]


class ReportInfo(TypedDict):
    """What the plan's `[report]` says; `expires` is the last day (ISO 8601)."""

    intended_use: NotRequired[str]
    out_of_scope: NotRequired[list[str]]
    threat_model: NotRequired[str]
    author: NotRequired[str]
    reviewer: NotRequired[str]
    expires: NotRequired[str]


class Results(TypedDict):
    """The whole of results.json. `limited`: fewer examples were attacked than the plan asks for.

    `counted_by` is the `REVISION` of the release that counted; records without it are of revision 0.
    """

    schema: str
    version: int
    counted_by: NotRequired[int]
    kind: Kind
    run: RunInfo
    verdict: Verdict | None
    frozen: NotRequired[FrozenInfo]
    report: NotRequired[ReportInfo]
    model: ModelInfo | None
    data: DataInfo | None
    clean: dict[str, CleanInfo]
    attacks: list[AttackResult]
    unions: list[UnionResult]
    gaps: list[Gap]
    noise: NotRequired[NoiseInfo]
    behaviour: NotRequired[list[BehaviourResult]]
    slices: NotRequired[list[SliceResult]]
    contrast: NotRequired[list[ContrastResult]]
    transfer: NotRequired[list[TransferResult]]
    limited: NotRequired[bool]
    looks: NotRequired[LooksInfo]
    membership: NotRequired[MembershipInfo]
    checks: NotRequired[list[CheckResult]]
    stages: list[Stage]
    comparison: Comparison | None
    examples: list[dict[str, Any]]
    explanations: NotRequired[list[Explanation]]
    shrunk: NotRequired[list[ShrunkExample]]
    limits: list[str]


_SHAPE: dict[str, tuple[type, ...]] = {
    "run": (dict,),
    "verdict": (dict, type(None)),
    "model": (dict, type(None)),
    "data": (dict, type(None)),
    "clean": (dict,),
    "attacks": (list,),
    "unions": (list,),
    "gaps": (list,),
    "stages": (list,),
    "comparison": (dict, type(None)),
    "examples": (list,),
    "limits": (list,),
}


def empty(kind: Kind, run: RunInfo) -> Results:
    """Results with nothing in them yet, for a caller to fill."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "counted_by": REVISION,
        "kind": kind,
        "run": run,
        "verdict": None,
        "model": None,
        "data": None,
        "clean": {},
        "attacks": [],
        "unions": [],
        "gaps": [],
        "stages": [],
        "comparison": None,
        "examples": [],
        "limits": [],
    }


def validate(results: Mapping[str, Any], where: str = "results.json") -> None:
    """Check what a reader relies on: the version, the kind, the parts and their types.

    The JSON Schema says more; this much needs no library and runs on every read and write.
    """
    if results.get("schema") != SCHEMA:
        raise ReportError(f'{where}: "schema" must be "{SCHEMA}"; it is {results.get("schema")!r}.')
    version = results.get("version")
    if version != VERSION:
        raise ReportError(
            f"{where} has version {version!r}; this release reads version {VERSION}. "
            "Open it with the release that wrote it."
        )
    if results.get("kind") not in KINDS:
        raise ReportError(f'{where}: "kind" must be one of {", ".join(KINDS)}.')
    for key, types in _SHAPE.items():
        if key not in results:
            raise ReportError(f'{where} lacks "{key}".')
        if not isinstance(results[key], types):
            raise ReportError(f'{where}: "{key}" is a {type(results[key]).__name__}.')
    verdict = results["verdict"]
    if verdict is not None and verdict.get("value") not in VERDICTS:
        raise ReportError(f"{where}: the verdict must be one of {', '.join(VERDICTS)}.")

"""results.json, version 1: the numbers of a run, as every report and every comparison reads them.

The types below are the shape; `schema/results-v1.json` says the same to other languages. Values that
do not exist are None with a reason beside them, never NaN and never left out. A reader must ignore keys
that it does not know; a change that breaks a reader raises the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from reports.errors import ReportError

SCHEMA = "withstand/results"
VERSION = 1
KINDS = ("attack", "audit", "train", "tune", "harden", "compare")
VERDICTS = ("pass", "fail", "inconclusive")

Kind = Literal["attack", "audit", "train", "tune", "harden", "compare"]
VerdictValue = Literal["pass", "fail", "inconclusive"]


class EstimateDict(TypedDict):
    """`statistics.Estimate.to_dict()`."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    count: float | None
    method: str
    level: float
    reason: str | None


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


class ModelInfo(TypedDict):
    """The model under test: its files by SHA-256 and what it was trained on.

    `seen_edits` are the kinds of edit that the seen attacks make. `repeats` is there where each answer
    is the mean of so many.
    """

    name: str
    fingerprint: str
    files: dict[str, str]
    temperature: float | None
    seen_attacks: list[str]
    seen_edits: NotRequired[list[str]]
    parameters: int | None
    repeats: NotRequired[int]


class SplitInfo(TypedDict):
    """One split as fed to the model: rows by label name, families, and a digest of ids and texts.

    `kind` stands with further sets of the plan: "shifted" or "contrast".
    """

    rows: int
    labels: dict[str, int]
    groups: int | None
    fingerprint: str
    kind: NotRequired[str]


class DataInfo(TypedDict):
    """Where the examples come from, their splits, and what was found twice."""

    source: str
    splits: dict[str, SplitInfo]
    duplicates: dict[str, Any]


class CleanInfo(TypedDict):
    """Unaltered examples of one split."""

    accuracy: EstimateDict
    loss: EstimateDict
    ece: EstimateDict
    brier: NotRequired[EstimateDict]
    unanswered: NotRequired[int]


class WrittenInfo(TypedDict):
    """What a model that writes came to: mean sentence BLEU, 0 to 1, before and after the attack."""

    bleu_before: EstimateDict
    bleu_after: EstimateDict


class DoubtfulInfo(TypedDict):
    """Successes that exchange an antonym or change a negation: a filter of words, not of meaning.

    `share` is of the successes; `antonyms` and `negations` count them, and one may be both. The
    corrected rate counts them as not broken.
    """

    share: EstimateDict
    antonyms: int
    negations: int
    corrected_success_rate: EstimateDict


class CurvePoint(TypedDict):
    """Robust accuracy if an example may cost so many distinct queries."""

    queries: int
    robust_accuracy: EstimateDict


class AttackResult(TypedDict):
    """One recipe against one model on one split.

    `seen`: the model was trained on this attack, or on one that makes edits of a kind with it.
    `calibrated`: the victim was temperature-scaled. `written` stands there for a model that writes,
    `doubtful` where there are successes whose label was to change.
    """

    name: str
    family: str
    seen: bool
    calibrated: bool
    split: str
    recipe: dict[str, Any]
    query_budget: NotRequired[int | None]
    counts: dict[str, int]
    accuracy: EstimateDict
    robust_accuracy: EstimateDict
    attack_success_rate: EstimateDict
    queries: dict[str, int]
    seconds: dict[str, float]
    words_changed: dict[str, float | None]
    curve: NotRequired[list[CurvePoint]]
    written: NotRequired[WrittenInfo]
    doubtful: NotRequired[DoubtfulInfo]


class UnionResult(TypedDict):
    """The worst case per example over several attacks."""

    label: str
    attacks: list[str]
    calibrated: bool
    split: str
    robust_accuracy: EstimateDict


class CheckResult(TypedDict):
    """One check of the evidence: what was counted, and whether it lies beyond the bound.

    `attack` is None where the victim or the data were checked. `kind` is "doubt" (about the evidence) or
    "weakness" (of the model); `means` says what an alarm means. One that errored has no value and no
    alarm: its traceback is in events.jsonl.
    """

    name: str
    attack: str | None
    kind: Literal["doubt", "weakness"]
    title: str
    source: str
    direction: Literal["at_least", "at_most"]
    bound: float
    estimate: EstimateDict
    alarm: bool
    errored: bool
    means: str
    examples: list[str]


class NoiseEntry(TypedDict):
    """Accuracy under one corruption, and its paired difference to the same texts unaltered."""

    name: str
    severity: int
    accuracy: EstimateDict
    difference: EstimateDict


class NoiseInfo(TypedDict):
    """Accuracy under natural noise; `mean` is over all corruptions and severities, by example."""

    mean: EstimateDict
    entries: list[NoiseEntry]


class BehaviourResult(TypedDict):
    """One behavioural test: the share of its judged cases that failed, and some of the texts."""

    name: str
    title: str
    kind: str
    cases: int
    errored: int
    failure_rate: EstimateDict
    failures: list[dict[str, Any]]


class SlicedAttack(TypedDict):
    """One recipe on the examples of a slice."""

    name: str
    calibrated: bool
    examples: int
    robust_accuracy: EstimateDict
    attack_success_rate: EstimateDict


class SlicedUnion(TypedDict):
    """The worst case over all attacks on the examples of a slice."""

    calibrated: bool
    robust_accuracy: EstimateDict


class SliceResult(TypedDict):
    """A part of the test examples, counted by itself; `says` is which they are."""

    name: str
    says: str
    examples: int
    accuracy: EstimateDict
    attacks: list[SlicedAttack]
    unions: list[SlicedUnion]


class ContrastResult(TypedDict):
    """Contrast sets: `consistency` is the share of sets of which every text is right."""

    name: str
    sets: int
    texts: int
    accuracy: EstimateDict
    consistency: EstimateDict


class MembershipInfo(TypedDict):
    """LiRA by so many shadows: the area under its ROC curve, and what it finds at so many false alarms.

    `left_out` counts texts that no shadow, or every one, was trained on.
    """

    shadows: int
    left_out: int
    area: EstimateDict
    false_alarms: float
    found: EstimateDict


class LooksInfo(TypedDict):
    """Looks before the end: `made` of `planned`, on `examples` of `of`, and the level of the last."""

    planned: int
    made: int
    examples: int
    of: int
    level: float


class SurrogateResult(TypedDict):
    """A model that was attacked in the victim's place: on so many texts it was `fooled`."""

    name: str
    fooled: int
    errored: int
    robust_accuracy: EstimateDict


class TransferResult(TypedDict):
    """The victim on the texts of one attack on surrogates; `robust_accuracy` is over all of them."""

    attack: str
    surrogates: list[SurrogateResult]
    robust_accuracy: EstimateDict


class GapSide(TypedDict):
    """One side of a gap."""

    label: str
    estimate: EstimateDict


class Gap(TypedDict):
    """One row of the overfitting table: left minus right."""

    name: str
    title: str
    explanation: str
    left: GapSide
    right: GapSide
    difference: EstimateDict


class Stage(TypedDict):
    """What one stage of the run took."""

    name: str
    seconds: float


class Difference(TypedDict):
    """One metric before and after, paired on the example."""

    title: str
    metric: str
    attack: str | None
    seen: bool
    calibrated: bool
    before: EstimateDict
    after: EstimateDict
    difference: EstimateDict
    p_value: float | None
    newly_broken: int
    newly_fixed: int
    n: int


class SliceDifferences(TypedDict):
    """The differences on the examples of one slice."""

    name: str
    says: str
    differences: list[Difference]


class Comparison(TypedDict):
    """Two audits of the same examples by the same attacks. `before` and `after` are their results."""

    before: dict[str, Any]
    after: dict[str, Any]
    differences: list[Difference]
    slices: NotRequired[list[SliceDifferences]]
    cost: dict[str, Any]


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


class Results(TypedDict):
    """The whole of results.json. `limited`: fewer examples were attacked than the plan asks for."""

    schema: str
    version: int
    kind: Kind
    run: RunInfo
    verdict: Verdict | None
    frozen: NotRequired[FrozenInfo]
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

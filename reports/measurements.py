"""The measurements that results.json (`reports.results`) holds: one type a kind of number."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict


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
    seconds: dict[str, float | None]
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
    "weakness" (of the model), and a doubt is about an attack's failures or its successes; `means` says
    what an alarm means. One that errored has no value and no alarm: its traceback is in events.jsonl.
    """

    name: str
    attack: str | None
    kind: Literal["doubt", "weakness"]
    about: NotRequired[Literal["failures", "successes"]]
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


class CauseInfo(TypedDict):
    """One thing that differs between two runs; a side is None where it is not on record there."""

    kind: Literal["model", "data", "attack", "code", "environment"]
    what: str
    before: str | None
    after: str | None


class Comparison(TypedDict):
    """Two audits of the same examples by the same attacks. `before` and `after` are their results.

    `causes` lists what differs between them, and `attribution` says how far a change can be put down to
    it. `allowed` is there where unlike audits were compared on request: a line a mismatch.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    differences: list[Difference]
    slices: NotRequired[list[SliceDifferences]]
    causes: NotRequired[list[CauseInfo]]
    attribution: NotRequired[str]
    allowed: NotRequired[list[str]]
    cost: dict[str, Any]


class WordWeight(TypedDict):
    """What one word of a text adds to the logit of a label."""

    field: int
    text: str
    score: float


class Weighed(TypedDict):
    """A text's words with their weights (integrated gradients), in order.

    `logit` is that of the label, `empty` that of the text with all of it masked; `error` is what the
    weights lack of their difference.
    """

    words: list[WordWeight]
    logit: float
    empty: float
    error: float


class Explanation(TypedDict):
    """What an example's words say for its label, as it was and as an attack left it."""

    check: str
    attack: str
    example_id: str
    label: int
    before: Weighed
    after: Weighed


class ShrunkExample(TypedDict):
    """One of the worst examples with the fewest edits that still fool the model.

    `smallest` are the values of the fields, `edits` what is left `of` the attack's; `least` says that no
    smaller part of them does it (else none of those left can be spared by itself).
    """

    check: str
    attack: str
    example_id: str
    smallest: list[str]
    edits: int
    of: int
    predicted: int
    least: bool

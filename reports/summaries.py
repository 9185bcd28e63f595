"""From records to numbers: pure functions, so that anyone can recount what a report says.

What each number counts, and why:
- *Robust accuracy* is over all examples. An example withstands an attack if it was right before and the
  attack ended without success, by its own end (`failed`) or by its budget's (`out_of_budget`, counted
  apart because a larger budget might have won), or had nothing for the attack to do (its label is the
  target: `skipped`, though right). An `errored` example stays in the denominator and
  never in the numerator: an attack that crashes must not make a model look robust.
  Where successes keep their label (input reduction), or the model writes and there are no labels, there
  is no such number.
- *Attack success rate* is over the attackable examples: those that were right and whose attack came to
  an end (succeeded + failed + out_of_budget). With none of these it is undefined, not zero.
- *Clean accuracy* is over the examples whose clean prediction is known, errored ones included where the
  error came later than the prediction.
- *Union*: an example is broken if any of the attacks broke it. Its robust accuracy is over the examples
  that every one of them was tried on.
Intervals know families: records of one `group` are resampled, or counted, together.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import statistics
from reports.calibration import calibration_error
from reports.records import STATUSES, OutcomeRecord, PredictionRecord
from reports.statistics import Estimate

ATTACKABLE = ("succeeded", "failed", "out_of_budget")
"""Statuses of examples that were right and whose attack came to an end."""
NO_LABELS = "the model writes, so there are no labels to be right about"


@dataclass(frozen=True, slots=True)
class AttackSummary:
    """What one attack came to over its examples.

    Attributes:
        counts: examples by status, and "total".
        queries: "raw" (as the search asked), "unique" (distinct within an example) and "cached", which
            is what lies between.
        words_changed: over the successes, the "mean" number of words and their mean "share" of the text.
    """

    counts: dict[str, int]
    accuracy: Estimate
    robust_accuracy: Estimate
    attack_success_rate: Estimate
    queries: dict[str, int]
    words_changed: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """The keys that an entry of "attacks" in results.json takes from here."""
        return {
            "counts": dict(self.counts),
            "accuracy": self.accuracy.to_dict(),
            "robust_accuracy": self.robust_accuracy.to_dict(),
            "attack_success_rate": self.attack_success_rate.to_dict(),
            "queries": dict(self.queries),
            "words_changed": dict(self.words_changed),
        }


@dataclass(frozen=True, slots=True)
class CleanSummary:
    """What a model came to on unaltered examples; `unanswered` got no finite answer."""

    accuracy: Estimate
    loss: Estimate
    ece: Estimate
    brier: Estimate
    unanswered: int

    def to_dict(self) -> dict[str, Any]:
        """An entry of "clean" in results.json."""
        return {
            "accuracy": self.accuracy.to_dict(),
            "loss": self.loss.to_dict(),
            "ece": self.ece.to_dict(),
            "brier": self.brier.to_dict(),
            "unanswered": self.unanswered,
        }


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """The same examples before and after, as 0/1 (right, or withstood).

    Attributes:
        before, after: the rates over the pairs.
        difference: after minus before, paired.
        p_value: exact McNemar.
        newly_broken, newly_fixed: ids that changed for the worse and for the better.
        left_out: examples that stand on one side only, or whose attack errored on either.
    """

    before: Estimate
    after: Estimate
    difference: Estimate
    p_value: float | None
    newly_broken: tuple[str, ...]
    newly_fixed: tuple[str, ...]
    left_out: int

    @property
    def n(self) -> int:
        """Pairs compared."""
        return self.difference.n


def summarize_attack(outcomes: Sequence[OutcomeRecord]) -> AttackSummary:
    """Count one attack's outcomes."""
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    known = [outcome for outcome in outcomes if outcome.predicted_before is not None]
    attackable = [o for o in outcomes if o.status in ATTACKABLE]
    raw = sum(outcome.queries for outcome in outcomes)
    unique = sum(outcome.unique_queries for outcome in outcomes)
    won = [outcome for outcome in outcomes if outcome.status == "succeeded"]
    shares = [len(outcome.changes) / outcome.words for outcome in won if outcome.words]
    success = _rate([o.status == "succeeded" for o in attackable], attackable)
    writes = any(o.written_before is not None for o in outcomes)
    if not attackable:
        left_alone = sum(o.left_alone for o in outcomes)
        success = Estimate.missing(_nothing_attackable(counts, left_alone, writes))
    accuracy = _rate([o.predicted_before == o.label for o in known], known)
    robust = _rate([o.withstood for o in outcomes], outcomes)
    if writes:
        accuracy = robust = Estimate.missing(NO_LABELS)
    keeping = sum(o.predicted_after == o.label for o in won)
    if keeping:
        robust = Estimate.missing(
            f"{keeping} of the {len(won)} successes keep their label: it is not after wrong answers"
        )
    return AttackSummary(
        counts={"total": len(outcomes), **counts},
        accuracy=accuracy,
        robust_accuracy=robust,
        attack_success_rate=success,
        queries={"raw": raw, "unique": unique, "cached": raw - unique},
        words_changed={
            "mean": sum(len(o.changes) for o in won) / len(won) if won else None,
            "share": sum(shares) / len(shares) if shares else None,
        },
    )


def summarize_clean(
    predictions: Sequence[PredictionRecord], temperature: float = 1.0
) -> CleanSummary:
    """Accuracy, mean loss, calibration error and Brier score of one split.

    Logits are divided by `temperature` for the last two.
    """
    return CleanSummary(
        accuracy=accuracy(predictions),
        loss=mean_loss(predictions),
        ece=_calibration(predictions, temperature),
        brier=_brier(predictions, temperature),
        unanswered=sum(p.predicted is None for p in predictions),
    )


def accuracy(predictions: Sequence[PredictionRecord]) -> Estimate:
    """The share that is right; no answer is not."""
    return _rate([p.correct for p in predictions], predictions)


def mean_loss(predictions: Sequence[PredictionRecord]) -> Estimate:
    """The mean cross-entropy; none where one of the losses is missing or not finite."""
    losses = [p.loss for p in predictions if p.loss is not None]
    loss = Estimate.missing(
        f"{len(predictions) - len(losses)} of {len(predictions)} losses are missing or not finite",
        len(predictions),
    )
    if predictions and len(losses) == len(predictions):
        loss = statistics.mean(losses, families(predictions))
    return loss


def union_outcomes(
    by_attack: Mapping[str, Sequence[OutcomeRecord]],
) -> tuple[dict[str, bool], dict[str, Hashable]]:
    """Whether each example withstood every attack, over those that all were tried on; and its family.

    An example that one attack left errored and none broke does not count as robust.
    """
    tables = [{o.example_id: o for o in outcomes} for outcomes in by_attack.values()]
    if not tables:
        return {}, {}
    common = [key for key in tables[0] if all(key in table for table in tables)]
    robust = {key: all(table[key].withstood for table in tables) for key in common}
    return robust, {key: _family(tables[0][key]) for key in common}


def union(by_attack: Mapping[str, Sequence[OutcomeRecord]]) -> Estimate:
    """Robust accuracy in the worst case per example over several attacks."""
    robust, groups = union_outcomes(by_attack)
    if not robust:
        return Estimate.missing("no example was tried by every attack")
    return statistics.rate_of(list(robust.values()), list(groups.values()))


def compare_attacks(
    before: Sequence[OutcomeRecord], after: Sequence[OutcomeRecord]
) -> PairedComparison:
    """One attack against two models on the same examples; errored pairs are left out and counted.

    Both sides must be free of errors in a pair: an error that only the older model suffers would
    otherwise look like a gain of the newer one.
    """
    a = {o.example_id: o.withstood for o in before if o.status != "errored"}
    b = {o.example_id: o.withstood for o in after if o.status != "errored"}
    groups = {o.example_id: _family(o) for o in before}
    every = {o.example_id for o in before} | {o.example_id for o in after}
    return compare_flags(a, b, groups, left_out=len(every - (a.keys() & b.keys())))


def compare_unions(
    before: Mapping[str, Sequence[OutcomeRecord]], after: Mapping[str, Sequence[OutcomeRecord]]
) -> PairedComparison:
    """The worst case over several attacks against two models; errored pairs are left out and counted."""
    errored = {
        o.example_id
        for side in (before, after)
        for outcomes in side.values()
        for o in outcomes
        if o.status == "errored"
    }
    a, groups = union_outcomes(before)
    b, _ = union_outcomes(after)
    every = a.keys() | b.keys()
    a = {key: value for key, value in a.items() if key not in errored}
    b = {key: value for key, value in b.items() if key not in errored}
    return compare_flags(a, b, groups, left_out=len(every - (a.keys() & b.keys())))


def compare_predictions(
    before: Sequence[PredictionRecord], after: Sequence[PredictionRecord]
) -> PairedComparison:
    """The accuracy of two models on the same examples."""
    a = {p.example_id: p.correct for p in before}
    b = {p.example_id: p.correct for p in after}
    groups = {p.example_id: _family(p) for p in before}
    return compare_flags(a, b, groups, left_out=len(a.keys() ^ b.keys()))


def compare_flags(
    before: Mapping[str, bool],
    after: Mapping[str, bool],
    groups: Mapping[str, Hashable],
    left_out: int = 0,
) -> PairedComparison:
    """Pair two sets of flags by example id; `groups` names the family of each id."""
    # In the order of the later side: a baseline file sorts its rows, and resampling goes by their order.
    ids = [key for key in after if key in before]
    a, b = [before[key] for key in ids], [after[key] for key in ids]
    family = [groups.get(key, (None, key)) for key in ids]
    broken = tuple(key for key in ids if before[key] and not after[key])
    fixed = tuple(key for key in ids if after[key] and not before[key])
    return PairedComparison(
        before=statistics.rate_of(a, family),
        after=statistics.rate_of(b, family),
        difference=statistics.paired_difference(a, b, _useful(family)),
        p_value=statistics.mcnemar(len(broken), len(fixed)) if ids else None,
        newly_broken=broken,
        newly_fixed=fixed,
        left_out=left_out,
    )


def worst_examples(outcomes: Iterable[OutcomeRecord], limit: int = 20) -> list[dict[str, Any]]:
    """The successes that changed least, surest model first among equals: what a reader should see.

    An example that several attacks broke is shown once, by the attack that changed least.
    """
    best: dict[str, OutcomeRecord] = {}
    for outcome in sorted(
        (o for o in outcomes if o.status == "succeeded"),
        key=lambda o: (len(o.changes), o.confidence_after or 0.0, o.example_id, o.check),
    ):
        best.setdefault(outcome.example_id, outcome)
    return [outcome.to_dict() for outcome in list(best.values())[:limit]]


def confidences(predictions: Sequence[PredictionRecord], temperature: float = 1.0) -> list[float]:
    """The probability of each predicted label at a temperature; every score must be finite."""
    return [float(_shares(prediction, temperature).max()) for prediction in predictions]


def _shares(prediction: PredictionRecord, temperature: float) -> Any:
    """The probabilities, shape (labels,)."""
    import numpy as np

    scores = np.asarray(prediction.logits, dtype=float) / temperature
    found = np.exp(scores - scores.max())
    return found / found.sum()


def families(
    records: Sequence[OutcomeRecord] | Sequence[PredictionRecord],
) -> list[Hashable] | None:
    """The family of each record, or None where every family has one member."""
    return _useful([_family(record) for record in records])


def _rate(
    flags: Sequence[bool], records: Sequence[OutcomeRecord] | Sequence[PredictionRecord]
) -> Estimate:
    return statistics.rate_of(flags, [_family(record) for record in records])


def _family(record: OutcomeRecord | PredictionRecord) -> Hashable:
    """The record's family; an example without one is its own, and never another's."""
    return (None, record.example_id) if record.group is None else record.group


def _useful(groups: list[Hashable]) -> list[Hashable] | None:
    """The families, or None where each has a single member and there is nothing to keep together."""
    return None if len(set(groups)) == len(groups) else groups


def _nothing_attackable(counts: Mapping[str, int], left_alone: int, writes: bool) -> str:
    total = sum(counts.values())
    if total == 0:
        return "no example was attacked"
    alone = f"{left_alone} were left alone by the goal, " if left_alone else ""
    lost = "met the goal as they were" if writes else "were already wrong"
    return (
        f"none of the {total} examples was attackable: {counts['skipped'] - left_alone} {lost}, "
        f"{alone}{counts['errored']} errored"
    )


def _scoreless(predictions: Sequence[PredictionRecord]) -> Estimate | None:
    """Why nothing can be said of confidence; None where every score is finite."""
    if not predictions:
        return Estimate.missing("there are no predictions")
    broken = sum(not p.logits or None in p.logits for p in predictions)
    if broken:
        return Estimate.missing(
            f"{broken} of {len(predictions)} predictions have no finite scores", len(predictions)
        )
    return None


def _brier(predictions: Sequence[PredictionRecord], temperature: float) -> Estimate:
    """The squared distance of the probabilities to the label, summed over classes (Brier 1950)."""
    missing = _scoreless(predictions)
    if missing is not None:
        return missing
    distances = []
    for prediction in predictions:
        shares = _shares(prediction, temperature)
        shares[prediction.label] -= 1.0
        distances.append(float((shares**2).sum()))
    return statistics.mean(distances, families(predictions))


def _calibration(predictions: Sequence[PredictionRecord], temperature: float) -> Estimate:
    missing = _scoreless(predictions)
    if missing is not None:
        return missing
    return calibration_error(
        confidences(predictions, temperature),
        [prediction.correct for prediction in predictions],
        families(predictions),
    )

"""Membership inference by likelihood ratios: which texts was a model trained on?

LiRA (Carlini et al., Membership Inference Attacks From First Principles, IEEE S&P 2022, section V and
equation 4): models trained anew on random halves of the texts, the shadows, show how sure a model is of
a text that it has seen and of one that it has not. Sureness is phi = log(p / (1 - p)) of the label,
taken as normal on either side; with few shadows the variances are those of all texts (section VI.B).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from reports import gaps, statistics
from reports.ranks import precedence
from reports.records import PredictionRecord
from reports.statistics import Estimate
from reports.summaries import families

EVENT = "shadow"
FALSE_ALARMS = 0.01
"""Share of unseen texts that may be taken for seen ones where the true finds are counted (ibid.)."""
LEAST_VARIANCE = 1e-4
"""So that shadows that agree to the last digit make no infinite ratio."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """One model that was trained anew.

    Attributes:
        members: ids of the measured texts that it was trained on.
        phi: how sure it is of each measured text, by id.
    """

    members: frozenset[str]
    phi: Mapping[str, float]


def shadow_check(number: int, split: str) -> str:
    """The name under which the records keep what a shadow said."""
    return f"shadow:{number}@{split}"


def shadows(
    events: Iterable[Mapping[str, Any]], predictions: Mapping[str, Sequence[PredictionRecord]]
) -> list[Shadow]:
    """The shadows of a run.

    Args:
        predictions: by `shadow_check`.
    """
    members = {e["number"]: frozenset(e["members"]) for e in events if e["event"] == EVENT}
    return [
        Shadow(
            inside,
            {
                record.example_id: phi(record)
                for split in ("train", "test")
                for record in predictions.get(shadow_check(number, split), ())
            },
        )
        for number, inside in members.items()
    ]


def phi(record: PredictionRecord) -> float:
    """log(p / (1 - p)) of the label's probability, from the logits; nan where one is not finite."""
    if not record.logits or None in record.logits:
        return math.nan
    scores = [float(score) for score in record.logits if score is not None]
    others = [score for label, score in enumerate(scores) if label != record.label]
    highest = max(others)
    return scores[record.label] - highest - math.log(sum(math.exp(s - highest) for s in others))


def lira(
    train: Sequence[PredictionRecord], test: Sequence[PredictionRecord], found: Sequence[Shadow]
) -> dict[str, Any] | None:
    """What the attack tells of the model's training texts; None without shadows.

    Args:
        train, test: what the model said to texts that it was and was not trained on.
    """
    if not found:
        return None
    ratios = _ratios([*train, *test], found)
    seen = [record for record in train if record.example_id in ratios]
    unseen = [record for record in test if record.example_id in ratios]
    high, low = ([ratios[record.example_id] for record in side] for side in (seen, unseen))
    area = precedence(low, high, families(unseen), families(seen))
    return {
        "shadows": len(found),
        "left_out": len(train) + len(test) - len(ratios),
        "area": area.to_dict(),
        "false_alarms": FALSE_ALARMS,
        "found": _found(high, low, seen).to_dict(),
    }


def _found(
    seen: Sequence[float], unseen: Sequence[float], records: Sequence[PredictionRecord]
) -> Estimate:
    """The share of seen texts that stand out where so few of the unseen do."""
    allowed = int(FALSE_ALARMS * len(unseen))
    if not allowed:
        return Estimate.missing(
            f"{len(unseen)} unseen texts are too few to allow {FALSE_ALARMS:.0%} false alarms"
        )
    threshold = sorted(unseen, reverse=True)[allowed]
    return statistics.rate_of([score > threshold for score in seen], families(records))


def _ratios(records: Sequence[PredictionRecord], found: Sequence[Shadow]) -> dict[str, float]:
    """The logarithm of the likelihood ratio of each text that shadows both saw and did not see."""
    sides: dict[str, tuple[list[float], list[float]]] = {}
    own = {record.example_id: phi(record) for record in records}
    for name in own:
        inside = [s.phi[name] for s in found if name in s.members and name in s.phi]
        outside = [s.phi[name] for s in found if name not in s.members and name in s.phi]
        if inside and outside and all(map(math.isfinite, (own[name], *inside, *outside))):
            sides[name] = inside, outside
    spread = [_variance([side[which] for side in sides.values()]) for which in (0, 1)]
    return {
        name: _log_normal(own[name], fmean(inside), spread[0])
        - _log_normal(own[name], fmean(outside), spread[1])
        for name, (inside, outside) in sides.items()
    }


def _variance(groups: Sequence[Sequence[float]]) -> float:
    """The variance within groups, pooled."""
    squares = math.fsum((x - fmean(group)) ** 2 for group in groups for x in group)
    freedom = sum(len(group) - 1 for group in groups)
    return max(LEAST_VARIANCE, squares / freedom) if freedom else 1.0


def _log_normal(x: float, centre: float, variance: float) -> float:
    return -((x - centre) ** 2) / (2 * variance) - math.log(variance) / 2


def lira_gap(found: Mapping[str, Any]) -> dict[str, Any]:
    """The attack's row in the overfitting table."""
    area, finds = Estimate.from_dict(found["area"]), Estimate.from_dict(found["found"])
    more = ""
    if finds.value is not None and finds.low is not None and finds.high is not None:
        more = (
            f" Where {found['false_alarms']:.0%} of the unseen texts are taken for seen ones, it finds "
            f"{finds.value:.1%} of the seen ones ({finds.low:.1%} to {finds.high:.1%})."
        )
    return gaps.above_chance(
        "membership_lira",
        "Telling training texts by shadow models \N{MINUS SIGN} chance",
        f"Likelihood ratios by {found['shadows']} models trained anew on random halves of the texts "
        f"(Carlini et al. 2022).{more}",
        "by ratio",
        area,
    )

"""From a run folder to results: a pure function of the recorded events, no model needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from attacks.recipe import edits
from reports import gaps, membership, slices, statistics, summaries
from reports.curve import curve
from reports.folder import RunFolder
from reports.measurements import AttackResult, UnionResult
from reports.membership import lira_gap
from reports.records import OutcomeRecord, PredictionRecord, Record
from reports.results import DataInfo, Kind, ModelInfo, Results, RunInfo, empty
from reports.statistics import Estimate
from suites import freezing, looks, probing, sets, stated, transfer
from suites.earlier import EVENT, in_words
from suites.evidence import describe_costs
from suites.explaining import explained
from suites.meaning import MEANING, doubtful, meaning_check
from suites.smallest import smallest
from suites.validity import judging

LIMITS = (
    "Attacks that were not run may succeed where these failed: the list above is all that was tried.",
    "Attack texts were not read by people: some may have changed the meaning, which makes the model "
    "look weaker than it is. withstand sheet draws a sample for people.",
    "Other languages, other domains and longer texts than these were not tested.",
    "Poisoned training data, model theft and privacy attacks are out of scope.",
)


def audit_results(folder: RunFolder, kind: Kind = "audit") -> Results:
    """Everything that an audit says, from its folder alone; `suites.judgement` adds the verdict."""
    events = list(folder.events())
    results = empty(kind, run_info(events))
    subject = _last(events, "subject")
    results["model"] = cast("ModelInfo | None", subject.get("model"))
    results["data"] = cast("DataInfo | None", subject.get("data"))
    temperature = _last(events, "temperature").get("value")
    if results["model"] is not None:
        results["model"]["temperature"] = temperature
    splits = (subject.get("data") or {}).get("splits", {})
    answers, attempts = _by_check(folder.records())
    predictions = {
        split: answers.get(f"clean@{split}", [])
        for split in dict.fromkeys(("train", "validation", "test", *splits))
    }
    for split, records in predictions.items():
        if records:
            results["clean"][split] = cast("Any", summaries.summarize_clean(records).to_dict())
    costs = describe_costs(iter(events))
    campaigns = {e["check"]: e for e in events if e["event"] == "campaign"}
    seen = _seen(subject.get("model") or {}, campaigns.values())
    outcomes = {check: attempts.get(check, []) for check in campaigns}
    results["attacks"] = [
        _attack(campaign, outcomes[check], costs.get(check, {}), seen)
        for check, campaign in campaigns.items()
    ]
    results["unions"] = _unions(campaigns, outcomes)
    results["gaps"] = [
        *_gaps(predictions, campaigns, outcomes, seen, temperature),
        *cast("Any", sets.shift_gaps(splits, predictions)),
    ]
    shadows = membership.shadows(events, answers)
    told = membership.lira(predictions["train"], predictions["test"], shadows)
    if told is not None:
        results["membership"] = cast("Any", told)
        results["gaps"].append(cast("Any", lira_gap(told)))
    contrast = sets.contrast_results(splits, predictions)
    if contrast:
        results["contrast"] = cast("Any", contrast)
    noise = probing.noise_results(answers, predictions["test"])
    if noise is not None:
        results["noise"] = cast("Any", noise)
    behaviour = probing.behaviour_results(events)
    if behaviour:
        results["behaviour"] = cast("Any", behaviour)
    moved = transfer.pairs(events)
    if moved:
        found = transfer.transfer_results(events, answers, predictions["test"])
        results["transfer"] = cast("Any", found)
    by_form = [_by_attack(campaigns, outcomes, "test", calibrated) for calibrated in (False, True)]
    results["checks"] = cast("Any", judging.entries(events, *by_form))
    results["checks"] += cast(
        "Any",
        [
            judging.entry(transfer.TRANSFER, attack, judging.seen(counted))
            for attack, counted in transfer.transfer_checks(answers, by_form[0], moved)
        ],
    )
    results["checks"] += cast(
        "Any",
        [
            judging.entry(MEANING, attack, judging.seen(meaning_check(told)))
            for attack, told in by_form[0].items()
        ],
    )
    cut = slices.recorded(events)
    if cut:
        forms = dict(zip((False, True), by_form, strict=True))
        found = slices.slice_results(cut, predictions["test"], forms)
        results["slices"] = cast("Any", found)
    results["stages"] = [
        {"name": e["name"], "seconds": e["seconds"]} for e in events if e["event"] == "stage"
    ]
    test = [o for check, os in outcomes.items() if campaigns[check]["split"] == "test" for o in os]
    results["examples"] = summaries.worst_examples(test)
    explanations = explained(events)
    if explanations:
        results["explanations"] = cast("Any", explanations)
    fewest = smallest(events)
    if fewest:
        results["shrunk"] = cast("Any", fewest)
    earlier = _last(events, EVENT).get("models", [])
    if _last(events, "limit").get("limit") is not None:
        results["limited"] = True
    looked = looks.recorded(events)
    if looked is not None:
        results["looks"] = cast("Any", looked)
    results["limits"] = [
        *in_words(earlier),
        *_averaged(subject),
        *looks.in_words(looked),
        *LIMITS,
    ]
    frozen = freezing.recorded(events)
    if frozen is not None:
        results["frozen"] = frozen
    said = stated.recorded(events)
    if said is not None:
        results["report"] = said
    return results


def _by_check(
    records: Iterable[Record],
) -> tuple[dict[str, list[PredictionRecord]], dict[str, list[OutcomeRecord]]]:
    """The predictions and the outcomes of a run, by their check."""
    answers: dict[str, list[PredictionRecord]] = {}
    attempts: dict[str, list[OutcomeRecord]] = {}
    for record in records:
        if isinstance(record, PredictionRecord):
            answers.setdefault(record.check, []).append(record)
        else:
            attempts.setdefault(record.check, []).append(record)
    return answers, attempts


def _averaged(subject: Mapping[str, Any]) -> tuple[str, ...]:
    repeats = (subject.get("model") or {}).get("repeats")
    if repeats is None:
        return ()
    return (
        f"Each answer is the mean of {repeats} answers of the model. Who asks once is answered by "
        "chance, and who may ask again has more chances than are counted here.",
    )


def _seen(model: Mapping[str, Any], campaigns: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of the attacks that the model was trained on, or that share a kind of edit with one.

    A model that was trained on WordNet's synonyms has seen what PWWS proposes, by whatever search.
    """
    names = set(model.get("seen_attacks", ()))
    known = set(model.get("seen_edits", ()))
    return {
        campaign["attack"]
        for campaign in campaigns
        if campaign["attack"] in names or known & edits(campaign["recipe"]["parameters"])
    }


def run_info(events: Sequence[Mapping[str, Any]]) -> RunInfo:
    """Which run this is, from its first and last events."""
    started = events[0]
    return {
        "id": started["id"],
        "name": started["name"],
        "created": started["time"],
        "finished": events[-1]["time"],
        "command": list(started.get("command", [])),
        "plan_digest": started.get("plan_digest"),
    }


def _last(events: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {}
    for event in events:
        if event["event"] == name:
            found = event
    return found


def _attack(
    campaign: Mapping[str, Any],
    outcomes: Sequence[OutcomeRecord],
    cost: Mapping[str, float],
    seen: set[str],
) -> AttackResult:
    summary = summaries.summarize_attack(outcomes)
    queries = {
        "raw": summary.queries["raw"],
        "unique": summary.queries["unique"],
        "cached": int(cost.get("cached", 0)),
        "scored": int(cost.get("scored", 0)),
    }
    return cast(
        "AttackResult",
        {
            "name": campaign["attack"],
            "family": campaign["family"],
            "seen": campaign["attack"] in seen,
            "calibrated": campaign["calibrated"],
            "split": campaign["split"],
            "recipe": campaign["recipe"],
            "query_budget": campaign.get("query_budget"),
            **summary.to_dict(),
            "queries": queries,
            "seconds": {
                "total": round(cost.get("seconds", 0.0), 3),
                "victim": round(cost.get("victim_seconds", 0.0), 3),
                "constraints": round(cost.get("constraint_seconds", 0.0), 3),
            },
            **_curve(campaign, outcomes, summary),
            **_written(outcomes, campaign["recipe"]["parameters"]["goal"]["kind"]),
            **({} if (found := doubtful(outcomes)) is None else {"doubtful": found}),
        },
    )


def _curve(
    campaign: Mapping[str, Any],
    outcomes: Sequence[OutcomeRecord],
    summary: summaries.AttackSummary,
) -> dict[str, Any]:
    if summary.robust_accuracy.value is None:
        return {}
    return {"curve": curve(outcomes, campaign.get("query_budget"))}


def _written(outcomes: Sequence[OutcomeRecord], goal: str) -> dict[str, Any]:
    """What is said of a model that writes: mean sentence BLEU before and after, under "written".

    It is smoothed, and against the reference; where an example has none, against what was written for
    the untouched text, which has no BLEU of its own then. An example on which nothing came nearer to the
    goal keeps its text. Errored ones are left out. There is none where the goal is that the model begins
    with a given text: what it writes is known only as far as it does.
    """
    from attacks.goals_written import Elicits, bleu

    found = [o for o in outcomes if o.written_before is not None and o.status != "errored"]
    if not found:
        return {}
    if goal == Elicits.__name__:
        none = Estimate.missing("only the beginning of what it writes is known").to_dict()
        return {"written": {"bleu_before": none, "bleu_after": none}}
    groups = summaries.families(found)
    before = Estimate.missing("without references it is what is compared with")
    if all(o.reference is not None for o in found):
        values = [bleu(o.written_before or "", o.reference or "") for o in found]
        before = statistics.mean(values, groups, method="bca")
    after = [
        bleu(
            (o.written_before if o.written_after is None else o.written_after) or "",
            (o.written_before if o.reference is None else o.reference) or "",
        )
        for o in found
    ]
    return {
        "written": {
            "bleu_before": before.to_dict(),
            "bleu_after": statistics.mean(after, groups, method="bca").to_dict(),
        }
    }


def _by_attack(
    campaigns: Mapping[str, Mapping[str, Any]],
    outcomes: Mapping[str, Sequence[OutcomeRecord]],
    split: str,
    calibrated: bool,
) -> dict[str, Sequence[OutcomeRecord]]:
    return {
        campaign["attack"]: outcomes[check]
        for check, campaign in campaigns.items()
        if campaign["split"] == split and campaign["calibrated"] == calibrated
    }


def _unions(
    campaigns: Mapping[str, Mapping[str, Any]], outcomes: Mapping[str, Sequence[OutcomeRecord]]
) -> list[UnionResult]:
    found: list[UnionResult] = []
    for split in ("test", "train"):
        for calibrated in (False, True):
            table = _by_attack(campaigns, outcomes, split, calibrated)
            if len(table) > 1:
                found.append(
                    {
                        "label": f"any of {len(table)} attacks",
                        "attacks": list(table),
                        "calibrated": calibrated,
                        "split": split,
                        "robust_accuracy": cast("Any", summaries.union(table).to_dict()),
                    }
                )
    return found


def _gaps(
    predictions: Mapping[str, Sequence[Any]],
    campaigns: Mapping[str, Mapping[str, Any]],
    outcomes: Mapping[str, Sequence[OutcomeRecord]],
    seen: set[str],
    temperature: float | None,
) -> list[Any]:
    found = []
    if predictions["train"] and predictions["test"]:
        found.append(gaps.accuracy_gap(predictions["train"], predictions["test"]))
        found.append(gaps.loss_gap(predictions["train"], predictions["test"]))
        found.append(gaps.membership_gap(predictions["train"], predictions["test"]))
    test = _by_attack(campaigns, outcomes, "test", calibrated=False)
    train = _by_attack(campaigns, outcomes, "train", calibrated=False)
    found += [gaps.robust_gap(train[name], test[name], name) for name in train if name in test]
    known = {name: rows for name, rows in test.items() if name in seen}
    unknown = {name: rows for name, rows in test.items() if name not in seen}
    if known and unknown:
        found.append(gaps.seen_unseen_gap(known, unknown))
    if predictions["test"] and temperature is not None:
        found.append(gaps.calibration_gap(predictions["test"], temperature))
    return found

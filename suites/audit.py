"""`withstand audit`: one model, its test data, every check of the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model
from attacks.outcomes import Example
from attacks.resources.own import file_hashes
from attacks.victims.averaged import expected
from harness.data_report import DataReport
from harness.models import load_classifier
from harness.plan import Gate, Plan, PlanError
from harness.session import Stage, data_of, model_record, section_of, trains_nothing
from harness.splits import Prepared
from reports import likeness, manifest
from reports.baseline import side_at
from reports.card import write_card
from reports.compare import compare_sides
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.progress import Progress
from reports.results import Results
from reports.sessions import start_or_resume
from reports.sides import Side
from suites import explaining, freezing, sets, slices, smallest, stated
from suites.collect import collect_evidence
from suites.earlier import EVENT, evaluated_before
from suites.evidence import Collector, Target, sample
from suites.findings import audit_results
from suites.freezing import Freeze
from suites.judgement import with_verdict
from suites.options import EXPLAINED
from suites.preflight import recipes_of
from suites.sets import Loaded
from suites.shadows import train_shadows
from suites.subject import victim_of, victim_on_record
from suites.verdict import Verdict


@dataclass(frozen=True)
class AuditOptions:
    """What the caller adds to the plan; none of it changes an outcome.

    Attributes:
        allow_mismatch: compare with an unlike baseline as far as it goes; no gate passes by that.
        limit: attack at most so many examples (a partial run: its verdict is never a pass).
        batch_size: most texts in a batch (see `attacks.engine.scheduler.EngineConfig`).
        cache: a file of answers that later runs may use again.
        frozen: the plan as it was frozen, if it was: the records say whether it is the one that ran.
        explain: worst examples whose words are weighed (`suites.explaining`).
    """

    limit: int | None = None
    batch_size: int = 64
    device: str | None = None
    cache: Path | None = None
    frozen: Freeze | None = None
    explain: int = EXPLAINED
    allow_mismatch: bool = False

    @property
    def engine(self) -> EngineConfig:
        """The engine's part."""
        return EngineConfig(batch_size=self.batch_size)


@dataclass(frozen=True)
class Audited:
    """What a finished audit came to."""

    folder: Path
    verdict: Verdict
    results: Results


def model_of(plan: Plan, stage: Stage) -> str:
    """The folder that the plan saves the model of a stage to; of a plan that trains none, its base."""
    if trains_nothing(plan):
        return plan.model.base
    return section_of(plan, stage).output


def audit_run(
    plan: Plan,
    *,
    stage: Stage,
    runs: Path,
    progress: Progress,
    options: AuditOptions,
    gates: Sequence[Gate],
    model: str | None = None,
    baseline: Path | None = None,
    resume: str | None = None,
    began: Callable[[Path], None] = lambda _: None,
) -> Audited:
    """Audit one model in a run folder of its own.

    Args:
        stage: which of the plan's models; `model` overrides it by folder, bundle or hub id.
        gates: what is required of it (the plan's, or none for the baseline of a comparison).
        baseline: a finished audit to compare with, as a run folder or a baseline file: the results then
            hold the comparison.
        began: is told the folder as soon as it exists.
    """
    if baseline is not None and plan.audit.looks > 1:
        raise PlanError(
            f"audit.looks is {plan.audit.looks}: attacks that may end early meet other examples than "
            "the baseline's did. Set it to 1 to compare."
        )
    spec = model or model_of(plan, stage)
    prepared = data_of(plan)
    further = sets.load_sets(plan, prepared.labels)
    before = None if baseline is None else side_at(baseline)
    if before is not None and not options.allow_mismatch:
        likeness.refuse_early(
            before,
            splits=texts_of(prepared, further),
            manifest={"seeds": {"run": plan.seed}, "versions": manifest.versions(("withstand",))},
            attacks=[recipe.name for recipe in recipes_of(plan)],
        )
    with start_or_resume(
        runs,
        f"{plan.name}-audit-{stage}",
        "audit",
        plan_text=plan.to_toml(),
        plan_digest=plan.digest,
        resume=resume,
        details={
            "stage": stage,
            "model": spec,
            "judged": bool(gates),
            **stated.details(plan),
        },
    ) as folder:
        began(folder.path)
        limits = [event["limit"] for event in folder.events() if event["event"] == "limit"]
        if (limits[-1] if limits else None) != options.limit:
            folder.append("limit", limit=options.limit)
        if options.frozen is not None:
            others = freezing.beside_the_plan(options.frozen, texts_of(prepared, further), model)
            freezing.put_on_record(folder, options.frozen, plan, others)
        collector = _collector(plan, spec, prepared, further, folder, progress, options)
        if all(event["event"] != EVENT for event in folder.events()):
            folder.append(EVENT, models=evaluated_before(runs, folder))
        surrogates = _surrogates(plan, spec, prepared, options.device)
        collect_evidence(plan, collector, surrogates, gates)
        outcomes = [outcome for outcome in folder.outcomes() if outcome.split == "test"]
        smallest.shrink_worst(folder, collector.target.victim, outcomes)
        explaining.explain(folder, collector.target.victim, outcomes, options.explain, progress)
        if plan.audit.shadows and model is None:
            train_shadows(plan, stage, prepared, collector)
        results = audit_results(folder)
        files = file_hashes(plan.resources.resolve())
        folder.write_manifest(manifest.collect(seeds={"run": plan.seed}, files=files))
        if before is not None:
            now = Side.under_way(folder, results)
            found = compare_sides(before, now, allow=options.allow_mismatch)
            results["comparison"] = cast("Any", found)
        verdict = with_verdict(results, gates, plan.waivers)
        folder.finish(results)
        if options.limit is None:
            _draw_card(spec, folder, progress)
        return Audited(folder.path, verdict, results)


def _collector(
    plan: Plan,
    spec: str,
    prepared: Prepared,
    further: Sequence[Loaded],
    folder: RunFolder,
    progress: Progress,
    options: AuditOptions,
) -> Collector:
    audit = plan.audit
    cache = Cache.at(options.cache)
    victim = victim_on_record(
        folder,
        spec,
        labels=prepared.labels,
        max_length=plan.model.max_length,
        device=options.device,
        data=data_info(prepared.report, further, prepared.train.rows),
        repeats=audit.repeats,
    )
    slices.put_on_record(folder, audit, prepared.labels, prepared.test.rows)
    count = min(audit.examples, options.limit or audit.examples)
    train_count = min(audit.train_examples, options.limit or audit.train_examples)
    test, train = prepared.test.rows, prepared.train.rows
    target = Target(
        victim=expected(victim, audit.repeats),
        validation=prepared.validation.rows,
        test=test,
        train=sample(train, len(test), plan.seed),
        attacked=sample(test, count, plan.seed),
        attacked_train=sample(train, train_count, plan.seed),
        sets={one.section.name: one.split.rows for one in further},
    )
    return Collector(
        folder,
        target,
        plan.audit.auxiliaries.load(
            [need for recipe in recipes_of(plan) for need in recipe.needs], options.device
        ),
        progress,
        seed=plan.seed,
        query_budget=audit.query_budget,
        config=options.engine,
        cache=cache,
    )


def _surrogates(plan: Plan, spec: str, prepared: Prepared, device: str | None) -> dict[str, Model]:
    """The surrogates but the model `spec` itself: of a plan's two models one may be the other's."""
    found: dict[str, Model] = {}
    for name in plan.audit.surrogates:
        if name == spec:
            continue
        loaded = load_classifier(name, labels=prepared.labels)
        found[name] = victim_of(loaded, plan.model.max_length, device)
    return found


def _draw_card(spec: str, folder: RunFolder, progress: Progress) -> None:
    """The audit's figures into the card of a model that was trained here; no audit fails for that."""
    record = model_record(spec)
    if record:
        try:
            write_card(Path(spec), record, folder)
        except ReportError as error:
            progress.say(f"The model's card was not drawn: {error}")


def texts_of(prepared: Prepared, further: Sequence[Loaded]) -> dict[str, str]:
    """Fingerprints of the splits and the further sets, by name."""
    splits = data_info(prepared.report, further)["splits"]
    return {name: split["fingerprint"] for name, split in splits.items()}


def data_info(
    report: DataReport, further: Sequence[Loaded] = (), train: Sequence[Example] = ()
) -> dict[str, Any]:
    """The part of results.json that says what data were used, from the preparation's own report."""
    facts = report.as_dict()
    return {
        "source": report.splits[0].source,
        "splits": {
            split["name"]: {
                "rows": split["rows"],
                "labels": dict(split["labels"]),
                "groups": split["groups"] or None,
                "fingerprint": split["fingerprint"],
                "ids": split["ids"],
                "available": split["available"],
                "lengths": split["lengths"],
            }
            for split in facts["splits"]
        }
        | {one.section.name: one.info(train) for one in further},
        "duplicates": {
            "exact": sum(overlap["exact"] for overlap in facts["overlaps"]),
            "near": sum(overlap["near"] for overlap in facts["overlaps"]),
            "removed": sum(facts["removed"].values()),
            "threshold": report.threshold,
            "overlaps": facts["overlaps"],
        },
        "group": report.group,
        "read": report.read,
        "oddities": facts["oddities"],
    }

"""A training as a run: from a plan's section to a saved model and a sealed folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attacks.resources.own import file_hashes
from harness.plan import Plan, PlanError
from harness.training_plan import Train
from reports.card import write_card
from reports.folder import RunFolder
from reports.manifest import collect
from reports.progress import Progress
from reports.results import empty
from reports.sessions import start_or_resume
from reports.storage import to_json, write_atomic

if TYPE_CHECKING:
    from harness.splits import Prepared

Stage = Literal["train", "harden"]

RECORD = "withstand.json"
"""What a saved model says about its own training."""

WORK = ".work"
"""Checkpoints while a training runs; hidden from the sums and removed when the model is saved."""


def train_run(
    plan: Plan,
    stage: Stage,
    *,
    runs: Path,
    progress: Progress,
    resume: str | None = None,
    began: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Train one stage of a plan in a run folder of its own; the model goes to the section's output.

    Args:
        stage: "train" for `[train]`, "harden" for `[harden]`.
        began: is told the folder as soon as it exists.

    Of several processes (`harness.processes`) the first alone has the folder; all must see its path.

    Raises:
        PlanError: the plan has no such section, or `[harden]` starts from a model that is not there.
    """
    from harness import dividing, processes
    from harness.kept_adapters import kept_method
    from harness.models import load_classifier
    from harness.training import train
    from harness.training_checks import check_divided

    section = section_of(plan, stage)
    start = start_of(plan, section)
    prepared, own = data_of(plan), plan.resources.resolve()
    processes.join()
    check_divided(section)
    with ExitStack() as open_:
        folder: RunFolder | None = None
        if processes.is_first():
            folder = open_.enter_context(
                start_or_resume(
                    runs,
                    f"{plan.name}-train-{stage}",
                    "train",
                    plan_text=plan.to_toml(),
                    plan_digest=plan.digest,
                    resume=resume,
                    details={"stage": stage, "output": section.output},
                )
            )
            began(folder.path)
        path = processes.from_first(lambda: folder.path if folder else Path())
        loaded = load_classifier(start, labels=prepared.labels, seed=plan.seed)
        if folder:
            _same_start(folder, loaded.fingerprint)
        teacher = teacher_of(plan, section)
        guide = load_classifier(teacher, labels=prepared.labels) if teacher else None
        result = train(
            section,
            loaded,
            prepared.train.rows,
            prepared.validation.rows,
            seed=plan.seed,
            max_length=plan.model.max_length,
            work=path / WORK,
            record=lambda event: folder.append(**event) if folder else None,
            progress=progress,
            resume=resume is not None,
            models_for_attacks=constraint_models(plan, section),
            own=own,
            teacher=guide,
        )
        if folder is None:
            return path
        record = {
            "format": "withstand/model",
            "version": 1,
            "run": folder.id,
            "plan": plan.name,
            "plan_digest": plan.digest,
            "stage": stage,
            "processes": processes.count(),
            "divided": dividing.asked() or None,
            "labels": list(prepared.labels),
            "source": plan.data.source,
            "rows": {facts.name: facts.rows for facts in prepared.report.splits},
            "start": start,
            "start_fingerprint": loaded.fingerprint,
            "teacher": teacher,
            "teacher_fingerprint": guide.fingerprint if guide else None,
            "objective": [chosen.model_dump() for chosen in section.objective],
            "adapter": section.adapter.model_dump(mode="json") if section.adapter else None,
            "kept_adapter": kept_method(loaded.model),
            "augment": section.augment.model_dump() if section.augment else None,
            "selected_on": "validation",
            "selected_by": section.selection.metric,
            "seen_attacks": seen_attacks(section),
            "seen_edits": seen_edits(section),
            "data": {facts.name: facts.fingerprint for facts in prepared.report.splits},
            "learning_rate": result.learning_rate,
            "best_epoch": result.best_epoch,
            "blending": result.blending.to_dict() if result.blending else None,
            "history": [epoch.to_dict() for epoch in result.history],
        }
        output = Path(section.output)
        write_atomic(output / RECORD, to_json(record, indent=1) + "\n")
        write_atomic(output / "plan.toml", plan.to_toml())
        write_card(output, record)
        folder.append("model", path=section.output, **record)
        folder.write_manifest(collect(seeds={"run": plan.seed}, files=file_hashes(own)))
        results = empty("train", run_info(folder))
        folder.finish(results)
        shutil.rmtree(path / WORK, ignore_errors=True)
        return path


def data_of(plan: Plan) -> Prepared:
    """The plan's three splits, labels numbered as its base model numbers them where that has any.

    Raises HarnessError as `harness.splits.prepare` and `harness.model_checks.planned_labels` do.
    """
    from harness.model_checks import planned_labels
    from harness.splits import prepare

    labels = planned_labels(plan.model.base, plan.model.labels)
    columns = dict.fromkeys(s.column for s in plan.audit.slices if s.column is not None)
    return prepare(plan.data, seed=plan.seed, labels=labels, columns=tuple(columns))


def stage_named(name: str) -> Stage:
    """The stage called `name`. Raises PlanError for anything else than train and harden."""
    if name == "train":
        return "train"
    if name == "harden":
        return "harden"
    raise PlanError(f"--stage is '{name}'; it must be train or harden.")


def section_of(plan: Plan, stage: Stage) -> Train:
    """The plan's section for a stage. Raises PlanError where it has none."""
    section = plan.train if stage == "train" else plan.harden
    if section is None:
        raise PlanError(f"The plan '{plan.name}' has no [{stage}] section.")
    return section


def trains_nothing(plan: Plan) -> bool:
    """Whether a plan is about a model that is there already: its `model.base`."""
    return plan.train is None and plan.harden is None


def seen_attacks(section: Train) -> list[str]:
    """Attacks that training or the choice of its checkpoint used: these are no longer unseen."""
    names = [*(section.augment.attacks if section.augment else ())]
    if section.selection.metric == "robust_accuracy":
        names += section.selection.attacks
    return list(dict.fromkeys(names))


def seen_edits(section: Train) -> list[str]:
    """The kinds of edit that those attacks make: another attack that makes one is no longer unseen.

    An objective that trains on mixtures of words makes the edits that lead to those words.
    """
    from attacks import recipes
    from attacks.recipe import edits
    from harness import objectives

    found = [edits(recipes.load(name).parameters()) for name in seen_attacks(section)]
    mixed = [getattr(objectives.find(one.name), "edits", ()) for one in section.objective]
    return sorted(frozenset().union(*found, *mixed))


def model_record(spec: str) -> Mapping[str, Any]:
    """What a saved model says about its training; empty for models that Withstand did not train."""
    path = Path(spec) / RECORD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def teacher_of(plan: Plan, section: Train) -> str | None:
    """The model that a section names as its teacher, where it names one."""
    return _plain(plan, "teacher") if section.teacher == "plain" else section.teacher


def start_of(plan: Plan, section: Train) -> str:
    """The weights that a section starts from."""
    return plan.model.base if section.start == "base" else _plain(plan, "start")


def _plain(plan: Plan, key: str) -> str:
    """The model that `[train]` left."""
    if plan.train is None:
        raise PlanError(
            f'{key} = "plain" needs a [train] section that says where the plain model is.'
        )
    if not Path(plan.train.output).is_dir():
        raise PlanError(
            f'{key} = "plain" needs the model that [train] leaves at {plan.train.output}, and there is '
            "none. Run `withstand train PLAN` or `withstand harden PLAN` first."
        )
    return plan.train.output


def _same_start(folder: RunFolder, fingerprint: str) -> None:
    """Record the starting weights; on resume, refuse others."""
    for event in folder.events():
        if event["event"] == "start":
            if event["fingerprint"] != fingerprint:
                raise PlanError(
                    f"The weights that the run {folder.id} started from have changed. Start a new run "
                    "without --resume."
                )
            return
    folder.append("start", fingerprint=fingerprint)


def constraint_models(plan: Plan, section: Train) -> Mapping[str, Any]:
    """Models that the recipes used in training need, by name."""
    import torch

    from attacks import recipes

    names = [*(section.augment.attacks if section.augment else ()), *section.selection.attacks]
    needs = [need for name in names for need in recipes.load(name).needs]
    # Where the Trainer puts the model that is trained.
    return plan.audit.auxiliaries.load(needs, "cuda" if torch.cuda.is_available() else None)


def run_info(folder: RunFolder) -> Any:
    """What results.json says of the run itself."""
    began = folder.started()
    return {
        "id": folder.id,
        "name": began["name"],
        "created": began["time"],
        "finished": None,
        "command": began.get("command", []),
        "plan_digest": began.get("plan_digest"),
    }

"""Everything about a training plan that can be wrong is found here, before the first model loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks import recipes
from attacks.errors import AttackError
from attacks.goals import Reduced
from attacks.protocols import WrittenGoal
from attacks.resources.own import Own
from attacks.resources.registry import require
from harness.adapter_support import why_not
from harness.board import available
from harness.errors import HarnessError
from harness.model_files import ModelFacts
from harness.objectives import find
from harness.objectives.combining import combine
from harness.plan import Plan, PlanError
from harness.session import Stage, data_of, section_of
from harness.teacher import needed
from harness.training_plan import KEPT, Train
from reports.storage import probe_writable


def check_training(plan: Plan, stages: Sequence[Stage], runs: Path) -> None:
    """Check the names, data, base model and folders that training the stages needs.

    Raises PlanError, HarnessError or ReportError, each with exit code 2.
    """
    from harness.model_checks import check_model

    wanted: list[str] = []
    for stage in stages:
        section = section_of(plan, stage)
        try:
            combine(section.objective)
            for chosen in section.objective:
                resources = getattr(find(chosen.name), "resources", ())
                require(f"The objective '{chosen.name}'", resources)
        except (HarnessError, AttackError) as error:
            raise PlanError(f"{stage}.objective: {error}") from None
        _check_together(section, stage)
        named = [(f"{stage}.selection.attacks", name) for name in section.selection.attacks]
        if section.augment is not None:
            named += [(f"{stage}.augment.attacks", name) for name in section.augment.attacks]
        check_attacks(named)
        wanted += [name for _, name in named]
        probe_writable(Path(section.output))
    probe_writable(runs)
    base = check_model(plan.model.base, max_length=plan.model.max_length)
    for stage in stages:
        section = section_of(plan, stage)
        if section.needs_trained_start and section.start == "base" and not base.classifier:
            raise PlanError(
                f"{stage}.{section.needs_trained_start}: it needs a start that is a classifier already, "
                f'and {plan.model.base} is an encoder without a head. Set {stage}.start = "plain", or '
                "model.base to a fine-tuned classifier."
            )
        _check_adapter(plan, section, stage, base)
        _check_teacher(plan, section, stage, classifier=base.classifier or section.start == "plain")
    if not data_of(plan).train.rows:
        raise PlanError(
            "data.shares: nothing is left to train on. Give the first share more than 0."
        )
    own = own_resources(plan)
    plan.audit.auxiliaries.check(recipes.load(name).using(own) for name in wanted)


def _check_adapter(plan: Plan, section: Train, stage: Stage, base: ModelFacts) -> None:
    """Refuse an adapter that the architecture, or the model that training starts from, rules out."""
    wanted = section.adapter
    if section.start == "plain":
        has = plan.train.adapter if plan.train else None
        method = has.method if has and has.method in KEPT else None
    else:
        method = base.adapter.kept if base.adapter else None
    if wanted is not None and method is not None and wanted.method != method:
        raise PlanError(
            f"{stage}.adapter: the model that training starts from has an adapter that stays in it "
            f"('{method}'), beside which there is no other. Set adapter.method to that, to train it on, "
            "or leave adapter out, to train all weights."
        )
    if method == "prefix" and section.gradient_checkpointing:
        raise PlanError(
            f"{stage}.gradient_checkpointing: it leaves out the keys and values that a prefix consists "
            "of, and the model that training starts from has one. Set it to false."
        )
    if method == "prefix" and section.adaptation.keep_layers:
        raise PlanError(
            f"{stage}.adaptation.keep_layers: the model that training starts from has a prefix, with "
            "keys and values for all of its layers. Leave it out."
        )
    if wanted is None or method is not None:
        return
    if reason := why_not(wanted.method, base.model_type):
        raise PlanError(f"{stage}.adapter.method: {reason}")
    taken = plan.model.max_length + wanted.positions
    if base.longest is not None and taken > base.longest:
        raise PlanError(
            f"{stage}.adapter.tokens: {wanted.positions:,} virtual tokens and model.max_length = "
            f"{plan.model.max_length:,} are more than the {base.longest:,} positions of "
            f"{plan.model.base}. Set model.max_length to {base.longest - wanted.positions:,} or less."
        )


def _check_teacher(plan: Plan, section: Train, stage: Stage, *, classifier: bool) -> None:
    """Refuse a teacher that cannot teach; `classifier`: whether training starts from one."""
    asking = needed(chosen.name for chosen in section.objective)
    if section.teacher is None:
        if asking and not classifier:
            raise PlanError(
                f"{stage}.teacher: the objective '{asking[0]}' needs a teacher, and the model that "
                "training starts from has no trained head. Name a fine-tuned classifier."
            )
        return
    if not asking and not section.soft_labels:
        raise PlanError(
            f"{stage}.teacher: nothing asks it. Set soft_labels, or the objective 'distillation'."
        )
    from harness.model_checks import check_model

    if section.teacher == "plain":
        if stage == "train":
            raise PlanError(f'{stage}.teacher: "plain" is what [train] leaves; name another model.')
        return
    if not check_model(section.teacher, max_length=plan.model.max_length).classifier:
        raise PlanError(
            f"{stage}.teacher: {section.teacher} is an encoder without a head, and has no answers to "
            "teach. Name a fine-tuned classifier."
        )


def _check_together(section: Train, stage: Stage) -> None:
    """Refuse settings that rule each other out, or that this machine cannot do."""
    if section.precision == "float16":
        import torch

        if not torch.cuda.is_available():
            raise PlanError(
                f"{stage}.precision: float16 needs a CUDA device, and there is none here. Allowed: "
                "float32, bfloat16."
            )
    if section.monitor.tensorboard and not available():
        raise PlanError(
            f"{stage}.monitor.tensorboard: the package tensorboard is not installed. Install it with "
            "`pip install withstand[tensorboard]`, or set the key to false."
        )
    if section.adaptation.keep_layers and section.selection.blend:
        raise PlanError(
            f"{stage}.selection.blend: weights are mixed with those of the model that training started "
            "from, and adaptation.keep_layers leaves fewer. Leave one of them out."
        )
    for chosen in section.objective:
        if section.gradient_checkpointing and getattr(find(chosen.name), "inside_layers", False):
            raise PlanError(
                f"{stage}.gradient_checkpointing: the objective '{chosen.name}' changes what layers put "
                "out, and layers that are computed again would not be changed. Leave one of them out."
            )


def own_resources(plan: Plan) -> Own:
    """The plan's own resources, read.

    Raises PlanError for one that cannot be used, or that no attack of the plan has a use for.
    """
    names = [*plan.audit.attacks]
    for section in filter(None, (plan.train, plan.harden)):
        names += [*(section.augment.attacks if section.augment else ()), *section.selection.attacks]
    for name in plan.resources.model_dump(exclude_none=True):
        if not any(recipes.load(attack).reads(name) for attack in names):
            raise PlanError(
                f"resources.{name}: no attack of the plan has a use for it. Leave it out."
            )
    return plan.resources.resolve()


def check_attacks(named: Sequence[tuple[str, str]]) -> None:
    """Check attack names, each given with the key of the plan that it stands at.

    Raises PlanError for one that cannot be loaded, or that is not after wrong answers.
    """
    for where, name in named:
        try:
            recipe = recipes.load(name)
        except AttackError as error:
            raise PlanError(f"{where}: {error}") from None
        if isinstance(recipe.goal, WrittenGoal):
            raise PlanError(
                f"{where}: '{name}' is for models that write, and a plan is about classifiers. Run it "
                "by itself: withstand attack."
            )
        if isinstance(recipe.goal, Reduced):
            raise PlanError(
                f"{where}: '{name}' looks for texts that keep their label, so it says nothing of robust "
                "accuracy. Run it by itself: withstand attack."
            )

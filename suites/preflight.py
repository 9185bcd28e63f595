"""Everything about a plan that can be wrong is found here, before the first model loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks import recipes
from attacks.corruptions import chosen
from attacks.errors import AttackError
from attacks.protocols import ABILITIES
from attacks.recipe import Recipe
from harness.errors import HarnessError
from harness.plan import Plan, PlanError
from harness.preflight import check_attacks, check_training, own_resources
from harness.session import Stage, data_of, section_of, stage_named, trains_nothing
from reports.storage import probe_writable
from suites import probing, sets, slices, validity
from suites.gate_checks import check_behaved, check_gates, check_looks, check_waivers


def check_hardening(plan: Plan, runs: Path) -> None:
    """Check what `withstand harden` needs: both trainings and the audit.

    Raises PlanError, HarnessError or ReportError, each with exit code 2.
    """
    _check_audit_section(plan)
    if plan.audit.looks > 1:
        raise PlanError(
            f"audit.looks is {plan.audit.looks}: attacks that may end early meet other examples than "
            "those on the plain model did. Set it to 1 to compare the two."
        )
    check_training(plan, ("train", "harden"), runs)
    _check_texts(plan)
    made = [section_of(plan, stage).output for stage in ("train", "harden")]
    for number, surrogate in enumerate(plan.audit.surrogates):
        if surrogate not in made:
            _check_surrogate(number, surrogate, data_of(plan).labels, plan)


def check_audit(plan: Plan, model: str, runs: Path) -> None:
    """Check what an audit of `model` (a folder, bundle or hub id) needs, without loading its weights.

    Raises PlanError, HarnessError or ReportError, each with exit code 2.
    """
    from harness.model_checks import check_model, classifier_labels

    _check_audit_section(plan)
    probe_writable(runs)
    check_model(model, max_length=plan.model.max_length)
    prepared = data_of(plan)
    if not prepared.test.rows:
        raise PlanError(
            "data.shares: nothing is left to test on. Give the third share more than 0, or name a "
            "data.test."
        )
    if plan.audit.calibrated and not prepared.validation.rows:
        raise PlanError(
            "audit.calibrated: the temperature is fitted on validation texts, and there are none. Give "
            "the second of data.shares more than 0, name a data.validation, or set it to false."
        )
    if plan.audit.behaviour is not None:
        tests = probing.behavioural_tests(plan.audit.behaviour, prepared.labels, plan.seed)
        check_behaved(plan, tests)
    _check_texts(plan)
    for number, surrogate in enumerate(plan.audit.surrogates):
        if surrogate == model and trains_nothing(plan):
            raise PlanError(
                f"audit.surrogates.{number}: {surrogate} is the model under audit, and what breaks it "
                "is found already. Name another model with the same labels."
            )
        _check_surrogate(number, surrogate, prepared.labels, plan)
    known = classifier_labels(model)
    unknown = [label for label in prepared.labels if label not in known]
    if unknown:
        raise PlanError(
            f"data.label: the data have the label '{unknown[0]}', which the model {model} does not "
            f"know. Its labels are: {', '.join(known)}."
        )


def _check_surrogate(number: int, surrogate: str, labels: Sequence[str], plan: Plan) -> None:
    """Raise PlanError for a surrogate that is no model, or that knows other labels."""
    from harness.model_checks import check_model, classifier_labels

    where = f"audit.surrogates.{number}"
    try:
        check_model(surrogate, max_length=plan.model.max_length)
        known = classifier_labels(surrogate)
    except HarnessError as error:
        raise PlanError(f"{where}: {error}") from None
    for label in labels:
        if label not in known:
            raise PlanError(
                f"{where}: {surrogate} does not know the label '{label}' of the data. Its labels are: "
                f"{', '.join(known)}."
            )


def check_plan(plan: Plan, runs: Path = Path("runs")) -> None:
    """Check what every use of a plan needs: its trainings and its audit, or that of `model.base`.

    Raises PlanError, HarnessError, AttackError or ReportError, each with exit code 2.
    """
    if trains_nothing(plan):
        check_audit(plan, plan.model.base, runs)
        return
    _check_audit_section(plan)
    stages: tuple[Stage, ...] = ("train", "harden")
    check_training(plan, [stage for stage in stages if getattr(plan, stage) is not None], runs)
    _check_texts(plan)
    if plan.tune is not None:
        from harness.tuning import tune_of

        tune_of(plan)


def _check_shadows(plan: Plan) -> None:
    """Raise PlanError where no shadow could be like the model: nothing says how that was trained."""
    if plan.train is None and plan.harden is None:
        raise PlanError(
            f"audit.shadows is {plan.audit.shadows}, and the plan trains no model: it does not say how "
            "to train its shadows. Give it the [train] section by which the model was made, or set "
            "it to 0."
        )


def _check_asked_only(plan: Plan) -> None:
    """Raise PlanError for an attack by gradients, which the mean of several answers has not."""
    inside = [recipe.name for recipe in recipes_of(plan) if set(recipe.needs) & set(ABILITIES)]
    if inside:
        raise PlanError(
            f"audit.repeats: the mean of {plan.audit.repeats} answers can only be asked, and "
            f"'{inside[0]}' looks inside the model. Take it out of audit.attacks, or set repeats to 1."
        )


def _check_texts(plan: Plan) -> None:
    prepared = data_of(plan)
    slices.check_slices(plan.audit, prepared.labels, prepared.test.rows)
    sets.load_sets(plan, prepared.labels)


def recipes_of(plan: Plan) -> list[Recipe]:
    """The attacks of the audit, with their settings and the plan's resources.

    Raises AttackError for what is wrong with one, and PlanError for a resource that cannot be used.
    """
    audit, own = plan.audit, plan.resources.resolve()
    loaded = (recipes.load(name, **audit.settings.get(name, {})) for name in audit.attacks)
    return [recipe.using(own) for recipe in loaded]


def chosen_stage(plan: Plan, stage: str | None) -> Stage:
    """The stage that `--stage` names; without it the last stage whose model exists, else the first.

    Raises PlanError for a stage that is not one, or that the plan does not have.
    """
    if stage is not None:
        chosen = stage_named(stage)
        if trains_nothing(plan):
            raise PlanError(
                f"--stage {stage}: the plan '{plan.name}' trains no model. Leave it out: its model.base "
                "is audited."
            )
        section_of(plan, chosen)
        return chosen
    if plan.harden is not None and Path(plan.harden.output).is_dir():
        return "harden"
    return "train"


def _check_audit_section(plan: Plan) -> None:
    check_attacks([("audit.attacks", name) for name in plan.audit.attacks])
    for name in plan.audit.attacks:
        if plan.audit.attacks.count(name) > 1:
            raise PlanError(f"audit.attacks: '{name}' stands there twice. Name each attack once.")
    for name, settings in plan.audit.settings.items():
        if name not in plan.audit.attacks:
            raise PlanError(
                f"audit.settings.{name}: '{name}' is not among audit.attacks, so nothing would be set. "
                f"Allowed: {', '.join(plan.audit.attacks)}."
            )
        try:
            recipes.load(name, **settings)
        except AttackError as error:
            raise PlanError(f"audit.settings.{name}: {error}") from None
    for name in plan.audit.train_attacks:
        if name not in plan.audit.attacks:
            raise PlanError(
                f"audit.train_attacks: '{name}' is not among audit.attacks, so there is nothing on the "
                f"test split to compare it with. Allowed: {', '.join(plan.audit.attacks)}."
            )
    try:
        chosen(plan.audit.corruptions)
    except AttackError as error:
        raise PlanError(f"audit.corruptions: {error}") from None
    for name in plan.audit.checks:
        try:
            validity.load(name)
        except AttackError as error:
            raise PlanError(f"audit.checks: {error}") from None
    if plan.audit.looks > 1:
        check_looks(plan)
    if plan.audit.repeats > 1:
        _check_asked_only(plan)
    if plan.audit.shadows:
        _check_shadows(plan)
    check_gates(plan)
    check_waivers(plan)
    own_resources(plan)
    plan.audit.auxiliaries.check(recipes_of(plan))

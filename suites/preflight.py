"""Everything about a plan that can be wrong is found here, before the first model loads."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from attacks import recipes
from attacks.corruptions import chosen
from attacks.errors import AttackError
from attacks.recipe import Recipe
from harness.plan import Plan, PlanError
from harness.preflight import check_attacks, check_training, own_resources
from harness.session import Stage, data_of, section_of, stage_named, trains_nothing
from reports.storage import probe_writable
from suites import probing, validity
from suites.gate_bounds import check_bound
from suites.validity import judging


def check_hardening(plan: Plan, runs: Path) -> None:
    """Check what `withstand harden` needs: both trainings and the audit.

    Raises PlanError, HarnessError or ReportError, each with exit code 2.
    """
    _check_audit_section(plan)
    check_training(plan, ("train", "harden"), runs)


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
        probing.behavioural_tests(plan.audit.behaviour, prepared.labels, plan.seed)
    known = classifier_labels(model)
    unknown = [label for label in prepared.labels if label not in known]
    if unknown:
        raise PlanError(
            f"data.label: the data have the label '{unknown[0]}', which the model {model} does not "
            f"know. Its labels are: {', '.join(known)}."
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
    if plan.tune is not None:
        from harness.tuning import tune_of

        tune_of(plan)


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
    _check_gates(plan)
    _check_waivers(plan)
    own_resources(plan)
    plan.audit.auxiliaries.check(recipes_of(plan))


_METRIC = re.compile(
    r"(?P<side>before\.|gain\.)?"
    r"(?:clean_accuracy|calibration_error"
    r"|(?P<rate>robust_accuracy|attack_success_rate)\.(?P<attack>[a-z0-9_-]+)(?:\.calibrated)?"
    r"|check\.(?P<check>[a-z0-9_-]+)(?:\.(?P<checked>[a-z0-9_-]+))?"
    r"|noisy_accuracy\.(?:mean|[a-z-]+\.[1-5])"
    r"|behaviour_failures\.[a-z-]+"
    r"|gap\.(?:accuracy_train_test|loss_test_train|seen_unseen|calibration)"
    r"|gap\.robust_train_test\.(?P<both>[a-z0-9_-]+))"
)


_NO_GAIN = ("gain.calibration_error", "gain.attack_success_rate.", "gain.gap.", "gain.check.")


def _check_gates(plan: Plan) -> None:
    """A gate whose metric can never be measured would be inconclusive for ever: say so at once."""
    for number, gate in enumerate(plan.gates):
        where = f"gates.{number}.metric"
        match = _METRIC.fullmatch(gate.metric)
        if match is None:
            raise PlanError(
                f"{where}: there is no metric '{gate.metric}'.{_hint(gate.metric, plan.audit.attacks)} "
                "`withstand ls checks` lists them all."
            )
        if gate.metric.startswith(_NO_GAIN):
            raise PlanError(
                f"{where}: no difference is measured of '{gate.metric.removeprefix('gain.')}'. Allowed "
                "behind gain.: clean_accuracy, robust_accuracy.NAME."
            )
        known = _measured(plan, match)
        if match["attack"] == "union" and "union" not in known:
            raise PlanError(
                f"{where}: a union is the robust accuracy under several attacks at once: name two or "
                "more in audit.attacks, and write robust_accuracy.union. Allowed now: "
                f"{', '.join(known)}."
            )
        if match["attack"] is not None and match["attack"] not in known:
            raise PlanError(
                f"{where}: '{match['attack']}' is not among audit.attacks, so it is never measured. "
                f"Allowed: {', '.join(known)}."
            )
        if match["both"] is not None and match["both"] not in _attacked_twice(plan):
            raise PlanError(
                f"{where}: '{match['both']}' is not run on training examples. Set audit.train_examples "
                "to more than 0, and have it among audit.train_attacks or leave those out."
            )
        if gate.metric.removeprefix(match["side"] or "").startswith(("noisy_", "behaviour_")):
            _check_probed(plan, where, gate.metric.removeprefix(match["side"] or ""))
        if match["check"] is not None:
            _check_checked(plan, where, match["check"], match["checked"])
        if gate.metric.endswith(".calibrated") and not plan.audit.calibrated:
            raise PlanError(f"{where}: '{gate.metric}' needs audit.calibrated = true.")
        check_bound(f"gates.{number}", gate)


def _check_waivers(plan: Plan) -> None:
    metrics = [gate.metric for gate in plan.gates]
    for number, waiver in enumerate(plan.waivers):
        where = f"waivers.{number}.metric"
        if waiver.metric not in metrics:
            raise PlanError(
                f"{where}: no gate of the plan is on '{waiver.metric}', so there is nothing to waive. "
                f"Allowed: {', '.join(dict.fromkeys(metrics)) or 'none, for there are no gates'}."
            )
        if waiver.metric in [earlier.metric for earlier in plan.waivers[:number]]:
            raise PlanError(
                f"{where}: '{waiver.metric}' has a waiver already. Keep one of the two."
            )


def _measured(plan: Plan, match: re.Match[str]) -> list[str]:
    """What a rate of the audit can be measured under: its attacks, and the worst case of several."""
    worst = ["union"] if len(plan.audit.attacks) > 1 and match["rate"] == "robust_accuracy" else []
    rest = ["unseen"] if worst and match["side"] == "gain." else []
    return [*plan.audit.attacks, *worst, *rest]


def _attacked_twice(plan: Plan) -> Sequence[str]:
    """The attacks that are run on training examples too."""
    return (plan.audit.train_attacks or plan.audit.attacks) if plan.audit.train_examples else ()


def _check_probed(plan: Plan, where: str, metric: str) -> None:
    audit = plan.audit
    noises = [f"noisy_accuracy.{n}.{s}" for n in audit.corruptions for s in audit.severities]
    allowed = ["noisy_accuracy.mean", *noises] if noises else []
    if audit.behaviour is not None:
        allowed += [f"behaviour_failures.{n}" for n in probing.behaviour_names()]
    if metric not in allowed:
        raise PlanError(
            f"{where}: '{metric}' is not measured in this audit; audit.corruptions and "
            f"[audit.behaviour] say what is. Allowed: {', '.join(allowed) or 'none'}."
        )


def _check_checked(plan: Plan, where: str, name: str, attack: str | None) -> None:
    of_attacks = [judging.OVERCONFIDENCE.name] if plan.audit.calibrated else []
    of_attacks += [
        n for n in plan.audit.checks if isinstance(validity.load(n), validity.AttackCheck)
    ]
    others = [n for n in plan.audit.checks if n not in of_attacks]
    allowed = [*others, *(f"{n}.{a}" for n in of_attacks for a in plan.audit.attacks)]
    if ".".join(filter(None, (name, attack))) not in allowed:
        raise PlanError(
            f"{where}: there is no such check in this audit. Allowed: "
            f"{', '.join(f'check.{n}' for n in allowed)}."
        )


def _hint(metric: str, attacks: Sequence[str]) -> str:
    names = ["clean_accuracy", "calibration_error"]
    names += [f"robust_accuracy.{attack}" for attack in (*attacks, "union")]
    names += [f"attack_success_rate.{attack}" for attack in attacks]
    names += ["gap.accuracy_train_test", "gap.loss_test_train", "gap.calibration"]
    names += [f"gain.{name}" for name in names] + [f"before.{name}" for name in names]
    near = difflib.get_close_matches(metric, names, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""

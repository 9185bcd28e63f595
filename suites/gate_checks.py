"""The gates and waivers of a plan: each must be on something that its audit measures."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from attacks.behaviour import BehaviouralTest
from harness.plan import Gate, Plan, PlanError
from reports.curve import GRID
from suites import probing, validity
from suites.gate_bounds import PAIRED, check_bound
from suites.looks import grows
from suites.meaning import MEANING
from suites.sets import CONTRAST, SHIFTED
from suites.transfer import TRANSFER
from suites.validity import judging

_METRIC = re.compile(
    r"(?P<side>before\.|gain\.)?"
    r"(?:clean_accuracy(?:\.(?P<set>[A-Za-z0-9_-]+))?|calibration_error|brier_score"
    r"|contrast_consistency\.(?P<contrast>[A-Za-z0-9_-]+)|gap\.shift\.(?P<shifted>[A-Za-z0-9_-]+)"
    r"|(?P<rate>robust_accuracy|attack_success_rate)\.(?P<attack>[a-z0-9_-]+)(?:\.calibrated)?"
    r"(?:\.within\.(?P<within>\d+))?"
    r"|check\.(?P<check>[a-z0-9_-]+)(?:\.(?P<checked>[a-z0-9_-]+))?"
    r"|transfer_accuracy\.(?P<borrowed>[a-z0-9_-]+)"
    r"|train_duplicates|(?P<found>membership_found)"
    r"|noisy_accuracy\.(?:mean|[a-z-]+\.[1-5])"
    r"|behaviour_failures\.[a-z-]+"
    r"|gap\.(?:accuracy_train_test|loss_test_train|membership|(?P<lira>membership_lira)|seen_unseen|calibration)"
    r"|gap\.robust_train_test\.(?P<both>[a-z0-9_-]+))"
)


_GAINING = ("clean_accuracy", "robust_accuracy.")
_SLICED = (*_GAINING, "attack_success_rate.")


def check_gates(plan: Plan) -> None:
    """A gate whose metric can never be measured would be inconclusive for ever: say so at once."""
    for number, gate in enumerate(plan.gates):
        _check_gate(plan, number, gate)


def _check_gate(plan: Plan, number: int, gate: Gate) -> None:
    where = f"gates.{number}.metric"
    match = _METRIC.fullmatch(gate.metric)
    if match is None:
        raise PlanError(
            f"{where}: there is no metric '{gate.metric}'.{_hint(gate.metric, plan.audit.attacks)} "
            "`withstand ls checks` lists them all."
        )
    plain = gate.metric.removeprefix(match["side"] or "")
    gains = gate.margin is not None or match["side"] == "gain."
    if gains and not plain.startswith(_GAINING):
        raise PlanError(
            f"{where}: no difference to a baseline is measured of '{plain}'. Allowed with a margin "
            "and behind gain.: clean_accuracy, robust_accuracy.NAME."
        )
    _check_slice(plan, number, gate, plain)
    for kind, key in (("", "set"), (CONTRAST, "contrast"), (SHIFTED, "shifted")):
        if match[key] is not None:
            _check_set(plan, where, gate.metric, match[key], kind)
    _check_attacked(plan, where, match, gains)
    _check_on_request(plan, where, gate, match)
    if match["within"] is not None:
        _check_within(plan, where, gate, match)
    if plain.startswith(("noisy_", "behaviour_")):
        _check_probed(plan, where, plain)
    if match["check"] is not None:
        _check_checked(plan, where, match["check"], match["checked"])
    calibrated = ".calibrated" in gate.metric or plain == "gap.calibration"
    if calibrated and not plan.audit.calibrated:
        raise PlanError(f"{where}: '{gate.metric}' needs audit.calibrated = true.")
    check_bound(f"gates.{number}", gate)


def _check_attacked(plan: Plan, where: str, match: re.Match[str], gains: bool) -> None:
    """Raise PlanError for an attack that is not run, or not where the metric is counted."""
    known = _measured(plan, match, gains)
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


def _check_on_request(plan: Plan, where: str, gate: Gate, match: re.Match[str]) -> None:
    """Raise PlanError for what is measured by other models where the plan names, or trains, none."""
    if (match["lira"] or match["found"]) and not plan.audit.shadows:
        raise PlanError(
            f"{where}: '{gate.metric}' is told by shadow models, and audit.shadows is 0. Set it to "
            "16, say: each is trained as the model was."
        )
    if match["borrowed"] is not None and not plan.audit.surrogates:
        raise PlanError(
            f"{where}: '{gate.metric}' is measured by way of other models, and audit.surrogates "
            "names none. Name a model with the same labels there."
        )
    if match["borrowed"] not in (None, *plan.audit.attacks):
        raise PlanError(
            f"{where}: '{match['borrowed']}' is not among audit.attacks, so it is never measured. "
            f"Allowed: {', '.join(plan.audit.attacks)}."
        )


def _check_slice(plan: Plan, number: int, gate: Gate, plain: str) -> None:
    if gate.slice is None:
        return
    names = [one.name for one in plan.audit.slices]
    if gate.slice not in names:
        raise PlanError(
            f"gates.{number}.slice: there is no slice '{gate.slice}' in [[audit.slices]]. Allowed: "
            f"{', '.join(names) or 'none, for there are no slices'}."
        )
    if not plain.startswith(_SLICED) or plain.startswith("clean_accuracy."):
        raise PlanError(
            f"gates.{number}.slice: '{gate.metric}' is not measured by slice. Allowed: clean_accuracy, "
            "robust_accuracy.NAME, attack_success_rate.NAME."
        )


def _check_within(plan: Plan, where: str, gate: Gate, match: re.Match[str]) -> None:
    """Raise PlanError for a number of queries that the curve is not read at."""
    if match["rate"] != "robust_accuracy" or match["attack"] in ("union", "unseen"):
        raise PlanError(
            f"{where}: only the robust accuracy under one attack is read by queries. Allowed: "
            "robust_accuracy.ATTACK.within.QUERIES."
        )
    if gate.slice is not None or gate.measured.startswith("gain."):
        raise PlanError(
            f"{where}: '{gate.metric}' is counted on all examples of one audit. Leave out slice, margin "
            "and gain."
        )
    budget = plan.audit.query_budget
    allowed = [queries for queries in GRID if budget is None or queries <= budget]
    if int(match["within"]) not in allowed:
        raise PlanError(
            f"{where}: '{gate.metric}' is not read from the curve. Allowed behind within: "
            f"{', '.join(map(str, allowed))}."
        )


def _check_set(plan: Plan, where: str, metric: str, name: str, kind: str) -> None:
    names = [one.name for one in plan.audit.sets if kind in ("", one.kind)]
    if name not in names:
        raise PlanError(
            f"{where}: '{metric}' needs a set '{name}' in [[audit.sets]]"
            f"{f' of the kind {kind}' if kind else ''}. Allowed: "
            f"{', '.join(names) or 'none, for there is none'}."
        )


def check_looks(plan: Plan) -> None:
    """Raise PlanError where several looks have no gate to look at, or one that they cannot serve."""
    where = f"audit.looks is {plan.audit.looks}"
    for number, gate in enumerate(plan.gates):
        if gate.measured.startswith(PAIRED):
            raise PlanError(
                f"{where}, and gates.{number} compares with a baseline, whose attacks met all examples. "
                "Set it to 1, or take the gate out."
            )
        if grows(gate.measured) and gate.evidence == "point":
            raise PlanError(
                f"{where}, and gates.{number} goes by the value alone, which decides at any look. Set "
                'it to 1, or evidence = "interval".'
            )
    if not any(grows(gate.measured) for gate in plan.gates):
        raise PlanError(
            f"{where}, and no gate is on an attack, so there is nothing to end one for. Set it to 1."
        )


def check_waivers(plan: Plan) -> None:
    """Raise PlanError for a waiver of no gate, and for a second one of the same."""
    names = [gate.name for gate in plan.gates]
    for number, waiver in enumerate(plan.waivers):
        where = f"waivers.{number}.metric"
        if waiver.name not in names:
            raise PlanError(
                f"{where}: no gate of the plan is on '{waiver.name}', so there is nothing to waive. "
                f"Allowed: {', '.join(dict.fromkeys(names)) or 'none, for there are no gates'}."
            )
        if waiver.name in [earlier.name for earlier in plan.waivers[:number]]:
            raise PlanError(f"{where}: '{waiver.name}' has a waiver already. Keep one of the two.")


def _measured(plan: Plan, match: re.Match[str], gains: bool) -> list[str]:
    """What a rate of the audit can be measured under: its attacks, and the worst case of several."""
    worst = ["union"] if len(plan.audit.attacks) > 1 and match["rate"] == "robust_accuracy" else []
    rest = ["unseen"] if worst and gains else []
    return [*plan.audit.attacks, *worst, *rest]


def _attacked_twice(plan: Plan) -> Sequence[str]:
    """The attacks that are run on training examples too."""
    return (plan.audit.train_attacks or plan.audit.attacks) if plan.audit.train_examples else ()


def _check_probed(plan: Plan, where: str, metric: str) -> None:
    audit = plan.audit
    noises = [f"noisy_accuracy.{n}.{s}" for n in audit.corruptions for s in audit.severities]
    allowed = ["noisy_accuracy.mean", *noises] if noises else []
    if audit.behaviour is not None and audit.behaviour.suite != probing.SENTIMENT:
        if metric.startswith("behaviour_"):
            return  # which tests there are, the suite says once the labels are known
    elif audit.behaviour is not None:
        allowed += [f"behaviour_failures.{n}" for n in probing.behaviour_names()]
    if metric not in allowed:
        raise PlanError(
            f"{where}: '{metric}' is not measured in this audit; audit.corruptions and "
            f"[audit.behaviour] say what is. Allowed: {', '.join(allowed) or 'none'}."
        )


def check_behaved(plan: Plan, tests: Iterable[BehaviouralTest]) -> None:
    """Raise PlanError for a gate on a behavioural test that the suite of the plan does not have."""
    names = probing.behaviour_names(tests)
    for number, gate in enumerate(plan.gates):
        kind, _, name = gate.metric.partition(".")
        if kind == "behaviour_failures" and name not in names:
            raise PlanError(
                f"gates.{number}.metric: the suite has no behavioural test '{name}'. Allowed: "
                f"{', '.join(f'behaviour_failures.{n}' for n in names)}."
            )


def _check_checked(plan: Plan, where: str, name: str, attack: str | None) -> None:
    of_attacks = [judging.OVERCONFIDENCE.name] if plan.audit.calibrated else []
    of_attacks += [TRANSFER.name] if plan.audit.surrogates else []
    of_attacks += [MEANING.name]
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
    names = ["clean_accuracy", "calibration_error", "brier_score"]
    names += [f"robust_accuracy.{attack}" for attack in (*attacks, "union")]
    names += [f"attack_success_rate.{attack}" for attack in attacks]
    names += ["gap.accuracy_train_test", "gap.loss_test_train", "gap.calibration"]
    names += [f"gain.{name}" for name in names] + [f"before.{name}" for name in names]
    near = difflib.get_close_matches(metric, names, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""

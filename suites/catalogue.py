"""`withstand ls`: what can be named in a plan or on the command line."""

from __future__ import annotations

from typing import Any

import typer

from attacks.errors import unknown_name

CHECKS: dict[str, str] = {
    "clean_accuracy": "accuracy on all test examples",
    "calibration_error": "expected calibration error on the test examples, 15 bins",
    "brier_score": "mean squared distance of the probabilities to the label, 0 to 2",
    "robust_accuracy.ATTACK": "share of all attacked test examples that withstand the attack",
    "robust_accuracy.ATTACK.within.QUERIES": "if an example may cost so many distinct queries",
    "robust_accuracy.union": "the same in the worst case over all attacks of the plan",
    "robust_accuracy.….calibrated": "against the temperature-calibrated victim",
    "attack_success_rate.ATTACK": "share of the attackable examples that the attack breaks",
    "METRIC, with slice": "clean_accuracy, robust_accuracy.… or attack_success_rate.… on one slice",
    "clean_accuracy.SET": "accuracy on a further set of labelled texts",
    "train_duplicates": "share of training rows that a validation or test text repeated (removed)",
    "contrast_consistency.SET": "share of contrast sets that are right as a whole",
    "noisy_accuracy.mean": "accuracy under natural noise, over all corruptions and severities",
    "noisy_accuracy.NAME.SEVERITY": "accuracy under one corruption",
    "behaviour_failures.TEST": "share of the cases of a behavioural test that fail",
    "transfer_accuracy.ATTACK": "share of attacked texts that stay right as attacks on others left them",
    "check.CHECK": "what a check of the victim or of the data counts (docs/checks.md)",
    "check.CHECK.ATTACK": "what a check of an attack counts",
    "gap.accuracy_train_test": "training minus test accuracy",
    "gap.loss_test_train": "test minus training loss",
    "gap.membership": "how often loss tells a training from a test text, minus one half",
    "gap.membership_lira": "the same by shadow models (audit.shadows)",
    "membership_found": "share of training texts that shadow models find at 1% false alarms",
    "gap.robust_train_test.ATTACK": "training minus test robust accuracy",
    "gap.shift.SET": "test accuracy minus that on a shifted set",
    "gap.seen_unseen": "robust accuracy under attacks trained on minus under the others",
    "gap.calibration": "calibration error as trained minus at the fitted temperature",
    "before.METRIC": "any of these, of the baseline of a comparison",
    "gain.METRIC": "paired difference, after minus before, of an accuracy or a robust accuracy",
}
"""Metric names that a gate can use; words in capitals stand for names."""


SHOWN = (
    *("family", "needs", "resources", "settings", "parameters"),
    *("from", "install", "made by", "sha256", "your own"),
)
"""Keys of a row that `--verbose` shows."""


def listing(what: str) -> list[dict[str, Any]]:
    """One row a thing, with at least "name" and "about".

    Raises AttackError for a catalogue that does not exist.
    """
    catalogues = {
        "attacks": _attacks,
        "objectives": _objectives,
        "checks": _checks,
        "corruptions": _corruptions,
        "suites": _suites,
        "data": _data,
        "resources": _resources,
    }
    if what not in catalogues:
        raise unknown_name("catalogue", what, catalogues)
    return catalogues[what]()


def _attacks() -> list[dict[str, Any]]:
    from attacks import recipes

    rows = []
    for name in recipes.names():
        recipe = recipes.load(name)
        rows.append(
            {
                "name": name,
                "about": recipe.source,
                "family": recipe.family,
                "needs": ["victim", *recipe.needs],
                "resources": list(recipe.resources),
                "settings": recipes.settings(name),
                "parameters": recipe.parameters(),
                "deviations": list(recipe.deviations),
            }
        )
    return rows


def _objectives() -> list[dict[str, Any]]:
    from dataclasses import asdict

    from harness import objectives

    rows = []
    for name in objectives.names():
        objective: Any = objectives.load(name)
        rows.append(
            {"name": name, "about": objectives.describe(name), "parameters": asdict(objective)}
        )
    return rows


def _checks() -> list[dict[str, Any]]:
    return [{"name": name, "about": about} for name, about in CHECKS.items()]


def _corruptions() -> list[dict[str, Any]]:
    from attacks import corruptions

    found = corruptions.chosen(corruptions.names())
    return [{"name": corruption.name, "about": corruption.summary} for corruption in found]


def _suites() -> list[dict[str, Any]]:
    from suites.ready import READY

    return [{"name": name, "about": suite.about} for name, suite in READY.items()]


def _data() -> list[dict[str, Any]]:
    from harness.bundles import bundles

    return [
        {
            "name": f"bundle:{found.bundle.name}",
            "about": f"{found.bundle.about} ({found.bundle.licence})",
            "state": found.state,
            "detail": found.detail,
        }
        for found in bundles()
    ]


def _resources() -> list[dict[str, Any]]:
    from attacks.resources.pinned import inspect
    from attacks.resources.registry import RESOURCES
    from harness.auxiliaries import resources

    rows = []
    for name, resource in {**RESOURCES, **resources()}.items():
        pinned, found = resource.pinned, inspect(resource.pinned)
        rows.append(
            {
                "name": name,
                "about": f"{resource.purpose}: {pinned.about} ({pinned.licence})",
                "state": found.state,
                "detail": found.detail,
                "from": f"{pinned.distribution} {pinned.version}",
                "install": pinned.install,
                "made by": resource.made_by,
                "sha256": dict(pinned.files),
                "your own": resource.own,
            }
        )
    return rows


def show_listing(rows: list[dict[str, Any]], verbose: bool) -> None:
    """The rows as text; parameters and deviations on request."""
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        state = f"  [{row['state']}]" if "state" in row else ""
        typer.echo(f"{row['name']:{width}}  {row['about']}{state}")
        if row.get("detail"):
            typer.echo(f"{'':{width}}    {row['detail']}")
        if not verbose:
            continue
        for key in SHOWN:
            if row.get(key):
                typer.echo(f"{'':{width}}    {key}: {row[key]}")
        for deviation in row.get("deviations", []):
            typer.echo(f"{'':{width}}    deviates: {deviation}")

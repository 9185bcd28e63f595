"""`withstand ls`: what can be named in a plan or on the command line."""

from __future__ import annotations

from typing import Any

import typer

from attacks.errors import unknown_name

CHECKS: dict[str, str] = {
    "clean_accuracy": "accuracy on all test examples",
    "calibration_error": "expected calibration error on the test examples, 15 bins",
    "robust_accuracy.ATTACK": "share of all attacked test examples that withstand the attack",
    "robust_accuracy.union": "the same in the worst case over all attacks of the plan",
    "robust_accuracy.….calibrated": "against the temperature-calibrated victim",
    "attack_success_rate.ATTACK": "share of the attackable examples that the attack breaks",
    "gap.accuracy_train_test": "training minus test accuracy",
    "gap.loss_test_train": "test minus training loss",
    "gap.robust_train_test.ATTACK": "training minus test robust accuracy",
    "gap.seen_unseen": "robust accuracy under attacks trained on minus under the others",
    "gap.calibration": "calibration error as trained minus at the fitted temperature",
    "before.METRIC": "any of these, of the baseline of a comparison",
    "gain.METRIC": "paired difference, after minus before, of an accuracy or a robust accuracy",
}
"""Metric names that a gate can use; words in capitals stand for names."""


def listing(what: str) -> list[dict[str, Any]]:
    """One row a thing, with at least "name" and "about".

    Raises AttackError for a catalogue that does not exist.
    """
    catalogues = {"attacks": _attacks, "objectives": _objectives, "checks": _checks, "data": _data}
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


def _data() -> list[dict[str, Any]]:
    from harness.bundles import bundles

    return [
        {
            "name": f"bundle:{found.bundle.name}",
            "about": found.bundle.about,
            "state": found.state,
            "detail": found.detail,
        }
        for found in bundles()
    ]


def show_listing(rows: list[dict[str, Any]], verbose: bool) -> None:
    """The rows as text; parameters and deviations on request."""
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        state = f"  [{row['state']}]" if "state" in row else ""
        typer.echo(f"{row['name']:{width}}  {row['about']}{state}")
        if not verbose:
            continue
        for key in ("family", "needs", "settings", "parameters"):
            if row.get(key):
                typer.echo(f"{'':{width}}    {key}: {row[key]}")
        for deviation in row.get("deviations", []):
            typer.echo(f"{'':{width}}    deviates: {deviation}")

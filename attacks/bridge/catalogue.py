"""TextAttack's attacks by name, from a user's file or as objects, as recipes of ours."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attacks.bridge import stand_ins
from attacks.bridge.importing import quiet, textattack
from attacks.bridge.search import (
    AskingWrapper,
    TextAttackGoal,
    TextAttackSearch,
    TextAttackTransformation,
    encode,
)
from attacks.errors import AttackError, unknown_name
from attacks.goals import Reduced
from attacks.protocols import FIRST_ORDER, SIMILARITY
from attacks.recipe import TEXTATTACK, Recipe


def load(name: str) -> Recipe:
    """The recipe called `name`: one of TextAttack's own names, or `FILE.py:NAME`.

    NAME is an `Attack`, or a function that makes one of a `ModelWrapper`, as in TextAttack's
    `--attack-from-file`. The file is run.

    Raises AttackError where there is no such attack, it cannot be built, or it cannot run here.
    """
    package = textattack()
    stand_ins.prepare()
    short = name.removeprefix(TEXTATTACK)
    path, colon, variable = short.rpartition(":")
    with quiet():
        attack = _from_file(path, variable) if colon else _by_name(package, short)
    return recipe(attack, f"{TEXTATTACK}{short}")


def recipe(attack: Any, name: str = "textattack") -> Recipe:
    """A recipe of an `Attack`, or of a function that makes one of a `ModelWrapper`.

    The attack's own model is never asked: the victim of the campaign takes its place.

    Raises AttackError where it cannot be built, or its goal is not one about labels.
    """
    package = textattack()
    prepared = stand_ins.prepare()
    if not isinstance(attack, package.Attack):
        attack = _built(attack, name)
    goal = attack.goal_function
    if not isinstance(goal, package.goal_functions.ClassificationGoalFunction):
        raise AttackError(
            f"The attack '{name}' has the goal {type(goal).__name__}, which is about texts that a model "
            "writes. Victims here give labels."
        )
    _, replaced = stand_ins.replaced(attack, encode)
    used = (*stand_ins.used_by(attack, prepared), *replaced)
    return Recipe(
        name=name,
        family="mixed",
        source=f"TextAttack 0.3.11 (Morris et al., EMNLP 2020): {_source(attack)}",
        goal=_goal(goal),
        transformation=TextAttackTransformation(repr(attack.transformation)),
        search=TextAttackSearch(repr(attack), used, attack),
        needs=(
            *(() if attack.is_black_box else (FIRST_ORDER,)),
            *((SIMILARITY,) if stand_ins.ENCODER in used else ()),
        ),
        deviations=tuple(f"In place of what TextAttack downloads: {item}." for item in used),
    )


def _by_name(package: Any, name: str) -> Any:
    from textattack.attack_args import ATTACK_RECIPE_NAMES

    if name not in ATTACK_RECIPE_NAMES:
        raise unknown_name("TextAttack attack", name, ATTACK_RECIPE_NAMES)
    kind = getattr(package.attack_recipes, ATTACK_RECIPE_NAMES[name].rpartition(".")[2])
    return _built(kind.build, f"{TEXTATTACK}{name}")


def _from_file(path: str, variable: str) -> Any:
    file = Path(path)
    if not file.is_file():
        raise AttackError(
            f"There is no file {path} to take the TextAttack attack '{variable}' from."
        )
    try:
        found = runpy.run_path(str(file))
    except Exception as error:  # whatever a user's file raises
        raise AttackError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    if variable not in found:
        raise unknown_name(f"attack in {path}", variable, [n for n in found if n[0] != "_"])
    return (
        found[variable]
        if isinstance(found[variable], textattack().Attack)
        else _built(found[variable], f"{path}:{variable}")
    )


def _built(build: Callable[[Any], Any], name: str) -> Any:
    """What `build` makes of a wrapper."""
    if not callable(build):
        raise AttackError(
            f"'{name}' is {type(build).__name__}; it must be a textattack.Attack or a function that "
            "makes one of a ModelWrapper."
        )
    try:
        with quiet():
            attack = build(AskingWrapper())
    except AttackError:
        raise
    except Exception as error:  # downloads that fail, models that do not fit
        reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        raise AttackError(
            f"TextAttack cannot build the attack '{name}' ({reason}). Where it is a download that "
            "fails, use the attack of the same name without "
            f"'{TEXTATTACK}', or make it in a file with resources of your own."
        ) from error
    if not isinstance(attack, textattack().Attack):
        raise AttackError(f"'{name}' made {type(attack).__name__}, not a textattack.Attack.")
    return attack


def _goal(theirs: Any) -> TextAttackGoal | Reduced:
    """What the records say of the goal; input reduction is told apart, as it breaks nothing."""
    if isinstance(theirs, textattack().goal_functions.InputReduction):
        return Reduced(theirs.target_num_words)
    return TextAttackGoal(description=repr(theirs))


def _source(attack: Any) -> str:
    kind = type(attack)
    return "an attack" if kind.__name__ == "Attack" else kind.__name__

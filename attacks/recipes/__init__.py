"""The catalogue of attacks: built-in recipes, and those that other distributions add.

A recipe is a function that takes parameters with defaults and returns a `Recipe`. Another distribution
adds its own under the entry-point group `withstand.attacks`; a built-in name cannot be taken over.
`textattack:NAME` is one of TextAttack's (see `attacks.bridge`), and `universal-trigger:FILE` is that
attack with its parameter `file` set.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_origin, get_type_hints

from attacks.errors import AttackError, unknown_name
from attacks.recipe import FROM_FILE, TEXTATTACK, Recipe
from attacks.recipes import (
    a2t,
    a2t_mlm,
    alzantot,
    back_translation,
    bad_characters,
    bae,
    bert_attack,
    charmer,
    checklist,
    clare,
    deepwordbug,
    faster_alzantot,
    gbda,
    gcg,
    gradient_step,
    hotflip,
    iga,
    input_reduction,
    kuleshov,
    leap,
    morpheus,
    natural_noise,
    paraphrase,
    pruthi,
    pso,
    pwws,
    seq2sick,
    standard,
    stress_test,
    textbugger,
    textfooler,
    textfooler_adjusted,
    universal_trigger,
    viper,
)

Builder = Callable[..., Recipe]

GROUP = "withstand.attacks"
BUILTIN: dict[str, Builder] = {
    "a2t": a2t.build,
    "a2t-mlm": a2t_mlm.build,
    "alzantot": alzantot.build,
    "back-translation": back_translation.build,
    "bad-characters": bad_characters.build,
    "bae": bae.build,
    "bert-attack": bert_attack.build,
    "charmer": charmer.build,
    "checklist": checklist.build,
    "clare": clare.build,
    "deepwordbug": deepwordbug.build,
    "faster-alzantot": faster_alzantot.build,
    "gbda": gbda.build,
    "gcg": gcg.build,
    "gradient-step": gradient_step.build,
    "hotflip": hotflip.build,
    "iga": iga.build,
    "input-reduction": input_reduction.build,
    "kuleshov": kuleshov.build,
    "leap": leap.build,
    "morpheus": morpheus.build,
    "natural-noise": natural_noise.build,
    "paraphrase": paraphrase.build,
    "pruthi": pruthi.build,
    "pso": pso.build,
    "pwws": pwws.build,
    "seq2sick": seq2sick.build,
    "standard": standard.build,
    "stress-test": stress_test.build,
    "textbugger": textbugger.build,
    "textfooler": textfooler.build,
    "textfooler-adjusted": textfooler_adjusted.build,
    "universal-trigger": universal_trigger.build,
    "viper": viper.build,
}


def names() -> tuple[str, ...]:
    """Every attack that can be loaded, in alphabetical order; nothing of others' code is imported."""
    return tuple(sorted({*BUILTIN, *_added()}))


def load(name: str, **overrides: Any) -> Recipe:
    """The recipe called `name`, with some of its parameters set.

    Raises AttackError where there is no such recipe or parameter, or a value has the wrong type.
    """
    if name.startswith(f"{FROM_FILE}:"):
        name, _, file = name.partition(":")
        overrides = {"file": file, **overrides}
    builder = _builder(name)
    if name.startswith(TEXTATTACK) and overrides:
        raise AttackError(
            f"The attack '{name}' takes no parameters here. Set them in a file that makes the attack, "
            "and name it as textattack:FILE.py:NAME."
        )
    hints = get_type_hints(builder)
    parameters = inspect.signature(builder).parameters
    checked: dict[str, Any] = {}
    for key, value in overrides.items():
        if key not in parameters:
            raise unknown_name(f"parameter of the attack '{name}'", key, parameters)
        checked[key] = _checked(name, key, value, hints[key]) if key in hints else value
    return builder(**checked)


def settings(name: str) -> dict[str, Any]:
    """The parameters that `load` takes for a recipe, with their defaults."""
    parameters = inspect.signature(_builder(name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def _builder(name: str) -> Builder:
    if name in BUILTIN:
        return BUILTIN[name]
    if name.startswith(TEXTATTACK):
        from attacks import bridge  # it needs torch, and names are looked up without

        def build() -> Recipe:
            return bridge.load(name)

        return build
    added = _added()
    if name not in added:
        raise unknown_name("attack", name, names())
    try:
        builder: Builder = added[name].load()
    except Exception as error:  # whatever a stranger's module raises at import
        raise AttackError(
            f"The attack '{name}' cannot be loaded from {added[name].value}: {error}"
        ) from error
    return builder


def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _checked(attack: str, key: str, value: object, hint: Any) -> object:
    """The value in the parameter's own type: 1 for a float is 1.0, so that records read the same.

    A list stands for a tuple, which neither TOML nor JSON can write.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    if get_origin(hint) is tuple and isinstance(value, list):
        value = tuple(value)
    try:
        checked: object = TypeAdapter(hint, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Input should be ")
        raise AttackError(
            f"The parameter '{key}' of the attack '{attack}' is {value!r} but should be {reason}."
        ) from error
    return checked

"""The models that recipes need beside the victim: checked before anything loads, loaded once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from attacks.models import Model
    from attacks.recipe import Recipe
    from attacks.resources.registry import Resource

ENCODER = "bundle:minilm-l6"
LANGUAGE_MODEL = "bundle:tiny-mlm"


WRITERS = {
    "paraphraser": "--paraphraser",
    "translator": "--translator",
    "back_translator": "--back-translator",
}
"""Models that do not come with Withstand, by what recipes call them, and the option that names each."""


@dataclass(frozen=True, slots=True)
class Auxiliaries:
    """Where they come from: bundles, folders or Hugging Face ids.

    Attributes:
        similarity: sentence encoder.
        masked_lm: masked language model, both for proposing words and for telling how likely one is.
        paraphraser: encoder-decoder that says a text in other words.
        paraphrase_prompt: what it is shown; {text} and {control} are put in.
        translator, back_translator: encoder-decoders into another language and back.
    """

    similarity: str = ENCODER
    masked_lm: str = LANGUAGE_MODEL
    paraphraser: str | None = None
    paraphrase_prompt: str = "{text}"
    translator: str | None = None
    back_translator: str | None = None

    def check(self, recipes: Iterable[Recipe]) -> None:
        """Check every resource that recipes need, these models among them; no model is loaded.

        Raises AttackError for a table and HarnessError for a model that cannot be used, both with what
        `attacks.resources.registry.problem` says; AttackError where an attack lacks its trigger or the
        prompt a place, HarnessError for a model that is not named, or that should write and does not.
        """
        from attacks.errors import AttackError, no_trigger
        from attacks.protocols import TRIGGER
        from attacks.questions import check_prompt
        from attacks.resources import registry
        from attacks.transformations import Paraphrases
        from harness.model_checks import check_model, require_writer

        models = resources()
        seen: set[tuple[str, str]] = set()
        for recipe in recipes:
            if TRIGGER in recipe.needs:
                raise AttackError(no_trigger(recipe.name))
            registry.require(f"The attack '{recipe.name}'", recipe.resources)
            for need, spec in self._wanted(recipe.needs, f"The attack '{recipe.name}'").items():
                if (need, spec) in seen:
                    continue
                seen.add((need, spec))
                if need in WRITERS:
                    require_writer(spec, check_model(spec, classify=False))
                    continue
                try:
                    check_model(spec, classify=False)
                except HarnessError as error:
                    said = registry.problem(f"The attack '{recipe.name}'", models[need], str(error))
                    raise HarnessError(said) from None
            if isinstance(recipe.transformation, Paraphrases):
                worded = any(recipe.transformation.controls)
                check_prompt(self.paraphrase_prompt, worded=worded)

    def load(self, needs: Iterable[str], device: str | None = None) -> dict[str, Model]:
        """Those that are needed, by the name that recipes have for them.

        Raises HarnessError as `check` and as `harness.other_models.load_encoder`, `load_masked_lm` and
        `load_writer`.
        """
        from attacks.protocols import FLUENCY, MASKED_LM, PARAPHRASER, SIMILARITY
        from harness.other_models import load_encoder, load_masked_lm, load_rephraser

        wanted = self._wanted(needs)
        found: dict[str, Model] = {}
        if SIMILARITY in wanted:
            found[SIMILARITY] = load_encoder(self.similarity, device=device)
        if wanted.keys() & {MASKED_LM, FLUENCY}:
            found[MASKED_LM], found[FLUENCY] = load_masked_lm(self.masked_lm, device=device)
        for need in wanted.keys() & WRITERS.keys():
            prompt = self.paraphrase_prompt if need == PARAPHRASER else "{text}"
            found[need] = load_rephraser(wanted[need], prompt=prompt, device=device)
        return {name: model for name, model in found.items() if name in wanted}

    def _wanted(self, needs: Iterable[str], who: str = "An attack") -> dict[str, str]:
        """Where each that is needed comes from, by what recipes call it."""
        from attacks.protocols import (
            BACK_TRANSLATOR,
            FLUENCY,
            MASKED_LM,
            PARAPHRASER,
            SIMILARITY,
            TRANSLATOR,
        )

        sources = {
            SIMILARITY: self.similarity,
            MASKED_LM: self.masked_lm,
            FLUENCY: self.masked_lm,
            PARAPHRASER: self.paraphraser,
            TRANSLATOR: self.translator,
            BACK_TRANSLATOR: self.back_translator,
        }
        found = {}
        for need in needs:
            if need not in sources:
                continue
            spec = sources[need]
            if spec is None:
                raise HarnessError(
                    f"{who} needs a {need.replace('_', '-')}, and none comes with Withstand. Name an "
                    "encoder-decoder (T5, BART, Marian, ...): "
                    f"`withstand attack ... {WRITERS[need]} MODEL`, in plans audit.{need}."
                )
            found[need] = spec
        return found


def resources() -> dict[str, Resource]:
    """The models as `attacks.resources.registry` has tables: by the name that recipes have for them."""
    from dataclasses import replace

    from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY
    from attacks.resources.own import OPTIONS
    from attacks.resources.registry import Resource
    from harness.bundles import PREFIX, bundle

    def named(name: str, purpose: str, spec: str) -> Resource:
        found = bundle(spec)
        return Resource(name, purpose, replace(found, name=PREFIX + found.name), own=OPTIONS[name])

    models = (
        named(SIMILARITY, "likeness of texts", ENCODER),
        named(MASKED_LM, "words that fit a place", LANGUAGE_MODEL),
        named(FLUENCY, "how likely a word is in its place", LANGUAGE_MODEL),
    )
    return {model.name: model for model in models}

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


@dataclass(frozen=True, slots=True)
class Auxiliaries:
    """Where they come from: bundles, folders or Hugging Face ids.

    Attributes:
        similarity: sentence encoder.
        masked_lm: masked language model, both for proposing words and for telling how likely one is.
    """

    similarity: str = ENCODER
    masked_lm: str = LANGUAGE_MODEL

    def check(self, recipes: Iterable[Recipe]) -> None:
        """Check every resource that recipes need, these models among them; no model is loaded.

        Raises AttackError for a table and HarnessError for a model that cannot be used, both with what
        `attacks.resources.registry.problem` says, and AttackError where an attack lacks its trigger.
        """
        from attacks.errors import AttackError, no_trigger
        from attacks.protocols import TRIGGER
        from attacks.resources import registry
        from harness.model_checks import check_model

        models = resources()
        seen: set[str] = set()
        for recipe in recipes:
            if TRIGGER in recipe.needs:
                raise AttackError(no_trigger(recipe.name))
            registry.require(recipe.name, recipe.resources)
            for need in recipe.needs:
                spec = self._sources.get(need)
                if spec is None or spec in seen:
                    continue
                seen.add(spec)
                try:
                    check_model(spec, classify=False)
                except HarnessError as error:
                    said = registry.problem(recipe.name, models[need], str(error))
                    raise HarnessError(said) from None

    def load(self, needs: Iterable[str], device: str | None = None) -> dict[str, Model]:
        """Those that are needed, by the name that recipes have for them.

        Raises HarnessError as `harness.models.load_encoder` and `load_masked_lm`.
        """
        from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY
        from harness.models import load_encoder, load_masked_lm

        wanted = set(needs)
        found: dict[str, Model] = {}
        if SIMILARITY in wanted:
            found[SIMILARITY] = load_encoder(self.similarity, device=device)
        if wanted & {MASKED_LM, FLUENCY}:
            found[MASKED_LM], found[FLUENCY] = load_masked_lm(self.masked_lm, device=device)
        return {name: model for name, model in found.items() if name in wanted}

    @property
    def _sources(self) -> dict[str, str]:
        from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY

        return {SIMILARITY: self.similarity, MASKED_LM: self.masked_lm, FLUENCY: self.masked_lm}


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

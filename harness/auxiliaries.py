"""The models that recipes need beside the victim: checked before anything loads, loaded once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attacks.models import Model

ENCODER = "bundle:minilm-l6"
LANGUAGE_MODEL = "bundle:tiny-mlm"


OPTIONS = {
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

    def check(self, needs: Iterable[str]) -> None:
        """Check those that are needed without loading them.

        Raises HarnessError as `check_model`, for one that is not named, and for one that should write
        and does not.
        """
        from harness.model_checks import check_model, require_writer

        for need, spec in self._wanted(needs).items():
            facts = check_model(spec, classify=False)
            if need in OPTIONS:
                require_writer(spec, facts)

    def load(self, needs: Iterable[str], device: str | None = None) -> dict[str, Model]:
        """Those that are needed, by the name that recipes have for them.

        Raises HarnessError as `check` and as `harness.models.load_encoder`, `load_masked_lm` and
        `load_writer`.
        """
        from attacks.protocols import FLUENCY, MASKED_LM, PARAPHRASER, SIMILARITY
        from harness.models import load_encoder, load_masked_lm, load_rephraser

        wanted = self._wanted(needs)
        found: dict[str, Model] = {}
        if SIMILARITY in wanted:
            found[SIMILARITY] = load_encoder(self.similarity, device=device)
        if wanted.keys() & {MASKED_LM, FLUENCY}:
            found[MASKED_LM], found[FLUENCY] = load_masked_lm(self.masked_lm, device=device)
        for need in wanted.keys() & OPTIONS.keys():
            prompt = self.paraphrase_prompt if need == PARAPHRASER else "{text}"
            found[need] = load_rephraser(wanted[need], prompt=prompt, device=device)
        return {name: model for name, model in found.items() if name in wanted}

    def _wanted(self, needs: Iterable[str]) -> dict[str, str]:
        """Where each that is needed comes from, by what recipes call it."""
        from attacks.protocols import (
            BACK_TRANSLATOR,
            FLUENCY,
            MASKED_LM,
            PARAPHRASER,
            SIMILARITY,
            TRANSLATOR,
        )
        from harness.errors import HarnessError

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
                    f"The attack needs a {need.replace('_', '-')}, and none comes with Withstand. Name "
                    "an encoder-decoder (T5, BART, Marian, ...): "
                    f"`withstand attack ... {OPTIONS[need]} MODEL`."
                )
            found[need] = spec
        return found

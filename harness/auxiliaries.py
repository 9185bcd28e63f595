"""The models that recipes need beside the victim: checked before anything loads, loaded once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from attacks.models import Model

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

    def check(self, needs: Iterable[str]) -> None:
        """Check those that are needed without loading them.

        Raises HarnessError as `check_model`, and where an attack lacks its trigger.
        """
        from attacks.errors import no_trigger
        from attacks.protocols import TRIGGER
        from harness.model_checks import check_model

        needs = list(needs)
        if TRIGGER in needs:
            raise HarnessError(no_trigger("universal-trigger"))
        for spec in self._wanted(needs):
            check_model(spec, classify=False)

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

    def _wanted(self, needs: Iterable[str]) -> list[str]:
        from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY

        sources = {SIMILARITY: self.similarity, MASKED_LM: self.masked_lm, FLUENCY: self.masked_lm}
        return list(dict.fromkeys(sources[need] for need in needs if need in sources))

"""Transformers models as victims and as sentence encoders."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from attacks.questions import Floats, WordVectors
from attacks.victims.attributions import HuggingFaceAttributions
from attacks.victims.first_order import HuggingFaceFirstOrder
from attacks.victims.gradient_draft import HuggingFaceGradientDraft
from attacks.victims.nearest import SHORTEST, HuggingFaceNearestWords
from attacks.victims.pulls import HuggingFacePulls, word_vectors
from attacks.victims.relaxed import HuggingFaceRelaxed
from attacks.victims.transformer import Encoding, TransformersModel


class HuggingFaceVictim(TransformersModel):
    """A sequence classifier.

    Args:
        model: an `AutoModelForSequenceClassification`, loaded.
        tokenizer: its tokenizer.
        labels: label names in the order of the model's outputs.
        fingerprint: SHA-256 of the weights; must change whenever they do.
        max_length: texts are cut to so many tokens.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        labels: Sequence[str],
        *,
        fingerprint: str,
        max_length: int = 128,
        device: str | torch.device | None = None,
    ) -> None:
        super().__init__(
            model, tokenizer, fingerprint=fingerprint, max_length=max_length, device=device
        )
        self.labels = tuple(labels)

    @property
    def model(self) -> Any:
        """The transformers model itself."""
        return self._model

    def run(self, batch: Sequence[Encoding]) -> Floats:
        """Logits, shape (len(batch), len(labels)), float32."""
        with self.evaluating():
            logits: Floats = self._model(**self.inputs(batch)).logits.float().cpu().numpy()
        return logits[: len(batch)]

    def first_order(self) -> HuggingFaceFirstOrder:
        """See `attacks.models.WhiteBox`. The two share weights and, but for a prefix, a fingerprint."""
        return HuggingFaceFirstOrder(
            self._model,
            self._tokenizer,
            fingerprint=f"first-order:{self._fingerprint}",
            max_length=self._max_length,
        )

    def gradient_draft(self) -> HuggingFaceGradientDraft:
        """See `attacks.models.Drafting`."""
        return HuggingFaceGradientDraft(
            self._model,
            self._tokenizer,
            fingerprint=f"gradient-draft:{self._fingerprint}",
            max_length=self._max_length,
        )

    def rounded_draft(self) -> HuggingFaceVictim:
        """See `attacks.models.Drafting`."""
        return HuggingFaceVictim(
            copy.deepcopy(self._model).to(torch.bfloat16).eval(),
            self._tokenizer,
            self.labels,
            fingerprint=f"bfloat16:{self._fingerprint}",
            max_length=self._max_length,
        )

    def nearest_words(self) -> HuggingFaceNearestWords:
        """See `attacks.models.WhiteBox`."""
        return HuggingFaceNearestWords(
            self._model, self._tokenizer, fingerprint=f"nearest-words:{self._fingerprint}"
        )

    def attributions(self) -> HuggingFaceAttributions:
        """What the words of a text add to a logit; needs captum once it is asked."""
        return HuggingFaceAttributions(
            self._model,
            self._tokenizer,
            fingerprint=f"attributions:{self._fingerprint}",
            max_length=self._max_length,
        )

    def pulls(self) -> HuggingFacePulls:
        """See `attacks.models.Steerable`."""
        return HuggingFacePulls(
            self._model,
            self._tokenizer,
            fingerprint=f"pulls:{self._fingerprint}",
            max_length=self._max_length,
        )

    def relaxed(
        self, language_model: Any = None, idf: Mapping[int, float] | None = None
    ) -> HuggingFaceRelaxed:
        """See `attacks.models.Relaxable`; the arguments are those of `HuggingFaceRelaxed`.

        With one of them it is told from the victim's own by its place alone: give it no common cache.
        """
        return HuggingFaceRelaxed(
            self._model,
            self._tokenizer,
            fingerprint=f"relaxed:{self._fingerprint}",
            max_length=self._max_length,
            language_model=language_model,
            idf=idf,
        )

    def word_vectors(self) -> WordVectors:
        """See `attacks.models.Steerable`: words of three letters or more."""
        return word_vectors(self._model, self._tokenizer, SHORTEST)


class HuggingFaceEncoder(TransformersModel):
    """Sentence vectors: the mean of the last hidden states over real tokens, of unit length."""

    def run(self, batch: Sequence[Encoding]) -> Floats:
        """Unit vectors, shape (len(batch), hidden size), float32."""
        inputs = self.inputs(batch)
        with self.evaluating():
            hidden = self._model(**inputs).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            vectors: Floats = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
        return vectors[: len(batch)]

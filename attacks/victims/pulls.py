"""The gradient of a transformers classifier at given words, and the vectors of the words it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from attacks.questions import Floats, Pull, Pulled, Swaps, WordVectors
from attacks.victims.embedding import called_embedding
from attacks.victims.first_order import HuggingFaceFirstOrder, SwapsEncoding
from attacks.victims.nearest import whole_words


class HuggingFacePulls(HuggingFaceFirstOrder):
    """See `attacks.models.Steerable.pulls`; the gradient is the one that `Slopes` are made from."""

    def encode(self, inputs: Sequence[Pull]) -> list[SwapsEncoding]:  # type: ignore[override]
        """Raises AttackError where the tokenizer cannot say which characters a token stands for."""
        return super().encode(
            [
                Swaps(item.strings, item.label, item.spans, ((),) * len(item.spans))
                for item in inputs
            ]
        )

    def run(self, batch: Sequence[SwapsEncoding]) -> list[Pulled]:  # type: ignore[override]
        """One answer an encoding; zeros for a word behind the place where the text was cut."""
        inputs = self.inputs([item.text for item in batch])
        logits, _, gradient = self._backward(inputs, [item.label for item in batch])
        rows: Floats = logits.cpu().numpy()
        return [
            Pulled(rows[n], self._sums(item, gradient[n].float())) for n, item in enumerate(batch)
        ]

    def _sums(self, item: SwapsEncoding, gradient: torch.Tensor) -> Floats:
        shift = gradient.shape[0] - len(item) if self._left else 0
        places = [[place + shift for place in span] for span in item.places]
        rows = [gradient[at].sum(0).cpu().numpy() for at in places]
        return np.stack(rows) if rows else np.zeros((0, gradient.shape[1]), dtype=np.float32)


@torch.no_grad()
def word_vectors(model: Any, tokenizer: Any, shortest: int) -> WordVectors:
    """The whole words of at least `shortest` letters, with their rows of the embedding table."""
    vocabulary = whole_words(tokenizer, shortest)
    module: Any = called_embedding(model)
    ids = torch.tensor([vocabulary.ids], device=next(module.parameters()).device)
    # forward, not a call: hooks on the module are for texts.
    vectors: Floats = module.forward(ids)[0].float().cpu().numpy()
    return WordVectors(vocabulary.words, vectors)

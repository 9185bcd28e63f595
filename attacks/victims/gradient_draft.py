"""Estimates of word swaps that keep the gradients of the last texts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch

from attacks.questions import Floats, Slopes
from attacks.victims.embedding import called_embedding
from attacks.victims.first_order import HuggingFaceFirstOrder, SwapsEncoding

NUMBERS = 2**24
"""Numbers that are kept, 64 MB: 900 snippets of a model 384 wide, or 20 long texts of one 768 wide."""

Key = tuple[tuple[int, ...], int]
Gradient = tuple[Floats, torch.Tensor, torch.Tensor]
"""Logits, gradient and vectors of a text's tokens."""


class HuggingFaceGradientDraft(HuggingFaceFirstOrder):
    """The same answers, where one text is asked about again and again with other swaps.

    A search that visits the words of a text one by one asks about each by itself; the forward and the
    backward pass are run once for all of them.
    """

    def __init__(self, model: Any, tokenizer: Any, *, fingerprint: str, max_length: int) -> None:
        super().__init__(model, tokenizer, fingerprint=fingerprint, max_length=max_length)
        self._kept: OrderedDict[Key, Gradient] = OrderedDict()
        self._numbers = 0

    def run(self, batch: Sequence[SwapsEncoding]) -> list[Slopes]:
        """See `attacks.models.Drafting.gradient_draft`."""
        new = {
            key: item for item in batch if (key := (item.text.ids, item.label)) not in self._kept
        }
        found = dict(zip(new, self._gradients(list(new.values())), strict=True)) if new else {}
        module = called_embedding(self._model)
        slopes = []
        for item in batch:
            key = (item.text.ids, item.label)
            logits, gradient, vectors = found.get(key) or self._kept[key]
            slopes.append(self._slopes(item, module, logits, gradient, vectors, 0))
            if key in self._kept:
                self._kept.move_to_end(key)
        for key, kept in found.items():
            self._keep(key, kept)
        return slopes

    def _gradients(self, items: Sequence[SwapsEncoding]) -> list[Gradient]:
        inputs = self.inputs([item.text for item in items])
        logits, vectors, gradient = self._backward(inputs, [item.label for item in items])
        rows: Floats = logits.cpu().numpy()
        width = inputs["input_ids"].shape[1]
        found = []
        for n, item in enumerate(items):
            start = width - len(item) if self._left else 0
            real = slice(start, start + len(item))
            found.append(
                (rows[n], gradient[n, real].float().clone(), vectors[n, real].float().clone())
            )
        return found

    def _keep(self, key: Key, gradient: Gradient) -> None:
        self._kept[key] = gradient
        self._numbers += 2 * gradient[1].numel()
        while self._numbers > NUMBERS and len(self._kept) > 1:
            _, (_, oldest, _) = self._kept.popitem(last=False)
            self._numbers -= 2 * oldest.numel()

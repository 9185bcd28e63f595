"""Attention keys and values of the beginnings of prompts, computed once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch

KEPT_BYTES = 2**28
"""Memory for keys and values that are kept for later batches: those of some thousand tokens of a small
GPT-2. The prefix of the last batch is kept whatever its size."""

Layers = list[tuple[torch.Tensor, torch.Tensor]]


class Prefixes:
    """Caches from which a causal language model goes on.

    Where a model keeps anything but plain keys and values (a window, a state), it has none, and whoever
    asks runs the whole text.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._kept: OrderedDict[tuple[int, ...], Layers] = OrderedDict()
        self._bytes = 0
        self.usable = True

    def cache(self, stem: tuple[int, ...], tokens: int, rows: int) -> Any | None:
        """The state after the first `tokens` of a stem, for so many rows; None where there is none.

        The rows are views of one: nothing is copied until the model puts its own keys behind them.
        """
        from transformers import DynamicCache

        if not self.usable or not tokens:
            return None
        layers = self._layers(stem)
        if layers is None:
            self.usable = False
            return None
        cache = DynamicCache(
            [(keys[..., :tokens, :], values[..., :tokens, :]) for keys, values in layers]
        )
        for layer in cache.layers:
            layer.keys = layer.keys.expand(rows, -1, -1, -1)
            layer.values = layer.values.expand(rows, -1, -1, -1)
        return cache

    def _layers(self, stem: tuple[int, ...]) -> Layers | None:
        if stem in self._kept:
            self._kept.move_to_end(stem)
            return self._kept[stem]
        ids = torch.tensor([stem], device=next(self._model.parameters()).device)
        found = _plain(getattr(self._model(input_ids=ids, use_cache=True), "past_key_values", None))
        if found is None:
            return None
        self._kept[stem] = found
        self._bytes += _size(found)
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)
        return found


def _plain(cache: Any) -> Layers | None:
    """Keys and values of every layer, shape (1, heads, tokens, width) each, if that is all there is."""
    from transformers.cache_utils import DynamicLayer

    layers = getattr(cache, "layers", None)
    if not layers or any(type(layer) is not DynamicLayer for layer in layers):
        return None
    return [(layer.keys, layer.values) for layer in layers]


def _size(layers: Layers) -> int:
    return sum(tensor.numel() * tensor.element_size() for pair in layers for tensor in pair)

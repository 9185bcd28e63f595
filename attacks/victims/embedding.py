"""Where a transformers model looks its words up."""

from __future__ import annotations

from typing import Any

from torch import nn


def called_embedding(model: Any) -> nn.Module:
    """The word embedding that a forward pass really goes through.

    The `get_input_embeddings()` of an encoder-decoder may return a table that is shared and never
    called.
    """
    base = model
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        # In transformers 4 the classification heads have no such method, the model inside has.
        owner = model if hasattr(model, "get_encoder") else model.base_model
        base = owner.get_encoder()
    found: nn.Module = base.get_input_embeddings()
    return found

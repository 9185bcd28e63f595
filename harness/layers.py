"""The layers of a transformer, first to last, whatever its architecture calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from harness.errors import HarnessError


def layers(model: Any) -> Sequence[nn.Module]:
    """The blocks of the model's encoder (of its decoder where it has no encoder), in order.

    Raises HarnessError where they are not separate modules (ALBERT runs one block several times).
    """
    base = model
    if getattr(model.config, "is_encoder_decoder", False):
        # In transformers 4 the classification heads have no such method, the model inside has.
        base = (model if hasattr(model, "get_encoder") else model.base_model).get_encoder()
    wanted = int(model.config.num_hidden_layers)
    for module in base.modules():
        if isinstance(module, nn.ModuleList) and len(module) == wanted:
            return list(module)
    raise HarnessError(
        f"{type(model).__name__} has no list of its {wanted} layers, so that none can be singled out."
    )

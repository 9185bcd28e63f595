"""Where a transformers model looks its words up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from attacks.errors import AttackError


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


@contextmanager
def tapped(model: Any) -> Iterator[list[torch.Tensor]]:
    """What comes out of the word embedding from now on, as leaves that a gradient reaches."""
    seen: list[torch.Tensor] = []

    def tap(module: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    handle = called_embedding(model).register_forward_hook(tap)
    try:
        yield seen
    finally:
        handle.remove()


def only(seen: list[torch.Tensor], ids: torch.Tensor, model: Any) -> torch.Tensor:
    """The one tensor that was `tapped`, shape (*ids.shape, width).

    Raises AttackError where the model looked its words up in another way than all of them once.
    """
    if len(seen) != 1 or seen[0].shape[:2] != ids.shape:
        raise AttackError(
            f"{type(model).__name__} does not go through its input embedding once a pass, so it cannot "
            "be attacked by gradients. Use an attack that needs none."
        )
    return seen[0]

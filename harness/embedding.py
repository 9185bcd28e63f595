"""Perturbations of a model's input embeddings, by a forward hook.

Why a hook: passing `inputs_embeds` changes the logits of padded decoder-only classifiers (they find the
last token from `input_ids`) and some heads refuse it; perturbing the weight matrix shifts every use of a
token alike and breaks under gradient accumulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from attacks.victims.embedding import called_embedding
from harness.errors import HarnessError

_SLOT = "_withstand_delta"


class EmbeddingTap:
    """Adds a perturbation to the word embeddings of one forward pass.

    Install it once, before the model is compiled, wrapped or sharded: a hook that is added to a compiled
    module is silently ignored.

    Args:
        model: a transformers model; encoder-decoders are perturbed at the encoder's own embedding,
            since their `get_input_embeddings()` may return a module that is never called.

    Attributes:
        dimension: width d of the word embeddings (not always the hidden size: ALBERT, ELECTRA).
        fired: forward passes that went through the hook so far.
    """

    def __init__(self, model: Any) -> None:
        module = called_embedding(model)
        # An adapter (LoRA on the embedding) wraps the table and does not forward its width.
        table: Any = getattr(module, "base_layer", module)
        self.dimension = int(table.embedding_dim)
        self.fired = 0
        self._module = module
        setattr(module, _SLOT, None)
        self._handle = module.register_forward_hook(self._hook)

    @contextmanager
    def adding(self, delta: Tensor | None) -> Iterator[None]:
        """Add `delta`, shape (batch, tokens, d), in the one forward pass made inside.

        Raises HarnessError when the pass did not go through the embedding exactly once: a training that
        believes to be adversarial and is not must not go on.
        """
        before = self.fired
        setattr(self._module, _SLOT, delta)
        try:
            yield
        finally:
            setattr(self._module, _SLOT, None)
        if self.fired != before + 1:
            raise HarnessError(
                f"The forward pass went through the input embedding {self.fired - before} times instead "
                "of once, so its perturbation cannot be trusted. Embedding-space objectives do not "
                "support this architecture; use the objective 'plain'."
            )

    def remove(self) -> None:
        """Take the hook away; the model is as it was."""
        self._handle.remove()
        delattr(self._module, _SLOT)

    def _hook(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        self.fired += 1
        delta: Tensor | None = getattr(module, _SLOT)
        if delta is None:
            return output
        if delta.shape != output.shape:
            # XLNet, for one, puts tokens before the batch: adding would broadcast into nonsense.
            raise HarnessError(
                f"The input embedding gives shape {tuple(output.shape)} where "
                f"{tuple(delta.shape)} (batch, tokens, width) was expected. Embedding-space objectives "
                "do not support this architecture; use the objective 'plain'."
            )
        return output + delta.to(output.dtype)


def unit(gradient: Tensor) -> Tensor:
    """Each example's gradient divided by its L2 norm over tokens and width, shape (batch, tokens, d).

    A gradient of zero stays zero, and so does one that is not finite (mixed precision overflows now and
    then). The floor is below the FreeLB authors' 1e-8: ours carries the mean over the batch.
    """
    norm = gradient.flatten(1).norm(dim=1)
    usable = torch.isfinite(norm) & (norm > 0)
    factor = torch.where(usable, 1.0 / norm.clamp_min(1e-12), torch.zeros_like(norm))
    return torch.nan_to_num(gradient) * factor.view(-1, 1, 1)

"""A pass of a transformers model over texts whose tokens are mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from attacks.errors import AttackError
from attacks.victims.embedding import called_embedding
from attacks.victims.transformer import Encoding


class SoftText:
    """One text for one model, some of whose tokens are mixtures.

    The mixtures go in where the model looks its tokens up, so that all else of its pass is as usual. The
    rows of a batch are of one text, so nothing is padded.

    Args:
        model: in evaluation mode.
        free: positions of the mixtures.
        vocabulary: ids of the tokens that are mixed.
    """

    def __init__(
        self,
        model: Any,
        text: Encoding,
        free: Sequence[int],
        vocabulary: Sequence[int],
        kinds: bool,
    ) -> None:
        self.model = model
        device = next(model.parameters()).device
        self.ids = torch.tensor(text.ids, device=device)
        self.free = torch.tensor(free, device=device)
        self.vocabulary = torch.tensor(vocabulary, device=device)
        self._inputs = {"input_ids": self.ids, "attention_mask": torch.ones_like(self.ids)}
        if kinds and text.kinds is not None:
            self._inputs["token_type_ids"] = torch.tensor(text.kinds, device=device)
        module: Any = called_embedding(model)
        with torch.no_grad():
            # forward, not a call: hooks on the module are for texts.
            self._table = module.forward(self.vocabulary.unsqueeze(0))[0].float()

    @torch.no_grad()
    def plain(self) -> Any:
        """The model's output for the text as it stands."""
        return self.model(**self._rows(1), output_hidden_states=True)

    def read(self, mixtures: torch.Tensor) -> tuple[Any, torch.Tensor]:
        """The model's output, and the vectors that a gradient may be taken at.

        `mixtures` have shape (batch, len(free), len(vocabulary)).

        Raises AttackError where the model does not look its tokens up once a pass.
        """
        soft, seen = mixtures @ self._table, []

        def mix(module: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor:
            vectors = output.detach().clone()
            vectors[:, self.free] = soft.to(vectors.dtype)
            seen.append(vectors.requires_grad_())
            return vectors

        handle = called_embedding(self.model).register_forward_hook(mix)
        try:
            output = self.model(**self._rows(len(mixtures)), output_hidden_states=True)
        finally:
            handle.remove()
        if len(seen) != 1:
            raise AttackError(
                f"{type(self.model).__name__} does not go through its input embedding once a pass, so "
                "it cannot be attacked by gradients. Use an attack that needs none."
            )
        return output, seen[0]

    def gradient(self, loss: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """That of a loss at the mixtures, of their shape; `vectors` as `read` gave them."""
        (slope,) = torch.autograd.grad(loss, vectors)
        found: torch.Tensor = slope[:, self.free].float() @ self._table.T
        return found

    def _rows(self, count: int) -> dict[str, torch.Tensor]:
        return {name: row.expand(count, -1) for name, row in self._inputs.items()}


def last_states(output: Any) -> torch.Tensor:
    """Contextual vectors, shape (batch, tokens, width): the last of the encoder, where there is one."""
    states = getattr(output, "encoder_hidden_states", None) or output.hidden_states
    last: torch.Tensor = states[-1].float()
    return last

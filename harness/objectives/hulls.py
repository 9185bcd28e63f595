"""The convex hulls of the synonyms of a batch's words, in the space of word embeddings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attacks.victims.embedding import called_embedding
from harness.objectives.base import StepContext
from harness.substitutes import substitutes


@dataclass(frozen=True)
class Hull:
    """What mixtures a batch's words may become.

    Attributes:
        embedding: the module that looks tokens up.
        ids: token numbers of the corners, the word itself first, shape (batch, tokens, corners).
        hops: as `Substitutes.hops`, of that shape.
        vectors: of the corners, where they were looked up beforehand and are held constant.
    """

    embedding: nn.Module
    ids: Tensor
    hops: Tensor
    vectors: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """Where there is a corner, bool, shape (batch, tokens, corners)."""
        return self.hops >= 0

    def constant(self) -> Hull:
        """The same, without a way back to the embedding table."""
        return dataclasses.replace(self, vectors=self._looked_up().detach())

    def softmax(self, raw: Tensor) -> Tensor:
        """Weights of the corners: none where there is none, and a sum of 1."""
        return raw.masked_fill(~self.real, -torch.inf).softmax(-1)

    def delta(self, mixture: Tensor) -> Tensor:
        """From the words to their mixtures, shape (batch, tokens, width)."""
        vectors = self._looked_up() if self.vectors is None else self.vectors
        return (mixture.unsqueeze(-1) * vectors).sum(2) - vectors[:, :, 0]

    def _looked_up(self) -> Tensor:
        # forward, not a call: hooks on the module are for texts.
        vectors: Tensor = self.embedding.forward(self.ids)
        return vectors


def hull(ctx: StepContext, most: int, hops: int = 1) -> Hull:
    """The hulls of a batch's words; a part of a word, and what has no synonyms, is a point.

    Args:
        most: corners of a word beside itself.
    """
    module: Any = called_embedding(ctx.course.model)
    table = getattr(module, "base_layer", module)
    known = substitutes(ctx.course.tokenizer, table.num_embeddings, most, hops)
    corners, far = known.of(ctx.inputs["input_ids"])
    used = int((far >= 0).any(0).any(0).sum())
    return Hull(module, corners[:, :, :used], far[:, :, :used])

"""Kullback-Leibler divergences between what two passes say, as means over the batch."""

from __future__ import annotations

import torch
from torch import Tensor


def kl(first: Tensor, second: Tensor) -> Tensor:
    """Mean KL(first || second) of logits of shape (batch, classes), in float32 at least, a scalar."""
    return each_kl(first, second).mean()


def each_kl(first: Tensor, second: Tensor) -> Tensor:
    """KL(first || second) of each example, shape (batch,)."""
    one, other = _log_softmax(first), _log_softmax(second)
    return (one.exp() * (one - other)).sum(-1)


def symmetric_kl(first: Tensor, second: Tensor) -> Tensor:
    """Mean KL(first || second) + KL(second || first), a scalar."""
    return kl(first, second) + kl(second, first)


def _log_softmax(logits: Tensor) -> Tensor:
    return precise(logits).log_softmax(-1)


def precise(values: Tensor) -> Tensor:
    """The same in float32 at least."""
    return values.to(torch.promote_types(values.dtype, torch.float32))

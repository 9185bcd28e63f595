"""MixADA: training on mixtures of two texts, taken inside the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attacks.victims.embedding import called_embedding
from harness.errors import HarnessError
from harness.layers import layers
from harness.objectives.base import StepContext, each_cross_entropy
from harness.objectives.limits import check


@dataclass(frozen=True)
class MixADA:
    """MixADA (Si et al., Findings of ACL 2021, section 3.2): cross-entropy plus that of mixtures.

    Each text of the batch is mixed with another one, by a share from Beta(alpha, alpha), in the hidden
    states behind a layer drawn from `depths` (TMix; wordMixup at depth 0, the word embeddings), and so
    are the labels. With attack-generated rows in the training set (`[train.augment]`) that is the
    paper's method, without them mixup. States mix where both texts have a token; a text keeps its own
    mask. Pairs come from one batch, with accumulation from one micro-batch.

    Attributes:
        alpha: of the distribution of the shares (2 in the paper).
        depths: shares of the depth to draw from, separated by spaces; layers 7, 9 and 12 of 12 in the
            paper. A layer that is not whole is rounded up.
        weight: of the mixtures' loss.
    """

    inside_layers: ClassVar[bool] = True

    alpha: float = 2.0
    depths: str = "7/12 9/12 1"
    weight: float = 1.0

    def __post_init__(self) -> None:
        check(self, name="mixada", numbers="alpha weight")
        try:
            fit = [0 <= Fraction(depth) <= 1 for depth in self.depths.split()]
        except (ValueError, ZeroDivisionError):
            fit = []
        if not fit or not all(fit) or not self.alpha:
            raise HarnessError(
                "mixada: alpha must be above 0, and depths one or more numbers from 0 to 1, like "
                f'"7/12 1"; given: {self.alpha} and "{self.depths}".'
            )

    def loss(self, ctx: StepContext) -> Tensor:
        """See `LossObjective.loss`."""
        plain = ctx.logits()
        target = ctx.targets
        if target is None:
            target = nn.functional.one_hot(ctx.labels, plain.shape[-1]).to(plain.dtype)
        partner = torch.randperm(len(target), device=target.device)
        other = replace(ctx, labels=ctx.labels[partner])
        share = float(torch.distributions.Beta(self.alpha, self.alpha).sample())
        depths = self.depths.split()
        depth = Fraction(depths[int(torch.randint(len(depths), ()))])
        real = ctx.mask.bool()
        both = (real & real[partner]).unsqueeze(-1)
        with mixing(self._module(ctx.course.model, depth), partner, share, both):
            mixed = ctx.logits()
        # Each share counts as much as the class of the text that it is a share of.
        mixture = share * ctx.mean(each_cross_entropy(mixed, target))
        mixture = mixture + (1 - share) * other.mean(each_cross_entropy(mixed, target[partner]))
        return ctx.loss(plain) + self.weight * mixture

    def _module(self, model: Any, depth: Fraction) -> nn.Module:
        if depth == 0:
            return called_embedding(model)
        blocks = layers(model)
        return blocks[ceil(depth * len(blocks)) - 1]


@contextmanager
def mixing(module: nn.Module, partner: Tensor, share: float, where: Tensor) -> Iterator[None]:
    """What the module puts out is mixed in the one forward pass made inside.

    Raises HarnessError when the pass did not go through the module: a compiled model overlooks hooks.
    """
    fired = 0

    def mix(_: Any, __: Any, output: Any) -> Any:
        nonlocal fired
        fired += 1
        states = output[0] if isinstance(output, tuple) else output
        # Virtual tokens, that stand before every text, are real in all.
        ahead = states.shape[1] - where.shape[1]
        both = nn.functional.pad(where, (0, 0, ahead, 0), value=True)
        states = torch.where(both, share * states + (1 - share) * states[partner], states)
        return (states, *output[1:]) if isinstance(output, tuple) else states

    handle = module.register_forward_hook(mix)
    try:
        yield
    finally:
        handle.remove()
    if fired != 1:
        raise HarnessError(
            f"The forward pass went through the layer that mixada mixes behind {fired} times instead "
            "of once. It does not support this architecture."
        )

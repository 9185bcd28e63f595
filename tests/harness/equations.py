"""The objectives once more, from their equations: one example at a time wherever that is possible.

Nothing here is shared with `harness.objectives`. The way in is `inputs_embeds`, which is right for an
encoder that is padded on the right, and there is no dropout. Each function returns the loss of one batch
with its graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.harness import tiny

TEXTS = ["a good film", "the plot is bad it was a dull movie", "fine"]
LABELS = torch.tensor([1, 0, 1])


def jitter(model: Any) -> None:
    """Weights a little further on, the same for every copy of a model."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=generator)


class Batch:
    """A model and three texts of different lengths.

    Args:
        slow: the model with a moving average of its earlier weights.
    """

    def __init__(self, model: Any, slow: Any = None) -> None:
        self.slow = slow
        batch = tiny.inputs(TEXTS)
        self.model, self.ids, self.mask = model.train(), batch["input_ids"], batch["attention_mask"]
        self.kinds = batch["token_type_ids"]
        self.table = model.get_input_embeddings()
        self.lengths = [int(row.sum()) for row in self.mask]
        self.shape = (*self.ids.shape, self.table.embedding_dim)

    def logits(self, delta: Tensor | float = 0.0) -> Tensor:
        out: Tensor = self.model(
            inputs_embeds=self.table(self.ids) + delta,
            attention_mask=self.mask,
            token_type_ids=self.kinds,
        ).logits
        return out

    def loss(self, logits: Tensor) -> Tensor:
        return -sum(torch.log_softmax(z, -1)[y] for z, y in zip(logits, LABELS, strict=True)) / len(
            LABELS
        )

    def noise(self, draw: Callable[[Tensor], Tensor]) -> Tensor:
        delta = draw(torch.empty(self.shape))
        for row, length in enumerate(self.lengths):
            delta[row, length:] = 0.0
        return delta

    def spread(self, magnitude: float) -> Tensor:
        delta = self.noise(lambda t: t.uniform_(-1, 1))
        width = self.shape[-1]
        return torch.stack(
            [
                row * magnitude / (n * width) ** 0.5
                for row, n in zip(delta, self.lengths, strict=True)
            ]
        )

    def gradient(self, value: Tensor, delta: Tensor) -> Tensor:
        """Of each example, 0 at padding."""
        (found,) = torch.autograd.grad(value, delta, retain_graph=True)
        return found * self.mask[:, :, None]


def kl(first: Tensor, second: Tensor) -> Tensor:
    """Mean over the rows of the sum over classes of p * log(p / q)."""
    total = torch.zeros(())
    for one, other in zip(first, second, strict=True):
        p, q = torch.softmax(one, -1), torch.softmax(other, -1)
        total = total + sum(a * torch.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(first)


def length(row: Tensor) -> Tensor:
    return row.pow(2).sum().sqrt()


def moved(delta: Tensor, gradient: Tensor, rate: float, radius: float) -> Tensor:
    rows = []
    for row, up in zip(delta.detach(), gradient, strict=True):
        new = row + rate * up / length(up)
        rows.append(new * radius / length(new) if radius and length(new) > radius else new)
    return torch.stack(rows)


def neftune(batch: Batch, alpha: float) -> Tensor:
    return batch.loss(batch.logits(batch.spread(alpha)))


def r_drop(batch: Batch, alpha: float) -> Tensor:
    first, second = batch.logits(), batch.logits()
    both = (kl(first, second) + kl(second, first)) / 2
    return batch.loss(first) + batch.loss(second) + alpha * both


def fgm(batch: Batch, epsilon: float, weight: float) -> Tensor:
    zero = torch.zeros(batch.shape, requires_grad=True)
    clean = batch.loss(batch.logits(zero))
    worst = moved(torch.zeros(batch.shape), batch.gradient(clean, zero), epsilon, 0.0)
    return clean + weight * batch.loss(batch.logits(worst))


def pgd(
    batch: Batch,
    steps: int,
    adv_lr: float,
    max_norm: float,
    init_magnitude: float,
    clean_weight: float,
) -> Tensor:
    delta = ascent(batch, batch.spread(init_magnitude), steps, adv_lr, max_norm)
    return clean_weight * batch.loss(batch.logits()) + batch.loss(batch.logits(delta))


def ascent(batch: Batch, delta: Tensor, steps: int, rate: float, radius: float) -> Tensor:
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        delta = moved(delta, batch.gradient(batch.loss(batch.logits(delta)), delta), rate, radius)
    return delta.detach()


def freelb(
    batch: Batch, steps: int, adv_lr: float, init_magnitude: float, max_norm: float = 0.0
) -> Tensor:
    delta, total = batch.spread(init_magnitude), torch.zeros(())
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        loss = batch.loss(batch.logits(delta))
        delta = moved(delta, batch.gradient(loss, delta), adv_lr, max_norm)
        total = total + loss / steps
    return total


def r3f(batch: Batch, epsilon: float, weight: float, noise: str) -> Tensor:
    z = batch.noise(lambda t: t.uniform_(-1, 1) if noise == "uniform" else t.normal_())
    clean, noisy = batch.logits(), batch.logits(epsilon * z)
    return batch.loss(clean) + weight * (kl(clean, noisy) + kl(noisy, clean))


def vat(batch: Batch, epsilon: float, weight: float, xi: float, iterations: int) -> Tensor:
    zero = torch.zeros(batch.shape)
    direction = moved(zero, batch.noise(lambda t: t.normal_()), 1.0, 0.0)
    clean = batch.logits()
    for _ in range(iterations):
        delta = (xi * direction).requires_grad_()
        value = kl(clean.detach(), batch.logits(delta))
        direction = moved(zero, batch.gradient(value, delta), 1.0, 0.0)
    return batch.loss(clean) + weight * kl(clean.detach(), batch.logits(epsilon * direction))


def trades(
    batch: Batch, beta: float, steps: int, adv_lr: float, max_norm: float, init_scale: float
) -> Tensor:
    clean, delta = batch.logits(), init_scale * batch.noise(lambda t: t.normal_())
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        value = kl(clean.detach(), batch.logits(delta))
        delta = moved(delta, batch.gradient(value, delta), adv_lr, max_norm)
    return batch.loss(clean) + beta * kl(clean, batch.logits(delta))


def mart(
    batch: Batch, weight: float, steps: int, adv_lr: float, max_norm: float, init_magnitude: float
) -> Tensor:
    delta = ascent(batch, batch.spread(init_magnitude), steps, adv_lr, max_norm)
    clean, adversarial = batch.logits(), batch.logits(delta)
    total = torch.zeros(())
    for one, other, label in zip(clean, adversarial, LABELS.tolist(), strict=True):
        p, q = torch.softmax(one, -1), torch.softmax(other, -1)
        rest = torch.stack([q[k] for k in range(len(q)) if k != label]).max()
        total = total - torch.log(q[label]) - torch.log(1 - rest)
        total = total + weight * kl(one[None], other[None]) * (1 - p[label])
    return total / len(LABELS)


def smart(
    batch: Batch,
    weight: float,
    proximal: float,
    steps: int,
    adv_lr: float,
    epsilon: float,
    sigma: float,
) -> Tensor:
    clean, delta = batch.logits(), sigma * batch.noise(lambda t: t.normal_())
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        there = batch.logits(delta)
        value = kl(clean.detach(), there) + kl(there, clean.detach())
        gradient = batch.gradient(value, delta)
        rows = [
            (row + adv_lr * up / up.abs().max()).clamp(-epsilon, epsilon)
            for row, up in zip(delta.detach(), gradient, strict=True)
        ]
        delta = torch.stack(rows)
    there, before = batch.logits(delta), Batch(batch.slow).logits().detach()
    smooth = kl(clean, there) + kl(there, clean)
    return batch.loss(clean) + weight * smooth + proximal * (kl(clean, before) + kl(before, clean))


def tavat(
    batch: Batch, steps: int, adv_lr: float, init_magnitude: float, max_norm: float
) -> Tensor:
    words, width = batch.table.weight.shape
    table = torch.empty(words, width).uniform_(-1, 1) * init_magnitude / width**0.5
    delta, total = batch.spread(init_magnitude), torch.zeros(())
    eta = table[batch.ids] * batch.mask[:, :, None]
    for _ in range(steps):
        both = (delta + eta).requires_grad_()
        loss = batch.loss(batch.logits(both))
        total = total + loss / steps
        up = batch.gradient(loss, both)
        delta = moved(delta, up, adv_lr, 0.0)
        fresh = torch.zeros_like(eta)
        for i, n in enumerate(batch.lengths):
            for j in range(n):
                fresh[i, j] = eta[i, j] + adv_lr * up[i, j] / length(up[i, j])
            longest = max(length(fresh[i, j]) for j in range(n))
            for j in range(n):
                fresh[i, j] *= length(fresh[i, j]) / longest
            whole = length(delta[i] + fresh[i])
            if max_norm and whole > max_norm:
                delta[i] *= max_norm / whole
                fresh[i] *= max_norm / whole
        eta = fresh
    return total


def awp(batch: Batch, gamma: float, inner: Callable[[Batch], Tensor]) -> Tensor:
    """Trains by itself, since the weights are elsewhere while the graph is made."""
    matrices = [weight for weight in batch.model.parameters() if weight.dim() > 1]
    ups = torch.autograd.grad(inner(batch), matrices, allow_unused=True)
    kept = [weight.detach().clone() for weight in matrices]
    for weight, up in zip(matrices, ups, strict=True):
        if up is not None and length(up) > 0:
            weight.data += gamma * length(weight.data) * up / length(up)
    loss = inner(batch)
    loss.backward()
    for weight, value in zip(matrices, kept, strict=True):
        weight.data = value
    return loss.detach()

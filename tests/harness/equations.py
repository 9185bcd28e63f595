"""The objectives once more, from their equations: one example at a time wherever that is possible.

Nothing here is shared with `harness.objectives`. The way in is `inputs_embeds`, which is right for an
encoder that is padded on the right, and there is no dropout. Each function returns the loss of one batch
with its graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attacks.resources import neighbours
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


def distillation(
    batch: Batch,
    alpha: float,
    temperature: float,
    hidden: float,
    steps: int = 0,
    adv_lr: float = 0.0,
    max_norm: float = 0.0,
    init_magnitude: float = 0.0,
) -> Tensor:
    inputs = {"attention_mask": batch.mask, "token_type_ids": batch.kinds}
    taught = tiny.teacher().double()(batch.ids, **inputs, output_hidden_states=True)
    t = temperature

    def apart(logits: Tensor) -> Tensor:
        return t * t * kl(taught.logits / t, logits / t)

    shown = batch.logits()
    if steps:
        delta = batch.spread(init_magnitude)
        for _ in range(steps):
            delta = delta.detach().requires_grad_()
            up = batch.gradient(apart(batch.logits(delta)), delta)
            delta = moved(delta, up, adv_lr, max_norm)
        shown = batch.logits(delta)
    loss = (1 - alpha) * batch.loss(batch.logits()) + alpha * apart(shown)
    states = batch.model(batch.ids, **inputs, output_hidden_states=True).hidden_states
    for row in range(len(LABELS)):
        for mine, theirs in ((1, 2), (2, 5)):
            one, other = states[mine][row, 0], taught.hidden_states[theirs][row, 0]
            gap = one / length(one) - other / length(other)
            loss = loss + hidden * gap.pow(2).sum() / (2 * len(LABELS))
    return loss


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


def states(batch: Batch, mix: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Logits of a BERT run layer by layer; `mix` is shown the states behind each, 0 the embeddings."""
    bert = batch.model.bert
    hidden = mix(0, batch.table(batch.ids))
    hidden = bert.embeddings(inputs_embeds=hidden, token_type_ids=batch.kinds)
    unseen = (1 - batch.mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min
    for number, block in enumerate(bert.encoder.layer, start=1):
        out = block(hidden, unseen)
        hidden = mix(number, out[0] if isinstance(out, tuple) else out)
    logits: Tensor = batch.model.classifier(bert.pooler(hidden))
    return logits


def mixada(batch: Batch, alpha: float, depths: str, weight: float) -> Tensor:
    """`depths` is one layer of the two."""
    layer = {"0": 0, "1/2": 1, "0.51": 2, "1": 2}[depths]
    plain = batch.loss(batch.logits())
    order = torch.randperm(3).tolist()
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    torch.randint(1, ())

    def mix(number: int, hidden: Tensor) -> Tensor:
        if number != layer:
            return hidden
        rows = []
        for i, j in enumerate(order):
            n = min(batch.lengths[i], batch.lengths[j])
            head = share * hidden[i, :n] + (1 - share) * hidden[j, :n]
            rows.append(torch.cat([head, hidden[i, n:]]))
        return torch.stack(rows)

    total = torch.zeros(())
    for i, row in enumerate(torch.log_softmax(states(batch, mix), -1)):
        total = total - share * row[LABELS[i]] - (1 - share) * row[LABELS[order[i]]]
    return plain + weight * total / 3


def infobert(
    batch: Batch,
    steps: int,
    adv_lr: float,
    init_magnitude: float,
    max_norm: float,
    alpha: float,
    beta: float,
    low: float,
    high: float,
    temperature: float,
) -> Tensor:
    delta, total = batch.spread(init_magnitude), torch.zeros(())
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        out = batch.model(
            inputs_embeds=batch.table(batch.ids) + delta,
            attention_mask=batch.mask,
            token_type_ids=batch.kinds,
            output_hidden_states=True,
        )
        first, final = out.hidden_states[0], out.hidden_states[-1]
        tokens = [first[i, t] for i, n in enumerate(batch.lengths) for t in range(n)]
        apart = sum(((a - b) ** 2).sum() / 2 for a in tokens for b in tokens) / len(tokens) ** 2
        task = batch.loss(out.logits) + beta * apart
        up = batch.gradient(task, delta)
        pairs = []
        for i, n in enumerate(batch.lengths):
            order = sorted(range(n), key=lambda t: float(length(up[i, t])))
            pairs += [
                (first[i, t], final[i, 0]) for t in order[math.ceil(n * low) : math.ceil(n * high)]
            ]
        gains = []
        for local, whole in pairs:
            scores = [torch.cosine_similarity(x, whole, dim=0) / temperature for x, _ in pairs]
            own = torch.cosine_similarity(local, whole, dim=0) / temperature
            gains.append(own - torch.log(sum(map(torch.exp, scores)) / len(pairs)))
        total = total + (task - alpha * sum(gains) / len(gains)) / steps
        delta = moved(delta, up, adv_lr, max_norm)
    return total


def corners(batch: Batch, most: int, hops: int) -> list[list[list[tuple[int, int]]]]:
    """Token number and hops of every corner of every token of every text."""
    known = {word: tiny.VOCABULARY.index(word) for word in tiny.WORDS if len(word) > 1}

    def near(word: str) -> list[str]:
        return [n.word for n in neighbours.nearest(word) if n.word in known]

    rows = []
    for i, n in enumerate(batch.lengths):
        row = []
        for t in range(n):
            word = tiny.VOCABULARY[int(batch.ids[i, t])]
            behind = tiny.VOCABULARY[int(batch.ids[i, t + 1])] if t + 1 < n else ""
            found = {word: 0}
            if word in known and not behind.startswith("##"):
                found |= dict.fromkeys(near(word)[:most], 1)
                if hops > 1:
                    seconds = [b for a in list(found)[1:] for b in near(a)]
                    found |= {other: 2 for other in seconds if other not in found}
            others = [(known[w], hop) for w, hop in list(found.items())[1 : 1 + most]]
            row.append([(int(batch.ids[i, t]), 0), *others])
        rows.append(row)
    return rows


def shift(batch: Batch, hulls: Any, raw: Any) -> Tensor:
    """From the words to the mixtures that `raw` stands for."""
    table, rows = batch.table.weight, []
    for i, row in enumerate(hulls):
        moved_to = []
        for t, hull in enumerate(row):
            share = torch.softmax(raw[i][t], 0)
            mixed = sum(s * table[token] for s, (token, _) in zip(share, hull, strict=True))
            moved_to.append(mixed - table[batch.ids[i, t]])
        gap = batch.shape[1] - len(row)
        rows.append(torch.cat([torch.stack(moved_to), torch.zeros(gap, batch.shape[2])]))
    return torch.stack(rows)


def ascc(
    batch: Batch, beta: float, alpha: float, steps: int, adv_lr: float, neighbours: int
) -> Tensor:
    hulls = corners(batch, neighbours, hops=1)
    raw = [[torch.zeros(len(hull), requires_grad=True) for hull in row] for row in hulls]
    flat = [one for row in raw for one in row]
    optimizer = torch.optim.Adam(flat, lr=adv_lr)
    clean = batch.logits()
    for _ in range(steps):
        there = batch.logits(shift(batch, hulls, raw))
        gain = torch.zeros(())
        for i, row in enumerate(raw):
            words = [torch.softmax(one, 0) for one in row if len(one) > 1]
            chaos = sum(-(p * torch.log(p)).sum() for p in words) / max(1, len(words))
            gain = gain + kl(clean[i : i + 1].detach(), there[i : i + 1]) - alpha * chaos
        ups = torch.autograd.grad(-gain, flat, allow_unused=True)
        for one, up in zip(flat, ups, strict=True):
            one.grad = up
        optimizer.step()
    fixed = [[one.detach() for one in row] for row in raw]
    return batch.loss(clean) + beta * kl(clean, batch.logits(shift(batch, hulls, fixed)))


def dne(
    batch: Batch, alpha: float, decay: float, adv_lr: float, iterations: int, neighbours: int
) -> Tensor:
    hulls = corners(batch, neighbours, hops=2)
    width = max(len(hull) for row in hulls for hull in row)
    gamma = torch.full((*batch.ids.shape, width), alpha)
    for i, row in enumerate(hulls):
        for t, hull in enumerate(row):
            for c, (_, hop) in enumerate(hull):
                gamma[i, t, c] = alpha * decay if hop == 2 else alpha
    drawn = torch.distributions.Gamma(gamma, torch.ones_like(gamma)).sample()
    raw = []
    for i, row in enumerate(hulls):
        raw.append(
            [
                (drawn[i, t, : len(hull)] / drawn[i, t, : len(hull)].sum()).clamp_min(1e-6).log()
                for t, hull in enumerate(row)
            ]
        )
    total = torch.zeros(())
    for _ in range(iterations + 1):
        raw = [[one.detach().requires_grad_() for one in row] for row in raw]
        loss = batch.loss(batch.logits(shift(batch, hulls, raw)))
        total = total + loss / (iterations + 1)
        flat = [one for row in raw for one in row if len(one) > 1]
        ups = iter(torch.autograd.grad(loss, flat, retain_graph=True))
        raw = [
            [one + adv_lr * (up := next(ups)) / length(up) if len(one) > 1 else one for one in row]
            for row in raw
        ]
    return total

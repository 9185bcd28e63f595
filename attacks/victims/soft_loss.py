"""What a soft text is to be: answered wrongly, like the original, fluent (Guo et al., section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from attacks.questions import Relax
from attacks.victims.soft_text import SoftText, last_states


class Loss:
    """The loss of one text's mixtures, and its gradient.

    Args:
        victim: the text for the model under attack.
        reader: for a causal language model, whose states are compared and which tells how fluent it is;
            None: the victim's states are compared, and nobody tells.
        real: positions of the tokens that are compared.
        weights: of those, summing to one.
    """

    def __init__(
        self,
        asked: Relax,
        victim: SoftText,
        reader: SoftText | None,
        real: Sequence[int],
        weights: Sequence[float],
    ) -> None:
        self._asked, self._victim, self._reader = asked, victim, reader
        self._real = torch.tensor(real, device=victim.ids.device)
        self._weights = torch.tensor(weights, device=victim.ids.device)
        self._reference = last_states((reader or victim).plain())[0, self._real]

    def gradient(self, mixtures: torch.Tensor) -> tuple[float, torch.Tensor]:
        """The mean lead of the wrong label, and the gradient of the loss at the mixtures."""
        how = self._asked.how
        output, vectors = self._victim.read(mixtures)
        leads = lead(output.logits.float(), self._asked.label, self._asked.rise)
        mean = float(leads.detach().mean())
        loss = (how.margin - leads).clamp(min=0).mean()  # equation 5
        if self._reader is None:
            loss = loss + how.similarity * self._distance(output)
            return mean, self._victim.gradient(loss, vectors)
        gradient = self._victim.gradient(loss, vectors)
        output, vectors = self._reader.read(mixtures)
        surprise, direct = surprised(output.logits.float(), mixtures, self._reader)
        loss = how.similarity * self._distance(output) + how.fluency * surprise
        return (
            mean,
            gradient + self._reader.gradient(loss, vectors) + how.fluency * direct,
        )

    def _distance(self, output: Any) -> torch.Tensor:
        states = last_states(output)[:, self._real]
        return 1 - matched(self._reference, states, self._weights).mean()


def surprised(
    logits: torch.Tensor, mixtures: torch.Tensor, reader: SoftText
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean negative log-likelihood of the tokens behind the first, under a causal language model.

    That of a mixture is the mean over its tokens (equation 7). Also returned is the gradient at the
    mixtures, as far as it does not go through the model.
    """
    said = logits[:, :-1].log_softmax(-1)
    hard = said.gather(2, reader.ids[1:].expand(len(said), -1).unsqueeze(2)).squeeze(2)
    behind = reader.free > 0
    positions = reader.free[behind] - 1
    rows = said[:, positions][:, :, reader.vocabulary]
    soft = (mixtures[:, behind] * rows).sum(-1)
    total = hard.sum() - hard[:, positions].sum() + soft.sum()
    direct = torch.zeros_like(mixtures)
    direct[:, behind] = -rows.detach() / hard.numel()
    return -total / hard.numel(), direct


def lead(logits: torch.Tensor, label: int, rise: bool) -> torch.Tensor:
    """By how much another label leads the given one, or the given one all others; shape (batch,)."""
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], 1).amax(1)
    return others - logits[:, label] if rise else logits[:, label] - others


def matched(reference: torch.Tensor, states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """R of BERTScore (Zhang et al., ICLR 2020): the weighted mean, over the reference's tokens, of the
    largest cosine with any token of the other text.

    Args:
        reference: contextual vectors, shape (tokens, width).
        states: those of the soft texts, shape (batch, tokens, width).
        weights: of the reference's tokens, summing to one.

    Returns: shape (batch,).
    """
    unit = torch.nn.functional.normalize
    cosines = unit(reference, dim=-1) @ unit(states, dim=-1).transpose(1, 2)
    return (cosines.amax(-1) * weights).sum(-1)

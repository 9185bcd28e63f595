"""Causal language models as victims: how likely a text is behind a prompt, and whether it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from attacks.questions import Continuation, Written
from attacks.rounding import MARGIN_DECIMALS
from attacks.victims.prefixes import Prefixes
from attacks.victims.prompts import Ids, Prompts, shared
from attacks.victims.token_gradients import (
    HuggingFaceSpelling,
    HuggingFaceTokenGradients,
    check_length,
    last_logits,
)
from attacks.victims.transformer import ROWS, evaluating

TOLERANCE = 1e-3
"""Largest difference of a log-probability, in nats, that going on from a kept prefix may make: ten times
the float32 noise of logits of about 10. A model with a larger one is always run on the whole text."""


@dataclass(frozen=True, slots=True)
class ContinuationEncoding:
    """Token ids of a prompt, its target, and the prompt that it was made from."""

    prompt: Ids
    target: Ids
    stem: Ids

    @property
    def reused(self) -> int:
        """Tokens of the prompt that are the stem's as well; the last of all has to be run."""
        return min(shared(self.prompt, self.stem), len(self.prompt) - 1)

    def __len__(self) -> int:
        return len(self.prompt) + len(self.target)


class HuggingFaceCausal:
    """A causal language model that answers a `Continuation` with what is `Written`.

    The log-probabilities are those under teacher forcing. Up to the first token that is not the
    target's, and including it, what has the largest one is what greedy decoding writes: the context is
    the same. A token counts as written only if it is ahead of the next by more than the noise of
    float32 (`attacks.rounding.MARGIN_DECIMALS`), so that no batch can change it; `text` ends before one
    that is not.

    Texts that share a batch have one length or run apart: nothing is padded.

    Args:
        model: an `AutoModelForCausalLM`, loaded.
        tokenizer: its tokenizer.
        fingerprint: SHA-256 of the weights; must change whenever they do.
        chat: see `Prompts`.
        max_length: tokens of prompt and target that it takes (None: any number).
        reuse: whether keys and values of common beginnings are kept; answers are the same without.
    """

    writes = "continuations"
    continues = "prompts"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        fingerprint: str,
        chat: bool = False,
        max_length: int | None = None,
        device: str | torch.device | None = None,
        reuse: bool = True,
    ) -> None:
        self._model = model if device is None else model.to(device)
        self._prompts = Prompts(tokenizer, chat)
        self._max_length = max_length
        self.fingerprint = f"{fingerprint}:{'chat' if chat else 'plain'}"
        self._prefixes = Prefixes(self._model)
        self._prefixes.usable = reuse
        self._compared = False

    def encode(self, inputs: Sequence[Continuation]) -> list[ContinuationEncoding]:
        """Raises ValueError for a prompt of no token or too many, and as `Prompts` for a target."""
        prompts = self._prompts.ids([item.strings for item in inputs])
        found = [
            ContinuationEncoding(
                ids, self._prompts.target(item.target), self._prompts.one(item.stem)
            )
            for item, ids in zip(inputs, prompts, strict=True)
        ]
        for encoding in found:
            check_length(encoding.prompt, encoding.target, self._max_length)
        return found

    def run(self, batch: Sequence[ContinuationEncoding]) -> list[Written]:
        """See the class."""
        groups: dict[tuple[Ids, int, int, int], list[int]] = {}
        for number, item in enumerate(batch):
            key = (item.stem, item.reused, len(item.prompt), len(item.target))
            groups.setdefault(key, []).append(number)
        answers: dict[int, Written] = {}
        with evaluating(self._model):
            for numbers in groups.values():
                items = [batch[number] for number in numbers]
                answers.update(zip(numbers, self._written(items), strict=True))
        return [answers[number] for number in range(len(batch))]

    def _written(self, items: Sequence[ContinuationEncoding]) -> list[Written]:
        table = self._log_probabilities(items)
        targets = torch.tensor([item.target for item in items], device=table.device)
        likely = table.gather(2, targets.unsqueeze(2)).squeeze(2).mean(1).tolist()
        best = table.topk(2, dim=2)
        ahead = (best.values[..., 0] - best.values[..., 1]).tolist()
        chosen = best.indices[..., 0].tolist()
        return [
            Written(self._prompts.decoded(_known(item.target, ids, margins)), likelihood)
            for item, ids, margins, likelihood in zip(items, chosen, ahead, likely, strict=True)
        ]

    def _log_probabilities(self, items: Sequence[ContinuationEncoding]) -> torch.Tensor:
        """Those of every token in each place of the targets, shape (items, target tokens, vocabulary).

        The items share a stem, how much of it is reused, and both lengths.
        """
        # Whole blocks of rows: see ROWS.
        rows = [*items, *[items[-1]] * (-len(items) % ROWS)]
        cache = self._prefixes.cache(items[0].stem, items[0].reused, len(rows))
        if cache is None:
            return self._table(rows, 0, None)[: len(items)]
        table = self._table(rows, items[0].reused, cache)
        if (
            not self._compared
        ):  # once for a model, whose kind may go on in a way that nobody foresaw
            self._compared = True
            whole = self._table(rows, 0, None)
            if not torch.allclose(table, whole, rtol=0.0, atol=TOLERANCE):
                self._prefixes.usable = False
                table = whole
        return table[: len(items)]

    def _table(
        self, rows: Sequence[ContinuationEncoding], start: int, cache: Any | None
    ) -> torch.Tensor:
        device = next(self._model.parameters()).device
        places = len(rows[0].target)
        # What follows the last token of the target is nobody's question.
        ids = torch.tensor([(*item.prompt, *item.target[:-1]) for item in rows], device=device)
        logits = self._model(
            input_ids=ids[:, start:],
            attention_mask=torch.ones_like(ids),
            past_key_values=cache,
            use_cache=cache is not None,
            **last_logits(self._model, places),
        ).logits
        return torch.log_softmax(logits[:, -places:].float(), dim=-1)

    def token_gradients(self) -> HuggingFaceTokenGradients:
        """See `attacks.models.TokenWhiteBox`; the two share weights."""
        return HuggingFaceTokenGradients(
            self._model,
            self._prompts,
            fingerprint=f"token-gradients:{self.fingerprint}",
            max_length=self._max_length,
        )

    def spelling(self) -> HuggingFaceSpelling:
        """See `attacks.models.TokenWhiteBox`."""
        return HuggingFaceSpelling(self._prompts, fingerprint=f"spelling:{self.fingerprint}")


def _known(target: Ids, chosen: Sequence[int], ahead: Sequence[float]) -> Ids:
    """The tokens that greedy decoding is known to write."""
    known: list[int] = []
    for wanted, token, margin in zip(target, chosen, ahead, strict=True):
        if round(margin, MARGIN_DECIMALS) <= 0:
            break
        known.append(token)
        if token != wanted:
            break
    return tuple(known)

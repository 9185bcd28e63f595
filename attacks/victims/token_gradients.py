"""What a causal language model's gradient would put into a suffix, and how suffixes are spelt."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from attacks.questions import Coordinates, Ids, Inputs, Respelling, Spelt, TokenChoices
from attacks.victims.embedding import called_embedding, only, tapped
from attacks.victims.prompts import Prompts, Suffix
from attacks.victims.transformer import evaluating

GAIN_DECIMALS = 4
"""First-order estimates are compared after rounding to so many decimals of the largest."""


def last_logits(model: Any, places: int) -> dict[str, int]:
    """The option that spares a model the logits of all but the last places, where it knows one."""
    known = "logits_to_keep" in inspect.signature(model.forward).parameters
    return {"logits_to_keep": places} if known else {}


def check_length(prompt: Sequence[int], target: Sequence[int], most: int | None) -> None:
    """Raise ValueError unless a model that takes `most` tokens (None: any number) can read the two."""
    if not prompt:
        raise ValueError(
            "The prompt has no token: there is nothing that the model could go on from."
        )
    if most is not None and len(prompt) + len(target) > most:
        raise ValueError(
            f"The prompt has {len(prompt):,} tokens and the reference {len(target):,}; the model takes "
            f"{most:,} in all."
        )


@dataclass(frozen=True, slots=True)
class CoordinatesEncoding:
    """A tokenized prompt, cut where its suffix begins and ends, and what is asked of it."""

    suffix: Suffix
    target: tuple[int, ...]
    most: int
    ascii_only: bool

    @property
    def prompt(self) -> tuple[int, ...]:
        """All its tokens."""
        return (*self.suffix.before, *self.suffix.ids, *self.suffix.after)

    def __len__(self) -> int:
        return len(self.prompt) + len(self.target)


class HuggingFaceTokenGradients:
    """Answers `Coordinates` with the substitutes that a gradient proposes.

    The loss is the mean cross-entropy of the target's tokens (in Zou et al., arXiv:2307.15043, section
    2.1, it is the sum). Its gradient by the one-hot vector of a place is, at a token, the product of the
    token's vector and the gradient by the vector in that place; the tokens with the smallest are
    proposed (section 2.2 there). Special tokens are not. Texts run one by one, so that an answer has the
    same bits whatever shares its batch; estimates are rounded, and equal ones go by the number of the
    token.
    """

    def __init__(
        self, model: Any, prompts: Prompts, *, fingerprint: str, max_length: int | None
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._max_length = max_length
        self.fingerprint = fingerprint
        self._allowed = lru_cache(maxsize=2)(self._find_allowed)

    def encode(self, inputs: Sequence[Coordinates]) -> list[CoordinatesEncoding]:
        """Raises ValueError as `Prompts` does, and for a prompt that is too long."""
        found = [
            CoordinatesEncoding(
                self._prompts.suffix(item.strings, item.stem),
                self._prompts.target(item.target),
                item.most,
                item.ascii_only,
            )
            for item in inputs
        ]
        for encoding in found:
            check_length(encoding.prompt, encoding.target, self._max_length)
        return found

    def run(self, batch: Sequence[CoordinatesEncoding]) -> list[TokenChoices]:
        """See the class."""
        return [self._choices(item) for item in batch]

    def _choices(self, item: CoordinatesEncoding) -> TokenChoices:
        slopes = self._slopes(item)
        allowed = self._allowed(item.ascii_only)
        with torch.no_grad():
            # forward, not a call: hooks on the module are for texts.
            table = called_embedding(self._model).forward(allowed.unsqueeze(0))[0].float()
            gains = -slopes @ table.T
            largest = gains.abs().max().clamp(min=torch.finfo(gains.dtype).tiny)
            steps = (gains.double() / largest * 10**GAIN_DECIMALS).round().long()
            # One number for both, so that equal estimates go by the token's number.
            places = torch.arange(len(allowed), device=steps.device)
            order = (
                (steps * len(allowed) - places).topk(min(item.most, len(allowed)), dim=1).indices
            )
            choices: Ids = allowed[order].cpu().numpy()
        return TokenChoices(np.array(item.suffix.ids, dtype=np.int64), choices)

    def _slopes(self, item: CoordinatesEncoding) -> torch.Tensor:
        """The gradient of the loss by the vectors of the suffix, shape (its tokens, width)."""
        device = next(self._model.parameters()).device
        places = len(item.target)
        ids = torch.tensor([(*item.prompt, *item.target[:-1])], device=device)
        with evaluating(self._model, gradients=True):
            with tapped(self._model) as seen:
                output = self._model(
                    input_ids=ids, use_cache=False, **last_logits(self._model, places)
                )
            vectors = only(seen, ids, self._model)
            loss = torch.nn.functional.cross_entropy(
                output.logits[0, -places:].float(), torch.tensor(item.target, device=device)
            )
            (gradient,) = torch.autograd.grad(loss, vectors)
        start = len(item.suffix.before)
        return gradient[0, start : start + len(item.suffix.ids)].float()

    def _find_allowed(self, ascii_only: bool) -> torch.Tensor:
        """Ids of the tokens that may be proposed, ascending.

        None for which the model or the tokenizer has no entry, and no special one.
        """
        tokenizer = self._prompts.tokenizer
        special = {*tokenizer.all_special_ids} | {
            number
            for number, token in getattr(tokenizer, "added_tokens_decoder", {}).items()
            if token.special
        }
        known = min(len(tokenizer), len(next(called_embedding(self._model).parameters())))
        written = tokenizer.batch_decode(
            [[number] for number in range(known)], clean_up_tokenization_spaces=False
        )
        found = [
            number
            for number, text in enumerate(written)
            if number not in special and not (ascii_only and not _plain(text))
        ]
        return torch.tensor(found, device=next(self._model.parameters()).device)


class HuggingFaceSpelling:
    """Answers a `Respelling` with what is `Spelt`: no weights are asked."""

    def __init__(self, prompts: Prompts, *, fingerprint: str) -> None:
        self._prompts = prompts
        self.fingerprint = fingerprint

    def encode(self, inputs: Sequence[Respelling]) -> list[tuple[Inputs | None, ...]]:
        """The answers themselves: tokenizing is all there is to do."""
        return [
            tuple(
                self._prompts.spelt(
                    item.strings, self._prompts.suffix(item.strings, item.stem), item.rows
                )
            )
            for item in inputs
        ]

    def run(self, batch: Sequence[tuple[Inputs | None, ...]]) -> list[Spelt]:
        """See the class."""
        return [Spelt(texts) for texts in batch]


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()

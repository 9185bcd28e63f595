"""Texts drawn from a distribution that is fitted to fool a transformers classifier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from attacks.errors import AttackError
from attacks.questions import Inputs, Relax, Relaxed
from attacks.victims.gumbel import Distribution
from attacks.victims.nearest import space_mark
from attacks.victims.soft_loss import Loss
from attacks.victims.soft_text import SoftText
from attacks.victims.spelling import Place, Spelling, respelt, spelling
from attacks.victims.transformer import Encoding, TransformersModel, offset, readable


@dataclass(frozen=True, slots=True)
class RelaxEncoding:
    """A tokenized text, and which of its tokens may change.

    Attributes:
        real: positions of the tokens that stand for text.
        free: positions of those that may change, ascending; `places` are theirs in the text, `own` their
            numbers in the spelling.
    """

    text: Encoding
    asked: Relax
    real: tuple[int, ...]
    free: tuple[int, ...]
    places: tuple[Place, ...]
    own: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.text) * self.asked.how.batch


class HuggingFaceRelaxed(TransformersModel):
    """See `attacks.models.Relaxable`.

    Every text is fitted by itself, its soft texts being the batch: it has one shape, whatever else
    waits. Rows beside it changed no bit where that was measured (MiniLM, one CPU thread), but other
    kernels promise nothing, and noise of 1e-6 of each gradient changed one of twenty drawn texts.

    Args:
        language_model: a causal language model with the same tokens. It then gives the fluency term and
            the contextual vectors of the similarity; without one there is no fluency term, and the
            vectors are the last hidden states of the victim.
        idf: weight of each token id in the similarity; the others weigh 0 (None: all weigh the same).
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        fingerprint: str,
        max_length: int,
        language_model: Any = None,
        idf: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__(model, tokenizer, fingerprint=fingerprint, max_length=max_length)
        self._language_model = None if language_model is None else language_model.eval()
        self._idf = idf
        if language_model is not None and language_model.config.vocab_size < len(tokenizer):
            raise AttackError(
                f"The language model knows {language_model.config.vocab_size:,} tokens and the victim's "
                f"tokenizer has {len(tokenizer):,}: it must be one with the same tokens."
            )

    def encode(self, inputs: Sequence[Relax]) -> list[RelaxEncoding]:  # type: ignore[override]
        """Raises AttackError where the tokenizer cannot say which characters a token stands for."""
        self.require_places("An attack that changes tokens")
        encoded = self.tokenize([item.strings for item in inputs], return_offsets_mapping=True)
        return [
            self._encoding(item, text, encoded.sequence_ids(n), encoded["offset_mapping"][n])
            for n, (item, text) in enumerate(zip(inputs, self.encodings(encoded), strict=True))
        ]

    def _encoding(
        self,
        item: Relax,
        text: Encoding,
        owners: Sequence[int | None],
        offsets: Sequence[tuple[int, int]],
    ) -> RelaxEncoding:
        strings = tuple(map(readable, item.strings))
        spans = [
            None if owner is None else _place(strings, owner, span)
            for owner, span in zip(owners, offsets, strict=True)
        ]
        # A mark alone is said to stand where the token behind it does; parts of a character share one.
        written = [
            None if token in self._marks else span
            for token, span in zip(text.ids, spans, strict=True)
        ]
        taken = Counter(
            (f, n) for f, start, end in filter(None, written) for n in range(start, end)
        )
        free, places, own = [], [], []
        for position, (token, span) in enumerate(zip(text.ids, written, strict=True)):
            number = self._numbers.get(token)
            if number is None or span is None or span[0] in item.frozen:
                continue
            if any(taken[(span[0], n)] > 1 for n in range(span[1], span[2])):
                continue
            free.append(position)
            places.append(Place(*span, self._spelling.starts[number]))
            own.append(number)
        real = tuple(n for n, owner in enumerate(owners) if owner is not None)
        return RelaxEncoding(text, item, real, tuple(free), tuple(places), tuple(own))

    @cached_property
    def _marks(self) -> frozenset[int]:
        """Tokens that are nothing but a mark for a space."""
        mark = space_mark(self._tokenizer)
        return frozenset(() if mark is None else (self._tokenizer.convert_tokens_to_ids(mark),))

    @property
    def _spelling(self) -> Spelling:
        return spelling(self._tokenizer)

    @cached_property
    def _numbers(self) -> dict[int, int]:
        """The place of a token id in the spelling."""
        return {token: number for number, token in enumerate(self._spelling.ids)}

    def run(self, batch: Sequence[RelaxEncoding]) -> list[Relaxed]:
        """One answer an encoding."""
        return [self._fitted(item) for item in batch]

    def _fitted(self, item: RelaxEncoding) -> Relaxed:
        how = item.asked.how
        if not item.free:
            return Relaxed((), np.zeros(how.iterations, dtype=np.float32))
        device = next(self._model.parameters()).device
        own = torch.tensor(item.own, device=device)
        drawn = Distribution(own, len(self._spelling.ids), how, item.asked.seed)
        margins = []
        with self.evaluating(gradients=True):
            loss = self._loss(item)
            for _ in range(how.iterations):
                mixtures = drawn.mixtures()
                margin, gradient = loss.gradient(mixtures)
                drawn.step(mixtures, gradient)
                margins.append(margin)
        texts = tuple(self._text(item, drawn.sample()) for _ in range(how.samples))
        return Relaxed(texts, np.array(margins, dtype=np.float32))

    def _loss(self, item: RelaxEncoding) -> Loss:
        weights = [
            1.0 if self._idf is None else self._idf.get(item.text.ids[n], 0.0) for n in item.real
        ]
        total = sum(weights)
        even = 1 / len(weights)
        return Loss(
            item.asked,
            self._soft(self._model, item),
            None if self._language_model is None else self._soft(self._language_model, item),
            item.real,
            [weight / total if total else even for weight in weights],
        )

    def _soft(self, model: Any, item: RelaxEncoding) -> SoftText:
        kinds = model is self._model
        return SoftText(model, item.text, item.free, self._spelling.ids, kinds)

    def _text(self, item: RelaxEncoding, drawn: Sequence[int]) -> tuple[str, ...]:
        known = self._spelling
        new = [
            None if number == own else (known.texts[number], known.starts[number])
            for number, own in zip(drawn, item.own, strict=True)
        ]
        return respelt(item.asked.strings, item.places, new, known.marked)


def _place(strings: Inputs, owner: int, span: tuple[int, int]) -> tuple[int, int, int] | None:
    """(field, start, end) of a token, white space left out; None where it stands in no single field."""
    fields = range(1) if owner == 0 else range(1, len(strings))
    for field in fields:
        shift = offset(strings, field) if owner else 0
        start, end = span[0] - shift, span[1] - shift
        if 0 <= start < end <= len(strings[field]):
            token = strings[field][start:end]
            start += len(token) - len(token.lstrip())
            end -= len(token) - len(token.rstrip())
            return (field, start, end) if start < end else None
    return None

"""The gradient of a transformers classifier, as the effect of word swaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attacks.questions import Floats, Inputs, Slopes, Swaps
from attacks.victims.embedding import called_embedding, only, tapped
from attacks.victims.pieces import Pieces, pieces
from attacks.victims.transformer import Encoding, TransformersModel, offset


@dataclass(frozen=True, slots=True)
class SwapsEncoding:
    """A tokenized text with its swaps.

    Attributes:
        places: token positions of every span; none where the text was cut before it.
        pieces: token ids of every replacement, span by span.
    """

    text: Encoding
    label: int
    places: tuple[tuple[int, ...], ...]
    pieces: tuple[tuple[Pieces, ...], ...]

    def __len__(self) -> int:
        return len(self.text)


class HuggingFaceFirstOrder(TransformersModel):
    """What swapping words would do to a classifier's loss, to first order (Ebrahimi et al., ACL 2018).

    A word's vector is the mean of its tokens'. The estimate for a swap is the projection of the
    difference between the two words' vectors on the gradient at the word's place, as in the fast
    gradient projection method of Wang et al. (AAAI 2021, arXiv:2008.03709), summed over its tokens.
    One forward and one backward pass answer all swaps of a text.
    """

    def encode(self, inputs: Sequence[Swaps]) -> list[SwapsEncoding]:  # type: ignore[override]
        """Raises AttackError where the tokenizer cannot say which characters a token stands for."""
        self.require_places("An attack by gradients")
        encoded = self.tokenize([item.strings for item in inputs], return_offsets_mapping=True)
        known = pieces(
            self._tokenizer,
            (_spaced(item, span, word) for item in inputs for span, word in _pairs(item)),
        )
        return [
            SwapsEncoding(
                text,
                item.label,
                tuple(_places(item, span, encoded.sequence_ids(n), offsets) for span in item.spans),
                tuple(
                    tuple(known[_spaced(item, span, word)] for word in words)
                    for span, words in zip(item.spans, item.replacements, strict=True)
                ),
            )
            for n, (item, text, offsets) in enumerate(
                zip(inputs, self.encodings(encoded), encoded["offset_mapping"], strict=True)
            )
        ]

    def run(self, batch: Sequence[SwapsEncoding]) -> list[Slopes]:
        """See `attacks.models.WhiteBox.first_order`."""
        inputs = self.inputs([item.text for item in batch])
        logits, vectors, gradient = self._backward(inputs, [item.label for item in batch])
        module = called_embedding(self._model)
        shift = inputs["input_ids"].shape[1] if self._left else 0
        rows: Floats = logits.cpu().numpy()
        return [
            self._slopes(
                item,
                module,
                rows[n],
                gradient[n].float(),
                vectors[n].float(),
                shift - len(item) if self._left else 0,
            )
            for n, item in enumerate(batch)
        ]

    def token_gradients(self, strings: Inputs) -> tuple[tuple[int, ...], Floats]:
        """Token ids of one text, and the gradient of the loss of the predicted label at each of them.

        The gradient has the shape (tokens, width); special tokens are among them.
        """
        (text,) = super().encode([strings])
        _, _, gradient = self._backward(self.inputs([text]), None)
        width = gradient.shape[1]
        real = gradient[0, width - len(text) :] if self._left else gradient[0, : len(text)]
        return text.ids, real.float().cpu().numpy()

    def tokens(self, strings: Inputs) -> list[str]:
        """The tokens of one text, special ones included, as the tokenizer writes them."""
        (text,) = super().encode([strings])
        found: list[str] = self._tokenizer.convert_ids_to_tokens(list(text.ids))
        return found

    def _backward(
        self, inputs: dict[str, torch.Tensor], labels: Sequence[int] | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits of the real rows, word vectors and the gradient of the summed loss at them.

        `labels` are those of the real rows; None for what the model predicts of the first.
        """
        with self.evaluating(gradients=True):
            with tapped(self._model) as seen:
                logits = self._model(**inputs).logits[: len(labels or (0,))].float()
            vectors = only(seen, inputs["input_ids"], self._model)
            truth = logits.argmax(1) if labels is None else logits.new_tensor(labels).long()
            loss = torch.nn.functional.cross_entropy(logits, truth, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, vectors)
        return logits.detach(), vectors.detach(), gradient

    def _slopes(
        self,
        item: SwapsEncoding,
        module: Any,
        logits: Floats,
        gradient: torch.Tensor,
        vectors: torch.Tensor,
        shift: int,
    ) -> Slopes:
        """`gradient` and `vectors` have shape (tokens, width); padding at the left shifts the places."""
        places = [[place + shift for place in span] for span in item.places]
        weights = [float(gradient[at].mean(0).abs().sum()) if at else 0.0 for at in places]
        gains = self._gains(item, places, module, gradient, vectors)
        return Slopes(logits, gains, np.array(weights, dtype=np.float32))

    def _gains(
        self,
        item: SwapsEncoding,
        places: Sequence[Sequence[int]],
        module: Any,
        gradient: torch.Tensor,
        vectors: torch.Tensor,
    ) -> Floats:
        words = [word for span in item.pieces for word in span]
        if not words:
            return np.zeros(0, dtype=np.float32)
        new = self._word_vectors(words, module, vectors)
        old, slopes = [], []
        for at, span in zip(places, item.pieces, strict=True):
            mean = vectors[at].mean(0) if at else torch.zeros_like(vectors[0])
            old += [mean] * len(span)
            slopes += [gradient[at].sum(0)] * len(span)
        gains = ((new - torch.stack(old)) * torch.stack(slopes)).sum(1)
        row: Floats = gains.cpu().numpy()
        return row

    @torch.no_grad()
    def _word_vectors(
        self, words: Sequence[Pieces], module: Any, like: torch.Tensor
    ) -> torch.Tensor:
        """Mean token vector of every word, shape (words, width); zero for a word without tokens."""
        flat = torch.tensor([token for word in words for token in word], device=like.device).long()
        owner = torch.tensor([n for n, word in enumerate(words) for _ in word], device=like.device)
        total = torch.zeros(len(words), like.shape[1], device=like.device)
        if len(flat):
            # forward, not a call: hooks on the module are for texts.
            total.index_add_(0, owner.long(), module.forward(flat.unsqueeze(0))[0].float())
        count = torch.tensor([max(1, len(word)) for word in words], device=like.device)
        return total / count.unsqueeze(1)


def _pairs(item: Swaps) -> Iterator[tuple[tuple[int, int, int], str]]:
    for span, words in zip(item.spans, item.replacements, strict=True):
        for word in words:
            yield span, word


def _spaced(item: Swaps, span: tuple[int, int, int], word: str) -> str:
    """A replacement with the space before it, if one is: some tokenizers write that into the token."""
    field, start, _ = span
    spaced = start > 0 and item.strings[field][start - 1].isspace()
    return f" {word}" if spaced and word else word


def _places(
    item: Swaps,
    span: tuple[int, int, int],
    sequences: Sequence[int | None],
    offsets: Sequence[tuple[int, int]],
) -> tuple[int, ...]:
    """Positions of the tokens that a span of characters touches."""
    field, start, end = span
    sequence = min(field, 1)
    shift = offset(item.strings, field)
    return tuple(
        place
        for place, (owner, (first, last)) in enumerate(zip(sequences, offsets, strict=True))
        if owner == sequence and first < end + shift and last > start + shift and last > first
    )

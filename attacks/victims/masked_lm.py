"""A masked language model: what could stand in a place, and how likely a word is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from attacks.questions import Blank, Fit, Floats, Words
from attacks.victims.nearest import whole_words
from attacks.victims.transformer import Encoding, TransformersModel, readable

MOST = 64
"""Words in an answer."""
SPARE, DECIMALS = 16, 4
"""So many more are ranked anew after rounding to so many decimals."""
SHORTEST = 2
"""Letters of a word that may be proposed."""
PIECES, COMBINATIONS = 12, 24
"""Of a word of several tokens: proposals for each token, and words made of them (BERT-Attack's code)."""


@dataclass(frozen=True, slots=True)
class PlaceEncoding:
    """A tokenized text and the positions of the tokens in question; `pieces` are those of a word."""

    text: Encoding
    places: tuple[int, ...]
    pieces: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.text)


class _MaskedLM(TransformersModel):
    """What both questions have in common.

    The text is read in a window around the place, as wide as the model allows (`max_length`).
    """

    @cached_property
    def _frame(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The special tokens before and after a text."""
        encoded = self._tokenizer("a", return_special_tokens_mask=True)
        ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
        first = special.index(0)
        last = len(special) - special[::-1].index(0)
        return tuple(ids[:first]), tuple(ids[last:])

    def framed(
        self, before: str, middle: str, after: str, pieces: tuple[int, ...] = ()
    ) -> PlaceEncoding:
        """The window around what stands in the middle.

        Raises AttackError where the tokenizer cannot say which characters a token stands for.
        """
        self.require_places("A masked language model")
        before, middle, after = map(readable, (before, middle, after))
        encoded = self._tokenizer(
            before + middle + after, add_special_tokens=False, return_offsets_mapping=True
        )
        start, end = len(before), len(before) + len(middle)
        places = [
            n
            for n, (first, last) in enumerate(encoded["offset_mapping"])
            if first < end and last > start and first < last
        ]
        left, right = self._frame
        room = self._max_length - len(left) - len(right)
        ids = encoded["input_ids"]
        centre = places[len(places) // 2] if places else 0
        cut = max(0, min(centre - room // 2, len(ids) - room))
        kept = (*left, *ids[cut : cut + room], *right)
        inside = tuple(n - cut + len(left) for n in places if cut <= n < cut + room)
        kinds = (0,) * len(kept) if "token_type_ids" in self._tokenizer.model_input_names else None
        return PlaceEncoding(Encoding(kept, kinds), inside, pieces)

    def likelihoods(self, batch: Sequence[PlaceEncoding]) -> list[torch.Tensor]:
        """Log-probabilities of the vocabulary at the places of each text, shape (places, vocabulary).

        The head runs at those places alone: on a small model most of the work is in the vocabulary.
        Texts that several questions have in common are read once.
        """
        texts = list(dict.fromkeys(item.text for item in batch))
        inputs = self.inputs(texts)
        width, device = inputs["input_ids"].shape[1], inputs["input_ids"].device
        number = {text: n for n, text in enumerate(texts)}
        asked = []
        for item in batch:
            shift = width - len(item.text) if self._left else 0
            asked.append([(number[item.text], place + shift) for place in item.places])
        row = {at: n for n, at in enumerate(dict.fromkeys(at for places in asked for at in places))}
        rows = torch.tensor([n for n, _ in row], dtype=torch.long, device=device)
        columns = torch.tensor([place for _, place in row], dtype=torch.long, device=device)

        def narrow(module: Any, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            return (arguments[0][rows, columns].unsqueeze(0), *arguments[1:])

        head = self._model.get_output_embeddings()
        with self.evaluating():
            handle = head.register_forward_pre_hook(narrow) if head is not None else None
            try:
                logits = self._model(**inputs).logits
            finally:
                if handle is not None:
                    handle.remove()
            found = logits[0] if handle is not None else logits[rows, columns]
            table = torch.log_softmax(found.float(), dim=-1)
        return [table[[row[at] for at in places]] for places in asked]


class HuggingFaceMaskedLM(_MaskedLM):
    """Answers a `Blank` with up to `MOST` whole `Words` and their log-probabilities."""

    def encode(self, inputs: Sequence[Blank]) -> list[PlaceEncoding]:  # type: ignore[override]
        """See `attacks.models.Model.encode`."""
        mask = self._tokenizer.mask_token
        return [self.framed(item.before, item.seen or mask, item.after) for item in inputs]

    def run(self, batch: Sequence[PlaceEncoding]) -> list[Words]:
        """Words for each place, the likeliest first; none for a place outside of any text.

        A place of several tokens is filled by the likeliest combinations of tokens that make one word,
        by their mean log-probability (Li et al., EMNLP 2020, section 3.2).
        """
        ids, words = self._vocabulary
        answers = []
        for table in self.likelihoods(batch):
            if len(table) == 1:
                scores, order = table[0, ids].topk(min(MOST + SPARE, len(words)))
                # Rounded: the last bits differ between batches.
                ranked = sorted(
                    (-round(score, DECIMALS), n)
                    for score, n in zip(scores.tolist(), order.tolist(), strict=True)
                )[:MOST]
                likely = np.array([-score for score, _ in ranked], dtype=np.float32)
                answers.append(Words(tuple(words[n] for _, n in ranked), likely))
            else:
                answers.append(self._combined(table))
        return answers

    @cached_property
    def _vocabulary(self) -> tuple[torch.Tensor, tuple[str, ...]]:
        known = whole_words(self._tokenizer, SHORTEST)
        device = next(self._model.parameters()).device
        return torch.tensor(known.ids, device=device), known.words

    def _combined(self, table: torch.Tensor) -> Words:
        ends: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
        for row in table:
            scores, ids = row.topk(min(PIECES, row.shape[-1]))
            longer = [
                (total + score, (*tokens, token))
                for total, tokens in ends
                for score, token in zip(scores.tolist(), ids.tolist(), strict=True)
            ]
            ends = sorted(longer, key=lambda end: (-round(end[0], DECIMALS), end[1]))[
                : COMBINATIONS * PIECES
            ]
        found: dict[str, float] = {}
        for total, tokens in ends if len(table) else []:
            pieces = self._tokenizer.convert_ids_to_tokens(list(tokens))
            word = self._tokenizer.convert_tokens_to_string(pieces).strip()
            if len(word) >= SHORTEST and word.isalpha() and len(found) < COMBINATIONS:
                found.setdefault(word, total / len(table))
        return Words(tuple(found), np.array(list(found.values()), dtype=np.float32))


class HuggingFaceFluency(_MaskedLM):
    """Answers a `Fit` with the log-probability of the word, in nats, shape (1,).

    A word of several tokens is masked by as many, and their log-probabilities are added up (the
    pseudo-log-likelihood of Salazar et al., ACL 2020, of that word alone).
    """

    def encode(self, inputs: Sequence[Fit]) -> list[PlaceEncoding]:  # type: ignore[override]
        """See `attacks.models.Model.encode`."""
        return [self._encoded(item) for item in inputs]

    def _encoded(self, item: Fit) -> PlaceEncoding:
        spaced = item.before[-1:].isspace()
        word = f" {item.word}" if spaced else item.word
        pieces = tuple(self._tokenizer(word, add_special_tokens=False)["input_ids"])
        mask = self._tokenizer.mask_token * len(pieces)
        return self.framed(item.before, mask, item.after, pieces)

    def run(self, batch: Sequence[PlaceEncoding]) -> Floats:
        """Log-probabilities, shape (len(batch), 1)."""
        rows = []
        for item, table in zip(batch, self.likelihoods(batch), strict=True):
            chosen = torch.tensor(item.pieces[: len(table)], device=table.device)
            rows.append(table.gather(1, chosen.unsqueeze(1)).sum().reshape(1))
        answer: Floats = torch.stack(rows).cpu().numpy()
        return answer

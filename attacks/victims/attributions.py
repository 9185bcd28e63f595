"""How much each word of a text speaks for a label, by integrated gradients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

from attacks.questions import Inputs
from attacks.victims.embedding import called_embedding
from attacks.victims.transformer import TransformersModel, offset

STEPS = 32
"""Points on the way from the empty text. Sundararajan et al. (2017) find 20 to 300 enough; how well it
did is told by `Attribution.error`."""
AT_ONCE = 16
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Attribution:
    """What each word of a text adds to the logit of a label.

    Attributes:
        words: (field, start, end) of every stretch without white space, in order.
        scores: one a word, in logits; those of words behind the place where the text is cut are 0.
        logit, empty: of the label, for the text and for the same text with all of it masked.
        error: `logit - empty` less the sum of all scores: near 0, for the steps are many but finite. Of
            an encoder-decoder it also holds what its decoder reads of the text, which no word is given.
    """

    words: tuple[tuple[int, int, int], ...]
    scores: tuple[float, ...]
    logit: float
    empty: float
    error: float


class HuggingFaceAttributions(TransformersModel):
    """Integrated gradients (Sundararajan, Taly and Yan, ICML 2017, arXiv:1703.01365) through captum.

    The path runs in the space of word embeddings, from the text with a mask token (or the unknown, or
    the padding token) in the place of each of its tokens. Special tokens stay as they are.
    """

    def attributed(self, strings: Inputs, label: int) -> Attribution:
        """What the words of one text add to the logit of a label.

        Raises AttackError where the tokenizer cannot say which characters a token stands for, and
        ImportError where captum is not installed.
        """
        from captum.attr import LayerIntegratedGradients

        self.require_places("An attribution to words")
        encoded = self.tokenize([strings], return_offsets_mapping=True)
        (text,) = self.encodings(encoded)
        owners = encoded.sequence_ids(0)
        device = next(self._model.parameters()).device
        ids = torch.tensor([text.ids], device=device)
        masked = torch.tensor(
            [[i if o is None else self._nothing() for i, o in zip(text.ids, owners, strict=True)]],
            device=device,
        )
        rest: dict[str, Any] = {"attention_mask": torch.ones_like(ids)}
        if text.kinds is not None:
            rest["token_type_ids"] = torch.tensor([text.kinds], device=device)

        def logits(rows: torch.Tensor) -> torch.Tensor:
            beside = {key: value.expand(len(rows), -1) for key, value in rest.items()}
            found: torch.Tensor = self._model(input_ids=rows, **beside).logits.float()
            return found

        with self.evaluating(gradients=True):
            gradients = LayerIntegratedGradients(logits, called_embedding(self._model))
            vectors = gradients.attribute(
                ids, masked, target=label, n_steps=STEPS, internal_batch_size=AT_ONCE
            )
            with torch.no_grad():
                logit, empty = (float(logits(row)[0, label]) for row in (ids, masked))
        tokens = vectors[0].float().sum(-1).tolist()
        words, scores = [], []
        for field, value in enumerate(strings):
            shift, sequence = offset(strings, field), min(field, 1)
            for match in _WORD.finditer(value):
                start, end = match.start() + shift, match.end() + shift
                words.append((field, match.start(), match.end()))
                scores.append(
                    sum(
                        score
                        for score, owner, (first, last) in zip(
                            tokens, owners, encoded["offset_mapping"][0], strict=True
                        )
                        if owner == sequence and first < end and last > start
                    )
                )
        return Attribution(tuple(words), tuple(scores), logit, empty, logit - empty - sum(tokens))

    def _nothing(self) -> int:
        """The token that stands for no word."""
        for name in ("mask_token_id", "unk_token_id"):
            token = getattr(self._tokenizer, name, None)
            if token is not None:
                return int(token)
        return int(self._pad)

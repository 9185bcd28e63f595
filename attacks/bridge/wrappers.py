"""Victims as TextAttack's `ModelWrapper`, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.bridge.importing import textattack
from attacks.errors import AttackError
from attacks.models import Victim, WhiteBox
from attacks.questions import Floats, Inputs
from attacks.victims.first_order import HuggingFaceFirstOrder
from attacks.victims.function import logarithms

BATCH = 32
"""Texts that a wrapped victim is given at once; TextAttack asks for so many (`model_batch_size`)."""
PIECE_MARKS = ("##", "Ġ", "▁")
"""What tokenizers put before tokens, and TextAttack wants taken off to find its words again."""


class VictimWrapper:
    """A victim for TextAttack's own tools: `Attacker`, `Augmenter`, `textattack attack`.

    `isinstance(wrapper, textattack.models.wrappers.ModelWrapper)` holds.

    Attributes:
        model: the transformers model behind the victim, else the victim itself; TextAttack looks at it.
    """

    def __init__(self, victim: Victim) -> None:
        textattack().models.wrappers.ModelWrapper.register(VictimWrapper)
        self.victim = victim
        self.model = getattr(victim, "model", victim)

    def __call__(self, text_input_list: Sequence[str | Inputs], **kwargs: Any) -> Any:
        """Logits as a tensor, shape (texts, labels); several fields come as a tuple of strings."""
        import torch

        encodings = self.victim.encode([strings(item) for item in text_input_list])
        order = sorted(range(len(encodings)), key=lambda n: len(encodings[n]))
        rows: dict[int, Floats] = {}
        for first in range(0, len(order), BATCH):
            part = order[first : first + BATCH]
            answers = self.victim.run([encodings[n] for n in part])
            rows |= dict(zip(part, answers, strict=True))
        return torch.from_numpy(np.stack([rows[n] for n in range(len(order))]))

    def get_grad(self, text_input: str | Inputs) -> dict[str, Any]:
        """The gradient of the loss of the predicted label at every token of one text.

        Returns:
            "ids" with shape (1, tokens) and "gradient" with shape (tokens, width), special tokens
            included.

        Raises AttackError where the victim is no transformers model.
        """
        ids, rows = _first_order(self.victim).token_gradients(strings(text_input))
        return {"ids": np.array([ids]), "gradient": rows}

    def tokenize(
        self, inputs: Sequence[str | Inputs], strip_prefix: bool = False
    ) -> list[list[str]]:
        """The tokens of each text as strings."""
        model = _first_order(self.victim)
        found = [model.tokens(strings(item)) for item in inputs]
        for mark in PIECE_MARKS if strip_prefix else ():
            found = [[token.replace(mark, "") for token in row] for row in found]
        return found


class WrappedModel:
    """A TextAttack `ModelWrapper` of a classifier as a victim.

    Args:
        wrapper: called with a list of strings (of tuples where there are several fields), it returns
            logits or probabilities of shape (texts, labels) as tensor, array or lists.
        labels: label names in the order of its outputs.
        fingerprint: identifies what it computes; without one, nothing is shared between two victims.
    """

    def __init__(self, wrapper: Any, labels: Sequence[str], fingerprint: str | None = None) -> None:
        import uuid

        self._wrapper = wrapper
        self.labels = tuple(labels)
        self.fingerprint = fingerprint or uuid.uuid4().hex

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        """Inputs as they are; they count one token a field."""
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        """Logits, shape (len(batch), len(labels)).

        Rows that add up to one are probabilities, as in TextAttack's goal functions; their logarithm is
        returned. Raises AttackError where the wrapper's answer has another shape.
        """
        texts = [item[0] if len(item) == 1 else item for item in batch]
        answer = self._wrapper(texts)
        if hasattr(answer, "detach"):
            answer = answer.detach().cpu().numpy()
        rows: Floats = np.asarray(answer, dtype=np.float32)
        made = logarithms(rows, len(batch), len(self.labels), type(self._wrapper).__name__)
        sums_to_one = np.abs(rows.sum(axis=1) - 1) < 1e-6
        return made if bool(((rows >= 0).all(axis=1) & sums_to_one).all()) else rows


def strings(item: str | Inputs) -> Inputs:
    """The field values of what TextAttack calls a `tokenizer_input`."""
    return (item,) if isinstance(item, str) else tuple(item)


def _first_order(victim: Victim) -> HuggingFaceFirstOrder:
    model = victim.first_order() if isinstance(victim, WhiteBox) else None
    if not isinstance(model, HuggingFaceFirstOrder):
        raise AttackError(
            f"This TextAttack attack needs gradients, and a victim of type {type(victim).__name__} has "
            "none. Use an attack that only asks, or a transformers model."
        )
    return model

"""Any Python function as a victim, one that answers with labels or one that writes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import numpy as np

from attacks.errors import AttackError
from attacks.questions import Floats, Inputs, Phrasings, Rephrase, Written
from attacks.rounding import SMALLEST


class FunctionVictim:
    """A function from texts to class probabilities.

    Args:
        function: takes a list of strings (of tuples of strings where there are several fields) and
            returns probabilities of shape (n, len(labels)).
        labels: label names.
        fingerprint: identifies what the function computes; without one, nothing is shared between
            two victims.
    """

    def __init__(
        self,
        function: Callable[[list[str] | list[Inputs]], object],
        labels: Sequence[str],
        fingerprint: str | None = None,
    ) -> None:
        self._function = function
        self.labels = tuple(labels)
        self.fingerprint = fingerprint or uuid.uuid4().hex

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        """Inputs as they are; they count one token a field."""
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        """Logarithms of the function's probabilities, shape (len(batch), len(labels)).

        Raises AttackError where the function's answer has another shape.
        """
        answer = np.asarray(self._function(_plain(batch)), dtype=np.float32)
        return logarithms(answer, len(batch), len(self.labels), "The victim function")


class FunctionWriter:
    """A function from texts to texts.

    Args:
        function: takes a list of strings (of tuples of strings where there are several fields) and
            returns as many strings.
        writes: what it writes, in words for messages.
        fingerprint: as of a `FunctionVictim`.
    """

    def __init__(
        self,
        function: Callable[[list[str] | list[Inputs]], Sequence[str]],
        *,
        writes: str = "text",
        fingerprint: str | None = None,
    ) -> None:
        self._function = function
        self.writes = writes
        self.fingerprint = fingerprint or uuid.uuid4().hex

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        """Inputs as they are; they count one token a field."""
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> list[Written]:
        """What the function returns, in order.

        Raises AttackError where that is not one string an input.
        """
        answer = self._function(_plain(batch))
        if isinstance(answer, str) or len(answer) != len(batch):
            raise AttackError(
                f"The victim function was given {len(batch)} texts; it must return a list of as many "
                f"strings, and returned {answer!r:.80}."
            )
        return [Written(str(text)) for text in answer]


class FunctionRephraser:
    """A function from texts to other wordings, as a model that answers `Rephrase`.

    Args:
        function: takes a list of (text, control) pairs and returns for each the texts that could stand
            in its place, best first. It must depend on nothing else.
        fingerprint: as of a `FunctionVictim`.
    """

    def __init__(
        self,
        function: Callable[[list[tuple[str, str]]], Sequence[Sequence[str]]],
        fingerprint: str | None = None,
    ) -> None:
        self._function = function
        self.fingerprint = fingerprint or uuid.uuid4().hex

    def encode(self, inputs: Sequence[Rephrase]) -> list[tuple[str, str]]:
        """Texts and controls as they are."""
        return [(item.text, item.control) for item in inputs]

    def run(self, batch: Sequence[tuple[str, str]]) -> list[Phrasings]:
        """What the function returns, in order.

        Raises AttackError where that is not one list of strings an input.
        """
        answer = self._function(list(batch))
        if len(answer) != len(batch) or any(isinstance(texts, str) for texts in answer):
            raise AttackError(
                f"The function that rephrases was given {len(batch)} texts; it must return as many "
                f"lists of strings, and returned {answer!r:.80}."
            )
        return [Phrasings(tuple(dict.fromkeys(map(str, texts)))) for texts in answer]


def _plain(batch: Sequence[Inputs]) -> list[str] | list[Inputs]:
    return [item[0] for item in batch] if len(batch[0]) == 1 else list(batch)


def logarithms(probabilities: Floats, texts: int, labels: int, who: str) -> Floats:
    """Logarithms of class probabilities, shape (texts, labels).

    Raises AttackError, in the name of `who`, where they have another shape.
    """
    if probabilities.shape != (texts, labels):
        raise AttackError(
            f"{who} returned shape {probabilities.shape} for {texts} texts and {labels} labels; it must "
            f"return ({texts}, {labels})."
        )
    logits: Floats = np.log(np.maximum(probabilities, SMALLEST)).astype(np.float32)
    return logits

"""What the scheduler runs: the victim, and models that serve constraints."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Protocol, runtime_checkable

from attacks.questions import Answer, Floats, Inputs, WordVectors


class Model(Protocol):
    """A batched function from inputs to rows of numbers.

    `encode` and `run` are apart so that a text is tokenized once, on arrival, and the scheduler can
    sort by length (`len()` of an encoding is its cost, in tokens) before it fills a batch.
    """

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the outputs: two models that share it share a cache."""

    def encode(self, inputs: Sequence[Any]) -> Sequence[Sized]:
        """One encoding an input, in order."""

    def run(self, batch: Sequence[Any]) -> Sequence[Answer] | Floats:
        """One answer an encoding, in the order of the batch; most models give rows of one width."""


class Victim(Model, Protocol):
    """The model under attack. `run` returns logits of shape (n, len(labels)).

    A victim that knows only probabilities returns their logarithm.
    """

    def run(self, batch: Sequence[Any]) -> Floats:
        """Logits, shape (len(batch), len(labels)), float32."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names; a label's number is its place here."""


@runtime_checkable
class Writer(Protocol):
    """A victim that answers with text: a model whose `run` gives a `Written` an encoding."""

    @property
    def writes(self) -> str:
        """What, in words for messages: "translations"."""


@runtime_checkable
class Continuing(Writer, Protocol):
    """A writer that answers a `Continuation`, and no plain text."""

    @property
    def continues(self) -> str:
        """What, in words for messages: "prompts"."""


@runtime_checkable
class TokenWhiteBox(Protocol):
    """A language model whose gradients and tokenizer can be had."""

    def token_gradients(self) -> Model:
        """A model that answers `Coordinates` with `TokenChoices`."""

    def spelling(self) -> Model:
        """A model that answers a `Respelling` with what is `Spelt`."""


@runtime_checkable
class Truncating(Protocol):
    """A victim that reads no more than the beginning of a long text."""

    def reach(self, strings: Inputs) -> tuple[int, ...]:
        """How many characters of each field it reads."""


@runtime_checkable
class WhiteBox(Protocol):
    """A victim whose gradients and word vectors can be had."""

    def first_order(self) -> Model:
        """A model that answers `Swaps` with `Slopes`, estimates to first order; its logits are the
        victim's own.
        """

    def nearest_words(self) -> Model:
        """A model that answers a word, as `(word,)`, with the `Words` that the victim holds nearest
        to it, scored by the cosine of their vectors; none for a word that is no single token.
        """


@runtime_checkable
class Drafting(Protocol):
    """A victim that estimates what it would say (`attacks.drafts.GradientDraft`)."""

    def gradient_draft(self) -> Model:
        """As `WhiteBox.first_order`, for one text that is asked about many times with other swaps."""

    def rounded_draft(self) -> Model:
        """A copy in bfloat16 (`attacks.drafts.RoundedDraft`). The weights are those of the moment."""


@runtime_checkable
class Steerable(Protocol):
    """A white-box victim whose gradients can be had as vectors, and its words with them."""

    def pulls(self) -> Model:
        """A model that answers a `Pull` with `Pulled`; its logits are the victim's own."""

    def word_vectors(self) -> WordVectors:
        """The words that may be chosen by such a gradient."""


@runtime_checkable
class Relaxable(Protocol):
    """A white-box victim that reads mixtures of tokens as well as tokens."""

    def relaxed(self) -> Model:
        """A model that answers a `Relax` with `Relaxed`."""

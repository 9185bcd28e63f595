"""What the scheduler asks of a model, whether it is the victim or serves a constraint."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

Inputs = tuple[str, ...]
"""One input: the string of every field, in the order of `attacks.text.Text.fields`."""


@dataclass(frozen=True, slots=True)
class Swaps:
    """Word swaps in one text, of which a white-box victim is asked how much each would raise its loss.

    Attributes:
        strings: the field values as they stand.
        label: number of the label whose loss it is: the gold one, or the target.
        spans: (field, start, end) of each word that could go, in characters.
        replacements: for each span the strings that could take its place.
    """

    strings: Inputs
    label: int
    spans: tuple[tuple[int, int, int], ...]
    replacements: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return sum(map(len, self.replacements))


@dataclass(frozen=True, slots=True)
class Blank:
    """A place between two pieces of text, of which a masked language model is asked what fits there.

    Attributes:
        before, after: the text around it.
        seen: what stands there now, where the model is to read it; empty where the place is masked.
    """

    before: str
    after: str
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """A word between two pieces of text, of which a language model is asked how likely it is."""

    before: str
    after: str
    word: str


@dataclass(frozen=True, slots=True)
class Words:
    """Words that a model proposes, best first, with its score of each, shape (len(words),)."""

    words: tuple[str, ...]
    scores: Floats


@dataclass(frozen=True, slots=True)
class Slopes:
    """What one gradient says.

    Attributes:
        logits: the victim's for the text, shape (labels,).
        gains: for every replacement, span by span, how much it would raise the loss; shape
            (len(swaps),).
        weights: for every span the L1 norm of the mean gradient at its tokens, shape (len(spans),): how
            much the word weighs (Yoo and Qi, EMNLP Findings 2021, section 3.1).
    """

    logits: Floats
    gains: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Written:
    """What a victim that writes says to one input.

    Attributes:
        text: what it wrote.
        likelihood: mean log-probability a token that it gives the text it was asked to write, in nats;
            None of a victim that was not asked for one, or does not know.
    """

    text: str
    likelihood: float | None = None


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text that a language model could go on with, of which it is asked whether it does.

    It is answered by a `Written`: the beginning of what greedy decoding writes, up to the first token
    that is not the target's, and how likely the target is.

    Attributes:
        strings: the prompt.
        target: what would have to be written.
        stem: the prompt that this one was made from. What was computed for their common beginning
            serves all that were; it decides how fast an answer comes, not what it is.
    """

    strings: Inputs
    target: str
    stem: Inputs


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The tokens of a suffix, of which is asked what the gradient would put in the place of each.

    A suffix is what one field of the prompt has behind that of the stem.

    Attributes:
        strings, target, stem: as of a `Continuation`.
        most: tokens that are proposed for each.
        ascii_only: whether only those are that are written in printable ASCII.
    """

    strings: Inputs
    target: str
    stem: Inputs
    most: int
    ascii_only: bool


@dataclass(frozen=True, slots=True, eq=False)
class TokenChoices:
    """The tokens of a suffix and what could stand in their places.

    Attributes:
        ids: token ids of the suffix, shape (tokens,).
        choices: for each the ids that lower the loss of the target most, to first order, the best
            first; shape (tokens, choices).
    """

    ids: Ids
    choices: Ids


@dataclass(frozen=True, slots=True)
class Respelling:
    """Suffixes as token ids, of which is asked how they are written.

    Attributes:
        strings, stem: a prompt with a suffix, and the one that it was made from, as of `Coordinates`.
        rows: token ids, as many as the suffix has, for each that could stand in its place.
    """

    strings: Inputs
    stem: Inputs
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Spelt:
    """Whole prompts, one for each row of a `Respelling`.

    None stands for a row that no text leads to: whoever sends what it decodes to sends other tokens.
    """

    texts: tuple[Inputs | None, ...]


Question = Inputs | Swaps | Blank | Fit | Continuation | Coordinates | Respelling
"""What the scheduler asks a model: hashable, so that equal questions are asked once."""

Answer = Floats | Words | Slopes | Written | TokenChoices | Spelt
"""What a model says to one question: a row of numbers, for most."""


def worth_keeping(answer: Answer) -> bool:
    """Whether an answer belongs into a cache: those of one step of a search are large, and not asked
    for again.
    """
    return not isinstance(answer, TokenChoices | Spelt)


def finite(answer: Answer) -> bool:
    """Whether there is neither NaN nor infinity in it."""
    if isinstance(answer, Slopes):
        rows = (answer.logits, answer.gains, answer.weights)
        return all(bool(np.isfinite(row).all()) for row in rows)
    if isinstance(answer, Written):
        return answer.likelihood is None or math.isfinite(answer.likelihood)
    if isinstance(answer, TokenChoices | Spelt):
        return True  # whole numbers and strings
    return bool(np.isfinite(answer.scores if isinstance(answer, Words) else answer).all())


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

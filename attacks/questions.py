"""What the scheduler asks models, and what they answer: plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.errors import AttackError

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
class Pull:
    """Words in one text, of which a white-box victim is asked where their vectors should go.

    Attributes:
        strings, label, spans: as those of `Swaps`.
    """

    strings: Inputs
    label: int
    spans: tuple[tuple[int, int, int], ...]


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
class Rephrase:
    """A text of which a model is asked for other wordings, or for translations.

    Attributes:
        control: how the wording is to be (a parse template, say); empty where the model decides.
    """

    text: str
    control: str = ""


def check_prompt(prompt: str, *, worded: bool) -> None:
    """Raise AttackError where a prompt lacks a place for the text, or, if `worded`, for the wording."""
    if "{text}" not in prompt:
        raise AttackError(f"The prompt '{prompt}' has no place for the text: write {{text}} there.")
    if worded and "{control}" not in prompt:
        raise AttackError(
            f"The attack asks for wordings by their syntax, and the prompt '{prompt}' has no place for "
            "it. Write {control} there, or leave it to the model: --set 'templates=[\"\"]', in plans "
            "audit.settings.paraphrase."
        )


@dataclass(frozen=True, slots=True)
class Phrasings:
    """Texts that a model gives for another, most likely first, each once."""

    texts: tuple[str, ...]


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
class Pulled:
    """The gradient at some words.

    Attributes:
        logits: the victim's for the text, shape (labels,).
        gradients: of the loss, summed over the tokens of each span, shape (len(spans), width); the
            larger its product with a word's vector, the more that word in this place raises the loss.
    """

    logits: Floats
    gradients: Floats


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Words that a victim knows as one token, in the order of its vocabulary.

    Attributes:
        vectors: as its embedding table holds them, shape (len(words), width).
    """

    words: tuple[str, ...]
    vectors: Floats


@dataclass(frozen=True, slots=True)
class Relaxation:
    """How a distribution over texts is fitted (see `Relax`).

    Attributes:
        iterations: steps of Adam.
        batch: texts drawn for each step.
        rate: Adam's learning rate.
        coefficient: what a token of the text itself begins with; all others begin with 0.
        margin: by how much a wrong label is to lead before nothing more is gained, kappa, in logits.
        similarity, fluency: weights of the two other terms of the loss.
        temperature: of the Gumbel softmax.
        samples: texts that are drawn in the end.
    """

    iterations: int = 100
    batch: int = 10
    rate: float = 0.3
    coefficient: float = 15.0
    margin: float = 5.0
    similarity: float = 1.0
    fluency: float = 1.0
    temperature: float = 1.0
    samples: int = 100

    @property
    def passes(self) -> int:
        """Inputs that the victim runs: soft texts, and the text itself for its states.

        (A language model that compares states reads that one.)
        """
        return self.iterations * self.batch + 1


@dataclass(frozen=True, slots=True)
class Relax:
    """A text, around which a white-box victim is asked to fit a distribution of texts.

    Attributes:
        strings: the field values as they stand.
        label: the number of a label.
        rise: whether another label is to lead it; else it is to lead all others.
        frozen: numbers of fields that stay as they are.
        seed: all that is drawn derives from it.
    """

    strings: Inputs
    label: int
    rise: bool
    frozen: tuple[int, ...]
    seed: int
    how: Relaxation


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Texts drawn from a fitted distribution.

    Attributes:
        texts: as many as were wanted, repeats and the text itself among them.
        margins: at each step the mean lead of the wrong label (of the target), in logits; shape
            (iterations,).
    """

    texts: tuple[Inputs, ...]
    margins: Floats


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


Question = (
    Inputs | Swaps | Pull | Relax | Blank | Fit | Rephrase | Continuation | Coordinates | Respelling
)
"""What the scheduler asks a model: hashable, so that equal questions are asked once."""

Answer = Floats | Words | Slopes | Pulled | Relaxed | Written | Phrasings | TokenChoices | Spelt
"""What a model says to one question: a row of numbers, for most."""


def passes(question: Question) -> int:
    """Inputs that a model runs to answer it."""
    return question.how.passes if isinstance(question, Relax) else 1


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
    if isinstance(answer, Phrasings):
        return True
    if isinstance(answer, Written):
        return answer.likelihood is None or math.isfinite(answer.likelihood)
    if isinstance(answer, Pulled):
        return all(bool(np.isfinite(row).all()) for row in (answer.logits, answer.gradients))
    if isinstance(answer, Relaxed):
        return bool(np.isfinite(answer.margins).all())
    if isinstance(answer, TokenChoices | Spelt):
        return True  # whole numbers and strings
    return bool(np.isfinite(answer.scores if isinstance(answer, Words) else answer).all())

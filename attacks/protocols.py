"""The parts that a recipe combines, as small interfaces.

A search is a generator: it yields an `Ask` whenever it needs a model and is resumed with the model's
rows. It handles one example and knows nothing of batches; the scheduler keeps many searches in flight
and merges what they ask for. Whatever needs a model inside a search is a generator as well (`Steps`),
entered by `yield from`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from attacks.questions import Continuation, Floats, Inputs, Question, Written
from attacks.text import Candidate, Text

if TYPE_CHECKING:
    from attacks.engine.attempt import Attempt

SIMILARITY = "similarity"
"""Name of a sentence encoder, whose rows are sentence vectors."""
MASKED_LM = "masked_lm"
"""Name of a masked language model, which answers a `Blank` with `Words`."""
FLUENCY = "fluency"
"""Name of a language model that answers a `Fit` with the log-probability of the word."""
DRAFT = "draft"
"""Name of a model that stands in for the victim where candidates are only ranked (`Draft`)."""
GRADIENT_DRAFT = "gradient_draft"
"""Name of the victim's own estimates for the same purpose: it answers `Swaps` with `Slopes`."""
ROUNDED_DRAFT = "rounded_draft"
"""Name of a copy of the victim in half as many bits, which answers as the victim does, nearly."""
PARAPHRASER = "paraphraser"
TRANSLATOR = "translator"
BACK_TRANSLATOR = "back_translator"
"""Names of models that answer a `Rephrase` with `Phrasings`: the same in other words, in another
language, and back in that of the text."""
VICTIM = "victim"
"""Name of the model under attack in the scheduler's table of models."""
FIRST_ORDER = "first_order"
NEAREST_WORDS = "nearest_words"
"""Names of its gradients and its word vectors in the same table (see `attacks.models.WhiteBox`)."""
PULLS = "pulls"
"""Name of its gradients as vectors (see `attacks.models.Steerable`)."""
RELAXED = "relaxed"
"""Name of what fits distributions over its tokens (see `attacks.models.Relaxable`)."""
TRIGGER = "trigger"
"""What `universal-trigger` needs before it can run: a file that `withstand trigger` writes."""
TOKEN_GRADIENTS = "token_gradients"  # noqa: S105 - a name, no secret
SPELLING = "spelling"
"""Names of a language model's gradients and tokenizer (see `attacks.models.TokenWhiteBox`)."""
ABILITIES = (
    FIRST_ORDER,
    GRADIENT_DRAFT,
    NEAREST_WORDS,
    RELAXED,
    ROUNDED_DRAFT,
    SPELLING,
    TOKEN_GRADIENTS,
)
"""Needs of recipes that the victim itself serves, by the method of that name."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Have `model` run on `inputs`; it is resumed with one answer an input, in order.

    Rows of numbers come as one array, shape (len(inputs), width); other answers in a list.
    """

    model: str
    inputs: tuple[Question, ...]


T = TypeVar("T")
Steps = Generator[Ask, Any, T]


def together(parts: Sequence[Steps[T]]) -> Steps[list[T]]:
    """Run several generators side by side; return what they return, in order.

    What they ask of one model at the same time becomes one `Ask`, so that a search whose branches do
    not depend on each other fills batches by itself. They advance in order and in step, so that what
    they draw from a common random generator is the same every time.

    Once one has raised an exception, no further questions are taken; those that the others have put by
    then (and that a budget has been charged for) are still asked and answered before it is raised.
    """
    results: dict[int, T] = {}
    waiting: dict[int, Ask] = {}
    failure: Exception | None = None

    def advance(number: int, answer: Any) -> None:
        nonlocal failure
        over = failure is not None
        try:
            ask = parts[number].send(answer)
        except StopIteration as end:
            results[number] = end.value
        except Exception as error:  # raised again when all others have got their answers
            failure = failure or error
        else:
            if over:
                parts[number].close()
            else:
                waiting[number] = ask

    try:
        for number in range(len(parts)):
            if failure is None:
                advance(number, None)
        while waiting:
            model = waiting[min(waiting)].model
            group = {n: ask for n, ask in sorted(waiting.items()) if ask.model == model}
            answers = yield Ask(model, tuple(q for ask in group.values() for q in ask.inputs))
            start = 0
            for number, ask in group.items():
                del waiting[number]
                advance(number, answers[start : start + len(ask.inputs)])
                start += len(ask.inputs)
    finally:
        for part in parts:
            part.close()
    if failure is not None:
        raise failure
    return [results[number] for number in range(len(parts))]


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with the victim's answer.

    `score` is the goal's: higher is nearer to success; rounded, so that float noise decides nothing.
    `probabilities` are those of all labels, shape (labels,); `confidence` is that of the gold label. A
    victim that writes gives `written` instead, and has no label to predict.
    """

    candidate: Candidate
    score: float
    succeeded: bool
    predicted: int | None
    confidence: float | None
    probabilities: Floats = field(compare=False, repr=False)
    written: Written | None = None

    @property
    def rank(self) -> tuple[bool, float]:
        """Sorts the text that is nearest to the goal last; in a `max` the earliest among equals wins."""
        return self.succeeded, self.score


class Goal(Protocol):
    """What the attack is after."""

    def judge(self, probabilities: Floats, label: int) -> tuple[float, bool]:
        """(score, succeeded) for one row of class probabilities, shape (labels,)."""


@runtime_checkable
class TextGoal(Protocol):
    """A goal that looks at the text as well. It is asked in the place of `judge`."""

    def judge_text(
        self, candidate: Candidate, probabilities: Floats, label: int
    ) -> tuple[float, bool]:
        """(score, succeeded) for a candidate and the victim's answer to it."""


@runtime_checkable
class WrittenGoal(Protocol):
    """A goal for a victim that writes."""

    def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
        """(score, succeeded) for what was written where `reference` should have been.

        An example without a reference has what was written for the original in its place; for that
        text itself it is None.
        """


@runtime_checkable
class ContinuationGoal(WrittenGoal, Protocol):
    """A goal for a language model, which is asked about the text that it is to write."""

    def question(self, strings: Inputs, stem: Inputs, reference: str | None) -> Continuation:
        """What is asked of a candidate made from `stem`.

        Raises ValueError where there is no reference.
        """


AnyGoal = Goal | TextGoal | WrittenGoal


@runtime_checkable
class Sloped(Protocol):
    """A goal that a gradient leads to. Attacks that follow gradients need one."""

    def slope(self, label: int) -> tuple[int, int]:
        """The label whose loss is looked at, and whether it is to rise (1) or to fall (-1)."""


@runtime_checkable
class Selective(Protocol):
    """A goal that leaves some examples alone."""

    def applies(self, text: Text, label: int) -> bool:
        """Whether an example with this gold label has anything to attack; else it is skipped."""


Proposal = str | Candidate
"""What may stand in the place of a word; a whole candidate where more than that word changes."""


class Transformation(Protocol):
    """Ways to rewrite one word."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """Strings to try in the place of word `index`, in a stated order, without the word itself."""


class ModelTransformation(Protocol):
    """Ways to rewrite one word that need a model (batched by the scheduler), or more than the word."""

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Proposal]]:
        """As `Transformation.replacements`, by asking; each made from `current`."""


def proposals(
    part: Transformation | ModelTransformation,
    current: Candidate,
    index: int,
    rng: np.random.Generator,
) -> Steps[Sequence[Proposal]]:
    """What either kind of transformation proposes."""
    if hasattr(part, "propose"):  # isinstance of a protocol takes ten times as long
        found: Sequence[Proposal] = yield from part.propose(current, index, rng)
        return found
    return part.replacements(current, index, rng)


@runtime_checkable
class Corruption(Protocol):
    """Noise that keeps the label, in five severities."""

    @property
    def name(self) -> str:
        """As it stands in the catalogue."""

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """The text under noise; `text.candidate` where there is nothing to do.

        With equal random numbers a higher severity makes all that a lower one does. Frozen fields stay.
        Raises AttackError for a severity that is none of 1 to 5.
        """


class Protection(Protocol):
    """Words that must not be touched (a pre-constraint: it is asked before anything is proposed)."""

    def allows(self, current: Candidate, index: int) -> bool:
        """Whether word `index` of the original may be edited."""


@runtime_checkable
class Constraint(Protocol):
    """A condition on a candidate that needs no model."""

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """Whether `candidate`, made from `previous` by one more edit, is still acceptable."""


@runtime_checkable
class ModelConstraint(Protocol):
    """A condition that needs a model: batched by the scheduler, asked after the cheap ones."""

    def filter(self, candidates: Sequence[Candidate], previous: Candidate) -> Steps[Sequence[bool]]:
        """Which candidates are acceptable, in order."""


class Draft(Protocol):
    """A cheap guess at the victim's answers. It says what is worth a query and decides no success."""

    @property
    def keep(self) -> int:
        """Rewrites of a word that the victim is asked about."""

    @property
    def trusted(self) -> bool:
        """Whether what it keeps back is not asked about either where a search would end in failure."""

    @property
    def needs(self) -> str:
        """Name of the model that is asked."""

    @property
    def least_passing(self) -> float:
        """The share of candidates that constraints with a model must let pass, or they go first."""

    @property
    def exact(self) -> bool:
        """Whether it changes no outcome of a search that takes the best rewrite of a word or none."""

    def order(
        self, attempt: Attempt, candidates: Sequence[Candidate], current: Candidate
    ) -> Steps[list[Candidate]]:
        """The candidates, each made from `current`, from the most promising to the least."""

    def weights(self, attempt: Attempt, probes: Mapping[int, Candidate]) -> Steps[dict[int, float]]:
        """How much each word of the original weighs, by the original without it; higher is more."""


class Search(Protocol):
    """The order in which candidates are tried."""

    def run(self, attempt: Attempt) -> Steps[Scored]:
        """Look for a success with `attempt.propose` and `attempt.score`; return the best found.

        It scores the original first, by `attempt.start` or `attempt.first_order`.
        """


@runtime_checkable
class Composed(Protocol):
    """A search that holds recipes of its own."""

    def aimed_at(self, goal: AnyGoal) -> Search:
        """The search with another goal in each of them."""

    def drafted(self, draft: Draft) -> Search:
        """The search with each of them drafted that can be. Raises AttackError where none can."""

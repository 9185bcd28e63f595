"""What an attack on one example came to, and the events of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from attacks.text import Text


class Status(StrEnum):
    """How an attack on one example ended. The five are never merged.

    `SKIPPED` is an example with nothing to attack: the victim got it wrong before any edit, or it was
    right and the goal leaves it alone (its label is the target, say). `OUT_OF_BUDGET` is one whose query
    budget ended before the search did. An `ERRORED` example says nothing about robustness.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERRORED = "errored"
    OUT_OF_BUDGET = "out_of_budget"


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text, or one with the text that a victim is to write for it.

    Attributes:
        id: stable across runs.
        label: number of the gold label; 0, and without meaning, where there is a `reference`.
        group: its family (a movie, an author).
        reference: what a victim that writes should write (a translation, say).
        columns: names and values of further columns of its row, for slices.
    """

    id: str
    text: Text
    label: int
    group: str | None = None
    reference: str | None = None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One word that differs: the original's word index, what stood there and what stands there now."""

    index: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one recipe on one example.

    Attributes:
        attack: name under which the recipe ran.
        original: field values before the attack; `perturbed` those of the best attempt (None where
            nothing was attempted: skipped, errored before the first candidate).
        changes: the words that differ between the two.
        predicted_before, predicted_after: label numbers (None where the victim gave no answer).
        confidence_before, confidence_after: the victim's probability of the gold label.
        words: words in the original.
        queries: inputs the search asked to have scored, repeats included (raw).
        unique_queries: distinct inputs among them.
        broken_after: the distinct inputs until the first that succeeded; None where none did.
        error: the traceback of an errored example.
        reference: what a victim that writes should have written.
        written_before, written_after: what it wrote for the two; labels and confidences are None then.
    """

    example_id: str
    attack: str
    status: Status
    label: int
    group: str | None
    original: tuple[str, ...]
    perturbed: tuple[str, ...] | None
    changes: tuple[Change, ...]
    predicted_before: int | None
    predicted_after: int | None
    confidence_before: float | None
    confidence_after: float | None
    words: int
    queries: int
    unique_queries: int
    error: str | None = None
    reference: str | None = None
    written_before: str | None = None
    written_after: str | None = None
    broken_after: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """An example's attack ended."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Tick:
    """Running totals of the engine, sent after every batch (for progress displays).

    Seconds are wall-clock. `scored` counts inputs that the victim really ran, `cached` those that were
    answered without it; raw queries are their sum.
    """

    scored: int
    cached: int
    victim_seconds: float
    constraint_seconds: float


@dataclass(frozen=True, slots=True)
class BatchHalved:
    """A model ran out of memory; batches hold at most `tokens` tokens from now on."""

    model: str
    tokens: int


Event = Finished | Tick | BatchHalved

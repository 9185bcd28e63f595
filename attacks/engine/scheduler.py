"""The scheduler: many searches in flight, one stream of full batches.

Every search yields what it wants scored. The scheduler answers from the cache what it can, merges equal
inputs of different searches, queues the rest by length, runs the fullest bucket and resumes whoever
has got all its answers. Searches are pulled from `jobs` only as others end, so a stream of any length
takes constant memory.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from attacks.engine.attempt import Attempt, BudgetSpent, NothingToAttack
from attacks.engine.cache import Cache
from attacks.engine.queue import Queue
from attacks.errors import AttackError
from attacks.models import Model, Truncating
from attacks.outcomes import BatchHalved, Change, Event, Example, Finished, Outcome, Status, Tick
from attacks.protocols import (
    ABILITIES,
    FIRST_ORDER,
    PULLS,
    RELAXED,
    TOKEN_GRADIENTS,
    VICTIM,
    Ask,
    Scored,
    Steps,
)
from attacks.questions import Answer, Question, finite, passes
from attacks.recipe import Recipe
from attacks.victims import check_goal

JUDGES = (VICTIM, FIRST_ORDER, PULLS, RELAXED, TOKEN_GRADIENTS)
"""Models that have the victim run an input: what they are asked is a query, or many (`passes`)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recipe to be run on one example.

    Attributes:
        temperature: the victim's logits are divided by it before they become probabilities.
        query_budget: distinct inputs the search may have scored (None: as many as it likes).
    """

    example: Example
    recipe: Recipe
    seed: int = 0
    temperature: float = 1.0
    query_budget: int | None = None


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Limits that change the speed of a campaign and never its outcomes.

    Attributes:
        window: searches in flight.
        batch_size: most rows in a batch.
        batch_tokens: most tokens in a batch, padding included.
    """

    window: int = 64
    batch_size: int = 64
    batch_tokens: int = 4096


def run(
    jobs: Iterable[Job],
    models: Mapping[str, Model],
    config: EngineConfig = EngineConfig(),
    cache: Cache | None = None,
) -> Iterator[Event]:
    """Run every job; yield a `Finished` a job, in the order in which they end, and `Tick`s between.

    Args:
        models: the victim under the name "victim", and the constraint models that recipes need.
        cache: shared between calls where given.

    Raises:
        AttackError: a recipe needs a model that is not there, or its goal judges answers of another
            kind than the victim's (raised before it is started).
    """
    return _Engine(models, config, cache if cache is not None else Cache()).run(iter(jobs))


@dataclass(eq=False)
class _Flight:
    """A search in the air: its generator, what it asked for last, and the answers so far."""

    attempt: Attempt
    steps: Steps[Status]
    ask: Ask | None = None
    answers: dict[Question, Answer] = field(default_factory=dict)
    missing: set[Question] = field(default_factory=set)


class _Engine:
    def __init__(self, models: Mapping[str, Model], config: EngineConfig, cache: Cache) -> None:
        self._queues = {
            name: Queue(name, model, config.batch_size, config.batch_tokens)
            for name, model in models.items()
        }
        self._window = config.window
        self._cache = cache
        self._waiters: dict[tuple[str, Question], list[_Flight]] = {}
        self._flying = 0
        self._asked = self._scored = 0
        self._seconds = dict.fromkeys(models, 0.0)

    def run(self, jobs: Iterator[Job]) -> Iterator[Event]:
        exhausted = False
        while True:
            while not exhausted and self._flying < self._window:
                job = next(jobs, None)
                if job is None:
                    exhausted = True
                else:
                    yield from self._start(job)
            if not self._flying:
                yield self._tick()  # all may have been answered without a single batch
                return
            yield from self._run_batch()
            yield self._tick()

    def _start(self, job: Job) -> Iterator[Event]:
        lacking = [name for name in (VICTIM, *job.recipe.needs) if name not in self._queues]
        if lacking:
            raise AttackError(
                f"The recipe '{job.recipe.name}' needs a model for '{lacking[0]}', and none was given."
            )
        check_goal(job.recipe, self._queues[VICTIM].model)
        attempt = Attempt(
            job.example,
            job.recipe,
            seed=job.seed,
            temperature=job.temperature,
            query_budget=job.query_budget,
        )
        self._flying += 1
        steps = _attack(attempt, self._queues[VICTIM].model)
        yield from self._resume(_Flight(attempt, steps), None)

    def _resume(self, flight: _Flight, answer: Any) -> Iterator[Event]:
        """Advance a search until it has to wait for a batch or ends."""
        try:
            while True:
                ask = flight.steps.send(answer) if answer is not None else next(flight.steps)
                self._register(flight, ask)
                if flight.missing:
                    return
                answer = self._collect(flight)
        except StopIteration as end:
            yield self._land(flight, end.value)
        except NothingToAttack:
            yield self._land(flight, Status.SKIPPED)
        except BudgetSpent:
            best = flight.attempt.best  # a branch may have succeeded with the last query of all
            won = best is not None and best.succeeded
            yield self._land(flight, Status.SUCCEEDED if won else Status.OUT_OF_BUDGET)
        except AttackError:
            raise
        except Exception:  # one odd example ends in an errored outcome, the campaign goes on
            yield self._land(flight, Status.ERRORED, traceback.format_exc())

    def _register(self, flight: _Flight, ask: Ask) -> None:
        """Note what `flight` waits for; enqueue what neither the cache nor another search has."""
        queue = self._queues[ask.model]
        flight.ask = ask
        flight.answers = {}
        fresh: list[Question] = []
        if ask.model in JUDGES:
            self._asked += sum(map(passes, ask.inputs))
        for item in dict.fromkeys(ask.inputs):
            row = self._cache.get((queue.model.fingerprint, item))
            if row is not None:
                flight.answers[item] = row
            elif (waiting := self._waiters.get((ask.model, item))) is not None:
                waiting.append(flight)
                flight.missing.add(item)
            else:
                fresh.append(item)
        if fresh:
            started = perf_counter()
            queue.add(fresh)
            self._seconds[ask.model] += perf_counter() - started
            for item in fresh:
                self._waiters[(ask.model, item)] = [flight]
            flight.missing.update(fresh)

    def _collect(self, flight: _Flight) -> Any:
        """The answers in the form that `Ask` promises."""
        assert flight.ask is not None  # noqa: S101 - only called after _register
        answers = [flight.answers[item] for item in flight.ask.inputs]
        rows = [answer for answer in answers if isinstance(answer, np.ndarray)]
        return np.stack(rows) if len(rows) == len(answers) else answers

    def _land(self, flight: _Flight, status: Status, error: str | None = None) -> Finished:
        flight.steps.close()
        self._flying -= 1
        for item in flight.missing:  # an errored search may leave questions behind
            key = (flight.ask.model if flight.ask else VICTIM, item)
            others = [other for other in self._waiters.get(key, []) if other is not flight]
            if others:
                self._waiters[key] = others
            elif key in self._waiters:
                del self._waiters[key]
                self._queues[key[0]].discard(item)
        return Finished(_outcome(flight.attempt, status, error))

    def _run_batch(self) -> Iterator[Event]:
        """Run the fullest bucket of all queues and hand out its rows."""
        queue = max(
            (q for q in self._queues.values() if q.fullest() is not None),
            key=lambda q: q.fullest() or (0.0, 0),
        )
        batch = queue.take()
        started = perf_counter()
        try:
            rows = queue.model.run([encoding for _, encoding in batch])
        except AttackError:  # no single input's fault: an endpoint that is gone, say
            raise
        except Exception as error:
            self._seconds[queue.name] += perf_counter() - started
            yield from self._recover(queue, batch, error)
            return
        self._seconds[queue.name] += perf_counter() - started
        if queue.name in JUDGES:
            self._scored += sum(passes(item) for item, _ in batch)
        for (item, _), row in zip(batch, rows, strict=True):
            yield from self._answer(queue, item, row)

    def _recover(
        self, queue: Queue, batch: list[tuple[Question, Sized]], error: Exception
    ) -> Iterator[Event]:
        """Out of memory: smaller batches. Any other error: find the inputs it belongs to."""
        if len(batch) == 1:
            text = "".join(traceback.format_exception(error))
            yield from self._fail(queue.name, batch[0][0], text)
        elif is_out_of_memory(error):
            queue.tokens = max(1, queue.tokens // 2)
            queue.put_back(batch)
            yield BatchHalved(queue.name, queue.tokens)
        else:
            for item in batch:
                started = perf_counter()
                try:
                    row = queue.model.run([item[1]])[0]
                except Exception as single:  # this input's fault alone; reported as errored
                    text = "".join(traceback.format_exception(single))
                    yield from self._fail(queue.name, item[0], text)
                    continue
                finally:
                    self._seconds[queue.name] += perf_counter() - started
                if queue.name in JUDGES:
                    self._scored += passes(item[0])
                yield from self._answer(queue, item[0], row)

    def _answer(self, queue: Queue, item: Question, row: Answer) -> Iterator[Event]:
        """Hand a row to every search that waits for it."""
        if not finite(row):
            text = f"The model '{queue.name}' returned NaN or infinity: {row}."
            yield from self._fail(queue.name, item, text)
            return
        self._cache.put((queue.model.fingerprint, item), row)
        for flight in self._waiters.pop((queue.name, item), []):
            flight.answers[item] = row
            flight.missing.discard(item)
            if not flight.missing:
                yield from self._resume(flight, self._collect(flight))

    def _fail(self, model: str, item: Question, error: str) -> Iterator[Event]:
        for flight in self._waiters.pop((model, item), []):
            flight.missing.discard(item)
            yield self._land(flight, Status.ERRORED, error)

    def _tick(self) -> Tick:
        victim = sum(self._seconds.get(name, 0.0) for name in {*JUDGES, *ABILITIES})
        return Tick(
            scored=self._scored,
            cached=self._asked - self._scored - self._waiting_for_victim(),
            victim_seconds=victim,
            constraint_seconds=sum(self._seconds.values()) - victim,
        )

    def _waiting_for_victim(self) -> int:
        return sum(passes(item) for model, item in self._waiters if model in JUDGES)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or the host ran out of memory.

    By name and message: torch need not be installed where the victim is no torch model.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in str(error).lower()
    )


def _attack(attempt: Attempt, victim: Model) -> Steps[Status]:
    if isinstance(victim, Truncating):
        attempt.reach = victim.reach(attempt.original.strings)
    best = yield from attempt.recipe.search.run(attempt)
    return Status.SUCCEEDED if best.succeeded else Status.FAILED


def _outcome(attempt: Attempt, status: Status, error: str | None) -> Outcome:
    example, first, best = attempt.example, attempt.first, attempt.best
    tried = best if best is not None and best.candidate != attempt.original else None
    words = example.text.words
    return Outcome(
        example_id=example.id,
        attack=attempt.recipe.name,
        status=status,
        label=example.label,
        group=example.group,
        original=example.text.strings,
        perturbed=tried.candidate.strings if tried else None,
        changes=tuple(
            Change(edit.index, words[edit.index].string, edit.replacement)
            for edit in (tried.candidate.edits if tried else ())
        ),
        predicted_before=first.predicted if first else None,
        predicted_after=tried.predicted if tried else None,
        confidence_before=_rounded(first),
        confidence_after=_rounded(tried),
        words=len(words),
        queries=attempt.queries,
        unique_queries=attempt.unique_queries,
        broken_after=attempt.broken_after,
        error=error,
        reference=example.reference,
        written_before=first.written.text if first and first.written else None,
        written_after=tried.written.text if tried and tried.written else None,
    )


def _rounded(scored: Scored | None) -> float | None:
    return None if scored is None or scored.confidence is None else round(scored.confidence, 6)

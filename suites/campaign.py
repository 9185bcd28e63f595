"""One attack campaign: jobs into the engine, outcomes into the records, totals on the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.models import Model
from attacks.outcomes import BatchHalved, Example, Finished, Outcome, Status, Tick
from attacks.recipe import Recipe
from reports.progress import Progress
from reports.records import OutcomeRecord
from reports.redaction import redacted

Record = Callable[..., None]
"""Takes an event name and plain values by keyword, and keeps them: `RunFolder.append`."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One recipe against one victim on one set of examples.

    Attributes:
        split: name of the split that the examples are of.
        temperature: the victim's logits are divided by it; `calibrated` says that it was fitted.
        model: role or fingerprint under which the records name the victim.
    """

    recipe: Recipe
    examples: Sequence[Example]
    split: str
    seed: int
    temperature: float = 1.0
    calibrated: bool = False
    query_budget: int | None = None
    model: str = ""

    @property
    def check(self) -> str:
        """The name under which the records keep its outcomes."""
        return f"attack:{self.recipe.name}@{self.split}{'/calibrated' if self.calibrated else ''}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a campaign took, over all the processes that worked on it.

    `scored` inputs were really run by the victim, `cached` were answered without it; seconds are
    wall-clock, `victim_seconds` those inside the victim.
    """

    scored: int = 0
    cached: int = 0
    seconds: float = 0.0
    victim_seconds: float = 0.0
    constraint_seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.scored + other.scored,
            self.cached + other.cached,
            self.seconds + other.seconds,
            self.victim_seconds + other.victim_seconds,
            self.constraint_seconds + other.constraint_seconds,
        )

    def __sub__(self, other: Cost) -> Cost:
        return self + Cost(
            -other.scored,
            -other.cached,
            -other.seconds,
            -other.victim_seconds,
            -other.constraint_seconds,
        )

    def to_dict(self) -> dict[str, float]:
        """Plain values for JSON; seconds to the millisecond."""
        return {
            "scored": self.scored,
            "cached": self.cached,
            "seconds": round(self.seconds, 3),
            "victim_seconds": round(self.victim_seconds, 3),
            "constraint_seconds": round(self.constraint_seconds, 3),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cost:
        """Read back what `to_dict` wrote."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})


def run_campaign(
    campaign: Campaign,
    models: Mapping[str, Model],
    *,
    record: Record,
    progress: Progress,
    done: Mapping[str, OutcomeRecord] | None = None,
    config: EngineConfig = EngineConfig(),
    cache: Cache | None = None,
) -> tuple[list[OutcomeRecord], Cost]:
    """Run what is not done yet.

    Args:
        record: is told every outcome after the batch that ended it ("outcome"), what was spent until
            then just before ("cost"), and halved batches ("batch_halved").
        done: outcomes of this campaign that an earlier process recorded, by example id.

    Returns:
        The outcomes of all examples in the order of `campaign.examples`, and what this call spent.
    """
    found = dict(done or {})
    left = [example for example in campaign.examples if example.id not in found]
    jobs = (
        Job(e, campaign.recipe, campaign.seed, campaign.temperature, campaign.query_budget)
        for e in left
    )
    log = _Log(campaign.check, record)
    with progress.task(campaign.check, len(campaign.examples)) as task:
        meter = _Meter(found.values(), log.started)
        task.update(len(found))
        try:
            for event in run(jobs, models, config, cache):
                if isinstance(event, Finished):
                    outcome = to_record(event.outcome, campaign)
                    found[outcome.example_id] = outcome
                    log.ended.append(outcome)
                    meter.count(event.outcome)
                elif isinstance(event, Tick):
                    log.note(event)
                    task.update(len(found), meter.note(log.spent))
                elif isinstance(event, BatchHalved):
                    record("batch_halved", model=event.model, tokens=event.tokens)
                    progress.say(
                        f"  out of memory: batches of '{event.model}' hold {event.tokens} tokens now"
                    )
        finally:
            log.write()
        task.update(len(found), meter.note(log.spent))
    return [found[example.id] for example in campaign.examples], log.spent


class _Log:
    """Writes what was spent before the outcomes that it was spent on.

    The records of a process that was killed then hold no outcome whose cost they lack.
    """

    def __init__(self, check: str, record: Record) -> None:
        self.started = perf_counter()
        self.spent = self._noted = Cost()
        self.ended: list[OutcomeRecord] = []
        self._check, self._record = check, record

    def note(self, tick: Tick) -> None:
        """Take the totals that the engine gives after each batch."""
        self.spent = Cost(
            tick.scored,
            tick.cached,
            perf_counter() - self.started,
            tick.victim_seconds,
            tick.constraint_seconds,
        )
        if self.ended:
            self.write()

    def write(self) -> None:
        """Keep what has not been kept yet."""
        if self.spent != self._noted:
            self._record("cost", check=self._check, **(self.spent - self._noted).to_dict())
            self._noted = self.spent
        while self.ended:
            self._record("outcome", **self.ended.pop(0).to_dict())


class _Meter:
    """The note behind the progress bar: success so far and queries a second."""

    def __init__(self, earlier: Any, started: float) -> None:
        self._started = started
        self._attackable = self._succeeded = 0
        for outcome in earlier:
            self._add(outcome.status)

    def count(self, outcome: Outcome) -> None:
        self._add(outcome.status)

    def _add(self, status: str) -> None:
        self._attackable += status in (Status.SUCCEEDED, Status.FAILED, Status.OUT_OF_BUDGET)
        self._succeeded += status == Status.SUCCEEDED

    def note(self, spent: Cost) -> str:
        share = f"{self._succeeded}/{self._attackable} broken"
        per_second = (spent.scored + spent.cached) / max(1e-9, perf_counter() - self._started)
        return f"{share} · {per_second:.0f} queries/s"


def to_record(outcome: Outcome, campaign: Campaign) -> OutcomeRecord:
    """The engine's outcome as a row of the records."""
    return OutcomeRecord(
        check=campaign.check,
        attack=outcome.attack,
        example_id=outcome.example_id,
        split=campaign.split,
        status=outcome.status.value,
        label=outcome.label,
        calibrated=campaign.calibrated,
        model=campaign.model,
        group=outcome.group,
        original=outcome.original,
        perturbed=outcome.perturbed,
        changes=tuple((c.index, c.before, c.after) for c in outcome.changes),
        predicted_before=outcome.predicted_before,
        predicted_after=outcome.predicted_after,
        confidence_before=outcome.confidence_before,
        confidence_after=outcome.confidence_after,
        words=outcome.words,
        queries=outcome.queries,
        unique_queries=outcome.unique_queries,
        broken_after=outcome.broken_after,
        error=None if outcome.error is None else redacted(outcome.error),
        reference=outcome.reference,
        written_before=outcome.written_before,
        written_after=outcome.written_after,
    )

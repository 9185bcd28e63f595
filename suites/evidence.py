"""Collect the evidence of an audit: every prediction and every attack outcome, into the run folder.

Nothing is judged here. What a run folder already holds is not asked again, so the same call goes on
with an interrupted audit; `suites.findings` turns the folder into numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

import numpy as np

from attacks.behaviour import BehaviouralTest
from attacks.behaviour import run as run_tests
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model, Victim
from attacks.outcomes import Example
from attacks.questions import Floats
from attacks.recipe import Recipe
from attacks.victims import equipped
from harness.calibration import fit_temperature
from harness.plan import PlanError
from harness.prediction import predict
from reports import membership
from reports.errors import ReportError
from reports.folder import RunFolder
from reports.progress import Progress
from reports.records import OutcomeRecord, PredictionRecord
from suites import probing, transfer
from suites.campaign import Campaign, run_campaign
from suites.validity.check import Asked, AttackCheck, Check, Counted, ModelCheck
from suites.validity.judging import EVENT, counted, described


class UnusableModelError(ReportError):
    """The model cannot be audited at all (it answers NaN to everything). Exit code 2."""


@dataclass(frozen=True)
class Target:
    """What an audit looks at.

    Attributes:
        victim: the model under attack; one that writes has no predictions (`Collector.clean`).
        validation: examples on which the temperature is fitted.
        test: all test examples: clean accuracy is measured on these.
        train: training examples for the gaps; as many as there are test examples at most.
        attacked: the part of `test` that is attacked; `attacked_train` the part of `train`.
        sets: further labelled texts by name.
    """

    victim: Model
    validation: Sequence[Example]
    test: Sequence[Example]
    train: Sequence[Example]
    attacked: Sequence[Example]
    attacked_train: Sequence[Example]
    sets: Mapping[str, Sequence[Example]] = field(default_factory=dict)


@dataclass
class Collector:
    """Runs checks against one target and records what they see.

    Attributes:
        models: constraint models by name; the victim is added.
    """

    folder: RunFolder
    target: Target
    models: Mapping[str, Model]
    progress: Progress
    seed: int
    query_budget: int | None = None
    config: EngineConfig = EngineConfig()
    cache: Cache = field(default_factory=Cache)

    def __post_init__(self) -> None:
        self._outcomes: dict[str, dict[str, OutcomeRecord]] = {}
        self._predicted: dict[str, dict[str, PredictionRecord]] = {}
        for outcome in self.folder.outcomes():
            self._outcomes.setdefault(outcome.check, {})[outcome.example_id] = outcome
        self._checked = {
            (event["name"], event["attack"])
            for event in self.folder.events()
            if event["event"] == EVENT
        }
        for prediction in self.folder.predictions():
            self._predicted.setdefault(prediction.check, {})[prediction.example_id] = prediction

    def clean(self, split: str, examples: Sequence[Example]) -> list[PredictionRecord]:
        """Predictions on unaltered examples.

        Raises UnusableModelError where not one of them has a finite answer.
        """
        found = self._predictions(f"clean@{split}", split, examples)
        if found and all(record.predicted is None for record in found):
            raise UnusableModelError(
                f"The model answers NaN or infinity to all {len(found)} {split} examples. Its weights "
                "are broken (a diverged training is the usual cause): train it again, or name another."
            )
        return found

    def noise(self, name: str, severity: int) -> None:
        """Predictions on the attacked examples under a corruption."""
        examples = self.target.attacked
        noisy = probing.noisy(examples, name, severity, self.seed)
        self._predictions(probing.noise_check(name, severity), "test", noisy)

    def transfer(self, recipe: Recipe, name: str, surrogate: Model) -> None:
        """Attack a surrogate, and ask the victim about the texts that break it; once.

        A process that ended in between attacks anew: the same texts come of it.
        """
        check = transfer.transfer_check(recipe.name, name)
        examples = self.target.attacked
        if self._answered(check, examples):
            return
        for event in self.folder.events():
            mine = event["event"] == transfer.EVENT and event["surrogate"] == name
            if mine and event["fingerprint"] != surrogate.fingerprint:
                raise PlanError(
                    f"The surrogate {name} is not the one that the run {self.folder.id} began with: its "
                    "weights have changed. Start a new run without --resume."
                )
        with self.stage(check), self.cache:
            borrowed = transfer.borrow(
                surrogate,
                recipe,
                examples,
                seed=self.seed,
                query_budget=self.query_budget,
                models=self.models,
                config=self.config,
            )
        self.folder.append(
            transfer.EVENT,
            attack=recipe.name,
            surrogate=name,
            fingerprint=surrogate.fingerprint,
            texts=dict(borrowed.texts),
            errored=borrowed.errored,
        )
        self._predictions(check, "test", borrowed.put_in(examples))

    def behaviour(self, tests: Sequence[BehaviouralTest]) -> None:
        """Behavioural tests, those at once that are not on record yet."""
        done = {e["title"] for e in self.folder.events() if e["event"] == probing.BEHAVED}
        left = [test for test in tests if test.name not in done]
        if not left:
            return
        victim = cast("Victim", self.target.victim)
        with self.stage("behaviour"), self.cache:
            results = run_tests(left, victim, config=self.config, cache=self.cache)
        for result in results:
            self.folder.append(probing.BEHAVED, **probing.behaved(result))

    def shadow(self, number: int, members: Sequence[str], shadow: Victim) -> None:
        """What a model that was trained on other texts says to those that are measured."""
        self.folder.append(membership.EVENT, number=number, members=list(members))
        for split, examples in (("train", self.target.train), ("test", self.target.test)):
            check = membership.shadow_check(number, split)
            self._predictions(check, split, examples, shadow)

    def has_shadow(self, number: int) -> bool:
        """Whether a shadow said everything already."""
        return all(
            self._answered(membership.shadow_check(number, split), examples)
            for split, examples in (("train", self.target.train), ("test", self.target.test))
        )

    def _answered(self, check: str, examples: Sequence[Example]) -> bool:
        """Whether the records hold an answer to each of the examples."""
        known = self._predicted.get(check, {})
        return all(example.id in known for example in examples)

    def _predictions(
        self,
        check: str,
        split: str,
        examples: Sequence[Example],
        victim: Victim | None = None,
    ) -> list[PredictionRecord]:
        known = self._predicted.setdefault(check, {})
        left = [example for example in examples if example.id not in known]
        if left:
            with self.stage(check):
                asked = victim or cast("Victim", self.target.victim)
                logits = predict(asked, left, progress=self.progress, title=check)
                for example, row in zip(left, logits, strict=True):
                    record = prediction(check, split, example, row)
                    known[example.id] = record
                    self.folder.record(record)
        return [known[example.id] for example in examples]

    def temperature(self) -> float:
        """The temperature that fits the validation predictions best (by likelihood), as recorded."""
        for event in self.folder.events():
            if event["event"] == "temperature":
                return float(event["value"])
        records = self.clean("validation", self.target.validation)
        usable = [r for r in records if r.predicted is not None]
        logits = np.array([r.logits for r in usable], dtype=np.float64)
        fitted = fit_temperature(logits, np.array([r.label for r in usable]))
        value = fitted.divisor
        self.folder.append(
            "temperature",
            value=value,
            fitted_on="validation",
            n=fitted.n,
            at_bound=fitted.at_bound,
            nll_before=fitted.nll_before,
            nll_after=fitted.nll_after,
        )
        return value

    def attack(
        self,
        recipe: Recipe,
        split: str,
        examples: Sequence[Example],
        temperature: float | None = None,
    ) -> list[OutcomeRecord]:
        """One recipe on one split; with a temperature, against the calibrated victim."""
        campaign = Campaign(
            recipe,
            examples,
            split,
            self.seed,
            temperature=1.0 if temperature is None else temperature,
            calibrated=temperature is not None,
            query_budget=self.query_budget,
            model=self.target.victim.fingerprint,
        )
        known = self._outcomes.setdefault(campaign.check, {})
        if all(example.id in known for example in examples):
            return [known[example.id] for example in examples]
        parameters = recipe.parameters()
        models = {n: self.models[n].fingerprint for n in sorted(recipe.needs) if n in self.models}
        self._same(campaign.check, parameters, models)
        transfer = self._transfer(recipe)
        self.folder.append(
            "campaign",
            check=campaign.check,
            attack=recipe.name,
            family=recipe.family,
            split=split,
            calibrated=campaign.calibrated,
            query_budget=self.query_budget,
            recipe={
                "source": recipe.source,
                "parameters": parameters,
                "models": models,
                "deviations": [*recipe.deviations, *transfer],
            },
        )
        with self.stage(campaign.check), self.cache:
            outcomes, _ = run_campaign(
                campaign,
                equipped(self.target.victim, self.models, [recipe]),
                record=self.folder.append,
                progress=self.progress,
                done=known,
                config=self.config,
                cache=self.cache,
            )
        known.update({outcome.example_id: outcome for outcome in outcomes})
        return outcomes

    def check_victim(self, check: ModelCheck) -> None:
        """A check of the victim or the data, after the check "clean@test"; recorded once."""
        self._check(check, None, lambda: check.measure(self._asked()))

    def check_attack(
        self, check: AttackCheck, recipe: Recipe, outcomes: Sequence[OutcomeRecord]
    ) -> None:
        """A check of an attack that was run, and came to these outcomes; recorded once."""
        self._check(check, recipe.name, lambda: check.measure(self._asked(), recipe, outcomes))

    def _check(self, check: Check, attack: str | None, measure: Callable[[], Counted]) -> None:
        if (check.name, attack) in self._checked:
            return
        with self.stage(f"check:{check.name}{f':{attack}' if attack else ''}"), self.cache:
            seen = counted(measure)
        self.folder.append(EVENT, **described(check, attack), **seen)
        self._checked.add((check.name, attack))

    def _asked(self) -> Asked:
        target, clean = self.target, self._predicted.get("clean@test", {})
        predicted = {name: record.predicted for name, record in clean.items()}
        for outcomes in () if clean else self._outcomes.values():
            predicted |= {name: outcome.predicted_before for name, outcome in outcomes.items()}
        return Asked(
            cast("Victim", target.victim),
            target.attacked,
            target.test,
            target.train,
            predicted,
            self.seed,
            self.models,
            self.config,
            self.cache,
        )

    def _same(self, check: str, parameters: Mapping[str, Any], models: Mapping[str, str]) -> None:
        """Raise PlanError where an earlier process ran the recipe with other parameters or models."""
        now = json.loads(json.dumps(parameters))
        for event in self.folder.events():
            if event["event"] == "campaign" and event["check"] == check:
                recipe = event["recipe"]
                # Runs begun before models were recorded say nothing of them.
                if recipe["parameters"] != now or recipe.get("models", models) != models:
                    raise PlanError(
                        f"The attack '{check}' is not the one that the run {self.folder.id} began with: "
                        "its parameters, or a file or a model that they name, have changed. Start a new "
                        "run without --resume."
                    )
                return

    def _transfer(self, recipe: Recipe) -> list[str]:
        """What is to be said of an attack that was fitted to another victim."""
        if recipe.made_for in ("", self.target.victim.fingerprint):
            return []
        note = (
            f"It was made for another victim (fingerprint {recipe.made_for}) than this one "
            f"({self.target.victim.fingerprint}): the attack is a transfer."
        )
        self.progress.say(f"  {recipe.name}: {note}")
        return [note]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Record what a stage takes; an interrupted one leaves no time, its outcomes stay."""
        started = perf_counter()
        yield
        self.folder.append("stage", name=name, seconds=round(perf_counter() - started, 3))


def prediction(check: str, split: str, example: Example, logits: Floats) -> PredictionRecord:
    """What the records keep of the logits of one example, shape (labels,)."""
    values = [float(value) for value in logits]
    finite = all(math.isfinite(value) for value in values)
    highest = max(values) if finite else 0.0
    loss = (
        highest
        + math.log(math.fsum(math.exp(value - highest) for value in values))
        - values[example.label]
        if finite
        else None
    )
    return PredictionRecord(
        check=check,
        example_id=example.id,
        split=split,
        label=example.label,
        group=example.group,
        predicted=int(np.argmax(logits)) if finite else None,
        logits=tuple(values),
        loss=loss,
    )


def sample(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """`count` examples drawn by hash of (seed, id): which ones depends on neither order nor the rest."""

    def draw(example: Example) -> str:
        return hashlib.sha256(f"{seed}\x1f{example.id}".encode()).hexdigest()

    chosen = {example.id for example in sorted(examples, key=draw)[:count]}
    return [example for example in examples if example.id in chosen]


def describe_costs(events: Iterator[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """What every check spent, added up over the processes that worked on it, by check."""
    totals: dict[str, dict[str, float]] = {}
    for event in events:
        if event["event"] == "cost":
            total = totals.setdefault(event["check"], {})
            for key in ("scored", "cached", "seconds", "victim_seconds", "constraint_seconds"):
                total[key] = total.get(key, 0) + event.get(key, 0)
    return totals

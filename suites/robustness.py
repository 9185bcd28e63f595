"""What a test asks of a model: accuracy, attacks, their union, and no loss against a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from attacks import recipes
from attacks.behaviour import run as run_tests
from attacks.corruptions import CATALOGUE, chosen
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model, Victim
from attacks.outcomes import Example
from attacks.victims import equipped
from harness.auxiliaries import Auxiliaries
from harness.calibration import fit_temperature
from harness.errors import HarnessError
from harness.plan import Behaviour
from harness.prediction import predict
from harness.preflight import check_attacks
from reports import named, summaries
from reports.progress import Progress, Quiet
from reports.records import OutcomeRecord, PredictionRecord
from reports.statistics import Estimate, rate_of
from suites import baselines, meaning, probing
from suites.campaign import Campaign, run_campaign
from suites.doubts import CHECKS, Doubts
from suites.evidence import prediction, sample
from suites.judgement import guessing
from suites.measured import Judged, Measured
from suites.outcome_store import OutcomeStore, campaign_key


@dataclass(frozen=True)
class Attacked:
    """One attack on a part of the examples.

    Attributes:
        name: of the attack, with ".calibrated" behind it where the victim was calibrated.
        key: digest of everything that decides an outcome, the victim left out.
        outcomes: a record an example, in their order.
        problems: what makes the evidence incomplete.
        doubts: of the checks, about an attack that failed (`suites.doubts`).
        doubtful: of its successes, what speaks against them (`suites.meaning`).
    """

    name: str
    key: str
    outcomes: tuple[OutcomeRecord, ...] = field(repr=False)
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    @cached_property
    def _summary(self) -> summaries.AttackSummary:
        return summaries.summarize_attack(self.outcomes)

    @property
    def robust_accuracy(self) -> Measured:
        """Examples that were right and stayed so, of all."""
        return self._measured("robust_accuracy", self._summary.robust_accuracy)

    @property
    def attack_success_rate(self) -> Measured:
        """Examples that were broken, of those that were right."""
        return self._measured("attack_success_rate", self._summary.attack_success_rate)

    @property
    def counts(self) -> Mapping[str, int]:
        """Examples by status, and "total"."""
        return dict(self._summary.counts)

    def _measured(self, metric: str, estimate: Estimate) -> Measured:
        return Measured(
            f"{metric}.{self.name}",
            estimate,
            self.problems,
            self.doubts,
            self.doubtful,
            self.outcomes,
        )


@dataclass
class Robustness:
    """A victim with examples, to be asked what it withstands. Answers are immutable.

    Attributes:
        victim: the model under attack.
        examples: labels numbered as the victim's are.
        validation: examples on which a temperature is fitted; without them nothing can be calibrated.
        store: outcomes of earlier sessions, which are not asked for again.
        baselines: folder of the files that `no_worse_than_baseline` compares with; `update`: write them.
        seed: decides which examples are drawn, and every random choice of an attack.
        checks: checks of the evidence that are made with each attack.
    """

    victim: Victim
    examples: Sequence[Example] = field(repr=False)
    validation: Sequence[Example] = field(default=(), repr=False)
    auxiliaries: Auxiliaries = field(default_factory=Auxiliaries)
    store: OutcomeStore | None = None
    baselines: Path = Path("withstand-baselines")
    update: bool = False
    seed: int = 0
    config: EngineConfig = field(default_factory=EngineConfig, repr=False)
    progress: Progress = field(default_factory=Quiet, repr=False)
    device: str | None = None
    checks: Sequence[str] = CHECKS

    def __post_init__(self) -> None:
        self._doubts = Doubts(self.victim, self.checks, self.store, self.seed)
        self._cache = Cache()
        self._models: dict[str, Model] = {}
        self._temperature: float | None = None

    def accuracy(self, n: int | None = None) -> Measured:
        """Accuracy on unaltered examples: on all, or on n that the seed draws."""
        chosen = self._chosen(n)
        logits = predict(self.victim, chosen)
        right = [
            bool(np.isfinite(row).all()) and int(row.argmax()) == example.label
            for row, example in zip(logits, chosen, strict=True)
        ]
        groups = [example.group for example in chosen]
        whole = None if any(group is None for group in groups) else groups
        return Measured("clean_accuracy", rate_of(right, whole))

    def attack(
        self,
        name: str,
        n: int | None = 200,
        *,
        query_budget: int | None = None,
        calibrated: bool = False,
        **parameters: Any,
    ) -> Attacked:
        """Attack n examples that the seed draws (None: all).

        Args:
            name: of a recipe (`withstand ls attacks`).
            query_budget: distinct queries an example may cost; None: as many as the recipe wants.
            calibrated: attack the victim with its logits divided by the temperature that fits the
                validation examples best, which takes away what overconfidence hides.
            parameters: of the recipe.

        Raises AttackError, HarnessError or PlanError for what cannot be run.
        """
        check_attacks([("robustness.attack", name)])
        recipe = recipes.load(name, **parameters)
        self.auxiliaries.check([recipe])
        missing = [need for need in recipe.needs if need not in self._models]
        self._models |= self.auxiliaries.load(missing, self.device)
        models = equipped(self.victim, self._models, [recipe])
        campaign = Campaign(
            recipe,
            self._chosen(n),
            "test",
            self.seed,
            temperature=self._fitted() if calibrated else 1.0,
            calibrated=calibrated,
            query_budget=query_budget,
            model=self.victim.fingerprint,
        )
        beside = {n: self._models[n].fingerprint for n in recipe.needs if n in self._models}
        key = campaign_key(campaign, beside)
        outcomes = self._run(campaign, models, key)
        return Attacked(
            name=recipe.name + (".calibrated" if calibrated else ""),
            key=key,
            outcomes=tuple(outcomes),
            problems=tuple(_problems(outcomes, self.victim.labels)),
            doubts=self._doubts.about(recipe, key, campaign.examples, outcomes, self._models),
            doubtful=meaning.alarms(recipe.name, outcomes) if self.checks else (),
        )

    def noisy(
        self,
        *corruptions: str,
        severities: Sequence[int] = (1, 3, 5),
        n: int | None = 200,
    ) -> Measured:
        """Accuracy under natural noise: the mean over all corruptions and severities, by example.

        Args:
            corruptions: names from `docs/corruptions.md`, or of a package's own; all of the first where
                none is given.

        Raises AttackError for a corruption or a severity that does not exist.
        """
        names = [corruption.name for corruption in chosen(corruptions)] or sorted(CATALOGUE)
        examples = self._chosen(n)
        records: dict[str, list[PredictionRecord]] = {}
        for name in names:
            for severity in severities:
                noisy = probing.noisy(examples, name, severity, self.seed)
                check = probing.noise_check(name, severity)
                records[check] = [
                    prediction(check, "test", example, row)
                    for example, row in zip(noisy, predict(self.victim, noisy), strict=True)
                ]
        found = probing.noise_results(records, [])
        mean = (
            Estimate.from_dict(found["mean"]) if found else Estimate.missing("no severity is given")
        )
        return Measured("noisy_accuracy.mean", mean)

    def behaviour(self, positive: str, negative: str, fillers: int = 20) -> dict[str, Measured]:
        """The failure rate of each behavioural test for sentiment, by its name.

        Raises PlanError for a label that the victim does not have.
        """
        asked = Behaviour(positive=positive, negative=negative, fillers=fillers)
        tests = probing.behavioural_tests(asked, self.victim.labels, self.seed)
        results = run_tests(tests, self.victim, config=self.config, cache=self._cache)
        events = [{"event": probing.BEHAVED, **probing.behaved(result)} for result in results]
        return {
            entry["name"]: Measured(
                metric, estimate, tuple(probing.problems({"behaviour": [entry]}))
            )
            for entry in probing.behaviour_results(events)
            for metric, estimate in named.probes({"behaviour": [entry]})
        }

    def union(self, *attacked: Attacked) -> Measured:
        """Robust accuracy in the worst case an example over several attacks."""
        by_attack = {one.name: one.outcomes for one in attacked}
        problems = dict.fromkeys(problem for one in attacked for problem in one.problems)
        every = tuple(outcome for one in attacked for outcome in one.outcomes)
        calibrated = ".calibrated" if every and all(o.calibrated for o in every) else ""
        estimate = summaries.union(by_attack)
        metric = f"robust_accuracy.union{calibrated}"
        doubts = dict.fromkeys(doubt for one in attacked for doubt in one.doubts)
        doubtful = dict.fromkeys(doubt for one in attacked for doubt in one.doubtful)
        found = (tuple(problems), tuple(doubts), tuple(doubtful))
        return Measured(metric, estimate, *found, every)

    def no_worse_than_baseline(self, attacked: Attacked, name: str, margin: float = 0.0) -> Judged:
        """Whether robust accuracy is at most `margin` below that of the baseline called `name`.

        The same examples are compared pair by pair. Raises BaselineError where there is no baseline, or
        one of another attack, other examples or another seed.
        """
        __tracebackhide__ = True
        path = self.baselines / f"{name}.json"
        measured = (attacked.name, attacked.key, attacked.outcomes)
        if self.update:
            baselines.write(path, *measured, self.victim.fingerprint)
        return baselines.no_worse(path, *measured, margin, (*attacked.problems, *attacked.doubts))

    def _chosen(self, n: int | None) -> list[Example]:
        return list(self.examples) if n is None else sample(self.examples, n, self.seed)

    def _fitted(self) -> float:
        if not self.validation:
            raise HarnessError(
                "calibrated=True needs validation examples to fit a temperature on, and there are none. "
                "Name them with --withstand-validation."
            )
        if self._temperature is None:
            logits = np.array(predict(self.victim, self.validation), dtype=np.float64)
            usable = np.isfinite(logits).all(1)
            labels = np.array([example.label for example in self.validation])
            fitted = fit_temperature(logits[usable], labels[usable])
            self._temperature = fitted.divisor
        return self._temperature

    def _run(
        self, campaign: Campaign, models: Mapping[str, Model], key: str
    ) -> list[OutcomeRecord]:
        store = self.store
        done = store.read(key, self.victim.fingerprint, campaign.examples) if store else {}
        by_id = {example.id: example for example in campaign.examples}

        def record(event: str, **values: Any) -> None:
            if event == "outcome" and store:
                outcome = OutcomeRecord.from_dict(values)
                store.write(key, self.victim.fingerprint, by_id[outcome.example_id], outcome)

        outcomes, _ = run_campaign(
            campaign,
            models,
            record=record,
            progress=self.progress,
            done=done,
            config=self.config,
            cache=self._cache,
        )
        return outcomes


def _problems(outcomes: Sequence[OutcomeRecord], labels: Sequence[str]) -> list[str]:
    """Errors, and an accuracy that cannot be told from one answer to everything."""
    found = []
    errored = sum(outcome.status == "errored" for outcome in outcomes)
    if errored:
        found.append(f"{errored} of {len(outcomes)} examples errored")
    counts = Counter(labels[outcome.label] for outcome in outcomes)
    doubt = guessing(summaries.summarize_attack(outcomes).accuracy, counts)
    # Among examples of one class every model could be guessing.
    return [*found, doubt] if doubt and len(counts) > 1 else found

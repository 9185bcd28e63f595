"""The search for a trigger: HotFlip steps on the mean gradient of many examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.engine.asking import ask_all
from attacks.engine.attempt import derive_seed
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.errors import AttackError
from attacks.models import Model, Steerable, Victim
from attacks.outcomes import Example
from attacks.protocols import PULLS, VICTIM, Ask
from attacks.questions import Floats, Pull, Pulled, WordVectors
from attacks.rounding import DECIMALS, GAIN_DECIMALS, SMALLEST, predicted, softmax
from attacks.universal.found import Found, Round, Settings
from attacks.universal.trigger import Trigger, random_words


def find(
    examples: Sequence[Example],
    victim: Victim,
    target: int,
    settings: Settings = Settings(),
    *,
    seed: int = 0,
    config: EngineConfig = EngineConfig(),
    cache: Cache | None = None,
    told: Callable[[Round], None] = lambda _: None,
) -> Found:
    """A trigger that has the victim answer `target` to as many of the examples as possible.

    Each round draws the next examples, has the gradient of the target's loss at the trigger's words
    averaged over them, and tries, place by place from the left, the words that would lower that loss
    most to first order. The words are whole texts to the victim when they are tried, so that what is
    kept is what it answers, however it tokenizes them. Which examples and words are drawn follows from
    the seed and the ids, and neither their order nor the batch size changes the result.

    Args:
        examples: those that have the target as their label are left out.
        target: number of a label.
        told: is handed every round when it has ended.

    Raises AttackError where the victim gives no gradients, no example is left, or no word may be used.
    """
    if not isinstance(victim, Steerable):
        raise AttackError(
            f"A trigger is found by gradients, and a victim of type {type(victim).__name__} has none. "
            "Find it on a transformers model, and try it on this one (universal-trigger:FILE)."
        )
    others = sorted((e for e in examples if e.label != target), key=lambda example: example.id)
    if not others:
        raise AttackError(
            f"All {len(examples)} examples have the target as their label, so there is nothing to turn."
        )
    vocabulary = _usable(victim.word_vectors(), settings.exclude)
    models = {VICTIM: victim, PULLS: victim.pulls()}
    kept = cache if cache is not None else Cache()
    search = _Search(models, vocabulary, target, settings, seed, config, kept, others)
    for start in range(settings.starts):
        search.run(start, told)
    return search.found


def _usable(vocabulary: WordVectors, exclude: Collection[str]) -> WordVectors:
    unwanted = {word.lower() for word in exclude}
    kept = [n for n, word in enumerate(vocabulary.words) if word.lower() not in unwanted]
    if not kept:
        raise AttackError(
            "Every word that the victim knows is excluded, so a trigger has none to use."
        )
    return WordVectors(tuple(vocabulary.words[n] for n in kept), vocabulary.vectors[kept])


@dataclass
class _Search:
    models: Mapping[str, Model]
    vocabulary: WordVectors
    target: int
    settings: Settings
    seed: int
    config: EngineConfig
    cache: Cache
    examples: list[Example]
    found: Found = field(default_factory=Found)

    def run(self, start: int, told: Callable[[Round], None]) -> None:
        """One start of the search, until nothing gets better."""
        trigger = self._first(start)
        best = self._note(start, trigger, told)
        stale = 0
        for batch in self._batches(start):
            trigger = self._improved(trigger, batch)
            done = self._note(start, trigger, told)
            stale = 0 if done.rank > best.rank else stale + 1
            best = max(best, done, key=lambda each: each.rank)
            if stale == self.settings.patience:
                break

    def _first(self, start: int) -> Trigger:
        settings = self.settings
        if start == 0:
            return Trigger((settings.first,) * settings.length, settings.field)
        words, name = self.vocabulary.words, f"start {start}"
        return random_words(words, settings.length, self.seed, name, settings.field)

    def _batches(self, start: int) -> Iterator[list[Example]]:
        """The examples of each round, every one once before any comes again."""
        waiting: list[Example] = []
        for number in range(self.settings.rounds):
            if len(waiting) < min(self.settings.step, len(self.examples)):
                rng = np.random.default_rng(
                    derive_seed(self.seed, f"round {number} of {start}", "universal-trigger")
                )
                waiting += [self.examples[n] for n in rng.permutation(len(self.examples))]
            batch, waiting = waiting[: self.settings.step], waiting[self.settings.step :]
            known = {example.id for example in self.examples}
            yield [example for example in dict.fromkeys(batch) if example.id in known]

    def _improved(self, trigger: Trigger, batch: list[Example]) -> Trigger:
        """The best trigger that the candidates of each place lead to, from left to right."""
        words = self._candidates(trigger, batch)
        beam = [trigger]
        for place, new in enumerate(words):
            tried = dict.fromkeys(
                each.with_word(place, word) for each in beam for word in (each.words[place], *new)
            )
            losses = self._losses(list(tried), batch)
            ranked = sorted(zip(losses, range(len(tried)), tried, strict=True))
            beam = [each for _, _, each in ranked[: self.settings.beam]]
        return beam[0]

    def _candidates(self, trigger: Trigger, batch: list[Example]) -> list[list[str]]:
        """For each place the words that promise to lower the loss most, best first."""
        asks = [
            Ask(
                PULLS,
                (Pull(trigger.before(e.text, e.text.strings), self.target, trigger.spans(e.text)),),
            )
            for e in batch
        ]
        pulls: list[Pulled] = [answer[0] for answer in self._ask(asks, batch)]
        mean = np.mean([pull.gradients.astype(np.float64) for pull in pulls], axis=0)
        gains = -(mean @ self.vocabulary.vectors.astype(np.float64).T)
        return [
            [self.vocabulary.words[n] for n in _largest(row, self.settings.candidates)]
            for row in gains
        ]

    def _losses(self, triggers: Sequence[Trigger], batch: list[Example]) -> list[float]:
        """Mean of -log p(target) over the examples, by trigger."""
        asks = [
            Ask(VICTIM, tuple(each.before(e.text, e.text.strings) for each in triggers))
            for e in batch
        ]
        rows = [softmax(answer, 1.0)[:, self.target] for answer in self._ask(asks, batch)]
        return [_mean_loss(column) for column in np.stack(rows, axis=1)]

    def _note(self, start: int, trigger: Trigger, told: Callable[[Round], None]) -> Round:
        asks = [Ask(VICTIM, (trigger.before(e.text, e.text.strings),)) for e in self.examples]
        rows = [softmax(answer, 1.0)[0] for answer in self._ask(asks, self.examples)]
        reached = sum(predicted(row) == self.target for row in rows) / len(rows)
        done = Round(start, trigger, reached, _mean_loss(np.array([r[self.target] for r in rows])))
        self.found.rounds.append(done)
        told(done)
        return done

    def _ask(self, asks: Sequence[Ask], owners: Sequence[Example]) -> list[Any]:
        """The answers, in order; an example without one is left out from now on."""
        asked = ask_all(asks, self.models, self.config, self.cache)
        self.found.scored += asked.scored
        self.found.cached += asked.cached
        gone = {owners[place].id: error for place, error in asked.errors.items()}
        if gone:
            self.found.errors.update(gone)
            self.examples = [e for e in self.examples if e.id not in gone]
        if not asked.answers:
            raise AttackError(
                "The victim answers none of the examples. The first error was: "
                + next(iter(gone.values())).strip().splitlines()[-1]
            )
        return [asked.answers[place] for place in sorted(asked.answers)]


def _largest(row: npt.NDArray[np.float64], count: int) -> list[int]:
    """Places of the largest numbers, largest first; rounded, so that float noise decides nothing."""
    largest = float(np.abs(row).max()) or 1.0
    order = np.argsort(-(row / largest).round(GAIN_DECIMALS), kind="stable")
    found: list[int] = order[:count].tolist()
    return found


def _mean_loss(probabilities: Floats) -> float:
    losses = [-math.log(max(float(p), SMALLEST)) for p in probabilities]
    return round(math.fsum(losses) / len(losses), DECIMALS)

"""`withstand trigger`: find one string that turns a model's answers, and measure it on other texts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attacks import goals, universal
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.errors import AttackError
from attacks.goals import Targeted
from attacks.outcomes import Example
from harness.data import Split
from harness.plan import PlanError
from harness.sources import parse_source
from reports.progress import Progress
from reports.statistics import rate_of
from reports.storage import probe_writable, write_atomic
from suites.evidence import sample

if TYPE_CHECKING:
    from attacks.victims.huggingface import HuggingFaceVictim


@dataclass(frozen=True)
class TriggerRequest:
    """What decides a trigger (batch size and device do not).

    Attributes:
        data: where it is found; of a file or bundle without a split, the validation part.
        held_out: where it is measured (None: the test part of the same data).
        target: name or number of the label that the model is to answer.
        examples: how many of the texts with other labels it is found on.
    """

    model: str
    data: str
    held_out: str | None
    target: str
    examples: int
    seed: int
    text: tuple[str, ...]
    label: str
    max_length: int
    settings: universal.Settings


def trigger_run(
    request: TriggerRequest,
    out: Path,
    *,
    progress: Progress,
    config: EngineConfig = EngineConfig(),
    device: str | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Find the trigger, measure it, write it to `out`; return what `--json` prints: the file's content.

    Raises AttackError, PlanError or HarnessError, each with exit code 2.
    """
    from harness.model_checks import classifier_labels
    from harness.models import load_classifier
    from suites.subject import victim_of

    probe_writable(out.parent)
    labels = classifier_labels(request.model)
    goal = goals.parsed(f"targeted:{request.target}", labels)
    assert isinstance(goal, Targeted)  # noqa: S101 - by its name
    found_on, held_out = _splits(request, labels)
    chosen = sample(_others(found_on, goal.target), request.examples, request.seed)
    others = _others(held_out, goal.target)
    loaded = load_classifier(request.model, labels=labels)
    victim = victim_of(loaded, request.max_length, device)
    started = perf_counter()
    with Cache.at(cache) as answers:
        found = _find(request, chosen, victim, goal.target, progress, config, answers)
        best = found.best.trigger
        meter = _Meter(victim, goal.target, config, answers)
        kept = universal.TriggerFile(
            best,
            labels[goal.target],
            victim.fingerprint,
            {
                "model": request.model,
                "labels": list(labels),
                "max_length": request.max_length,
                "seed": request.seed,
                "parameters": _plain(request.settings),
                "found_on": {**_source(found_on), **meter.measured(chosen, best)},
                "held_out": {
                    **_source(held_out),
                    **meter.measured(others, best),
                    "random_words": meter.with_random_words(others, best, request.seed),
                },
                "rounds": [asdict(each) for each in found.rounds],
                "queries": {"raw": found.queries, "scored": found.scored, "cached": found.cached},
                "errored": len(found.errors),
            },
        )
    write_atomic(out, kept.to_json())
    # Seconds differ from run to run, and the file must not.
    seconds = round(perf_counter() - started, 1)
    return {"file": str(out), **kept.values(), "seconds": seconds}


def _find(
    request: TriggerRequest,
    examples: Sequence[Example],
    victim: HuggingFaceVictim,
    target: int,
    progress: Progress,
    config: EngineConfig,
    cache: Cache,
) -> universal.Found:
    rounds = request.settings.rounds * request.settings.starts
    ended = itertools.count()
    with progress.task("trigger", rounds) as task:
        return universal.find(
            examples,
            victim,
            target,
            request.settings,
            seed=request.seed,
            config=config,
            cache=cache,
            told=lambda last: task.update(
                min(next(ended), rounds), f"{last.trigger.string}: {last.reached:.0%}"
            ),
        )


def _splits(request: TriggerRequest, labels: Sequence[str]) -> tuple[Split, Split]:
    """The rows that it is found on and those that it is measured on, with nothing in common."""
    from harness.splits import load_split

    source = parse_source(request.data)
    divisible = source.kind in ("file", "bundle")
    data, held_out = request.data, request.held_out
    if held_out is None:
        if not divisible or source.split == "test":
            raise PlanError(
                "A trigger is measured on texts that it was not found on. Name some for "
                f"{request.data}: --held-out DATA."
            )
        held_out = f"{data.removesuffix(f':{source.split}')}:test"
    if divisible and source.split is None:
        data = f"{data}:validation"
    found, other = (
        load_split(spec, text=request.text, label=request.label, labels=labels)
        for spec in (data, held_out)
    )
    shared = {row.text.strings for row in found.rows} & {row.text.strings for row in other.rows}
    if shared:
        raise PlanError(
            f"{data} and {held_out} have {len(shared)} texts in common, so the second cannot tell how "
            "the trigger does on other texts. Name another with --held-out."
        )
    return found, other


def _others(split: Split, target: int) -> list[Example]:
    kept = [row for row in split.rows if row.label != target]
    if not kept:
        raise AttackError(
            f"All {len(split)} rows of {split.source} have the label '{split.labels[target]}', so there "
            "is nothing to turn into it."
        )
    return kept


def _source(split: Split) -> dict[str, Any]:
    return {"data": split.source, "split": split.name, "fingerprint": split.fingerprint}


@dataclass(frozen=True)
class _Meter:
    """What the victim answers to texts of other labels, before and after."""

    victim: HuggingFaceVictim
    target: int
    config: EngineConfig
    cache: Cache

    def measured(self, examples: Sequence[Example], trigger: universal.Trigger) -> dict[str, Any]:
        """Shares answered with the target, and shares answered right."""
        rows = {"before": self._answers(examples, None), "after": self._answers(examples, trigger)}
        gold = [example.label for example in examples]
        return {
            "examples": len(examples),
            "target_answered": {
                name: _share(examples, row, [self.target] * len(gold)) for name, row in rows.items()
            },
            "accuracy": {name: _share(examples, row, gold) for name, row in rows.items()},
        }

    def with_random_words(
        self, examples: Sequence[Example], like: universal.Trigger, seed: int
    ) -> dict[str, Any]:
        """The share answered with the target when each text has drawn words of its own before it."""
        words = self.victim.word_vectors().words
        count = len(like.words)
        row = self._answers(
            examples, lambda e: universal.random_words(words, count, seed, e.id, like.field)
        )
        return _share(examples, row, [self.target] * len(examples))

    def _answers(self, examples: Sequence[Example], trigger: Any) -> list[int | None]:
        return universal.answers(
            examples, self.victim, trigger, config=self.config, cache=self.cache
        )


def _share(
    examples: Sequence[Example], answers: Sequence[int | None], wanted: Sequence[int]
) -> dict[str, Any]:
    """How many of those that have an answer have the wanted one; a family is less than its members."""
    told = [
        (answer == want, example.group or example.id)
        for example, answer, want in zip(examples, answers, wanted, strict=True)
        if answer is not None
    ]
    return rate_of([flag for flag, _ in told], [group for _, group in told]).to_dict()


def _plain(settings: universal.Settings) -> dict[str, Any]:
    return {**asdict(settings), "exclude": sorted(settings.exclude)}


def show(summary: Mapping[str, Any]) -> None:
    """The summary in words, on stdout."""
    from suites.terminal import shown_estimate

    lines = [
        f"trigger for '{summary['target']}' on {summary['model']}: {' '.join(summary['trigger'])}"
    ]
    for key, title in (("found_on", "found on"), ("held_out", "held out")):
        part = summary[key]
        lines.append(
            f"  {title:15}{part['examples']} examples of other labels of {part['data']}, answered "
            f"'{summary['target']}'"
        )
        lines += [
            f"    {name:13}{shown_estimate(part['target_answered'][name])}"
            for name in ("before", "after")
        ]
        if "random_words" in part:
            lines.append(f"    {'random words':13}{shown_estimate(part['random_words'])}")
    queries = summary["queries"]
    lines += [
        f"  queries        {queries['raw']} raw, {queries['scored']} scored, {queries['cached']} from "
        "the cache, in the search",
        f"  seconds        {summary['seconds']:.1f}",
        f"  file           {summary['file']}",
        "To attack with it: withstand attack MODEL --data DATA --recipe "
        f"universal-trigger:{summary['file']}",
    ]
    print("\n".join(lines))

"""Attack-generated training rows, made against the weights of the moment, once or often an epoch."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from transformers import TrainerCallback

from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.models import Model, Victim
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.recipe import Recipe
from attacks.victims import equipped
from harness import processes
from harness.batches import Row, TrainingSet
from harness.errors import HarnessError
from harness.randomness import derived, untouched
from harness.training_plan import Augment
from reports.progress import Progress
from reports.storage import write_atomic

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Attacked:
    """One place of the training set in one epoch: which example, attacked how, and what came of it.

    Attributes:
        status: how the attack ended; None in epochs before the first attack.
        fields: what the model is trained on in this place, a string a field.
        adversarial: whether `fields` differ from the example.
    """

    slot: int
    id: str
    attack: str | None
    status: str | None
    fields: tuple[str, ...]
    adversarial: bool


@dataclass(frozen=True)
class Battery:
    """What attacks inside a training run share.

    Attributes:
        models: constraint models by name; the victim is added per call.
        cache: one for the whole run: robust accuracy after an epoch and augmentation before the next ask
            the same weights.
    """

    models: Mapping[str, Model]
    cache: Cache
    config: EngineConfig
    progress: Progress

    def run(self, title: str, jobs: Sequence[Job], victim: Victim) -> list[Outcome]:
        """Attack; the outcomes in the order of the jobs (example ids are unique among them).

        Where several processes train together each must ask for the same; each attacks a part.
        """
        return processes.shared_out(jobs, lambda part: self._run(title, part, victim))

    def _run(self, title: str, jobs: Sequence[Job], victim: Victim) -> list[Outcome]:
        found: dict[str, Outcome] = {}
        models = equipped(victim, self.models, (job.recipe for job in jobs))
        broken = 0
        with self.progress.task(title, len(jobs)) as task:
            for event in run(iter(jobs), models, self.config, self.cache):
                if isinstance(event, Finished):
                    found[event.outcome.example_id] = event.outcome
                    broken += event.outcome.status is Status.SUCCEEDED
                    task.update(len(found), f"{broken} broken")
        return [found[job.example.id] for job in jobs]


def draw(config: Augment, count: int, seed: int, epoch: int) -> list[int]:
    """Positions of the training examples whose turn it is, in the order in which recipes take turns."""
    rng = np.random.default_rng(derived(seed, "augment", epoch))
    return [int(i) for i in rng.permutation(count)[: slots(config, count)]]


def slots(config: Augment, count: int) -> int:
    """How many of `count` training examples are attacked each epoch."""
    return max(1, round(config.share * count))


class AttackRefresh(TrainerCallback):  # type: ignore[misc]
    """Fills the places for adversarial rows, part by part of every epoch.

    An example that the model gets wrong already, whose attack errored, or whose attack failed while
    `keep_failures` is off, keeps its clean text in its place. What each place holds is written to
    `folder/epoch-N-part-K.jsonl` with its SHA-256 beside it before the part begins; a restart reads that
    file instead of attacking again.

    Args:
        victim: makes a victim of the weights as they are at a moment, by its name.
        temperature: the latest one fitted on validation data: an overconfident model hides from a
            search that follows its probabilities.
        identity: digest of everything that decides the run; a file of another run is refused.
        follow: has the victim take over the weights, where those that are trained are others.
    """

    def __init__(
        self,
        config: Augment,
        *,
        data: TrainingSet,
        examples: Sequence[Example],
        recipes: Sequence[Recipe],
        battery: Battery,
        victim: Callable[[str], Victim],
        temperature: Callable[[], float],
        encode: Callable[[Sequence[tuple[str, ...]]], Sequence[Any]],
        folder: Path,
        seed: int,
        identity: str,
        record: Callable[[dict[str, Any]], None],
        follow: Callable[[], None] | None = None,
    ) -> None:
        self._follow = follow
        self._config, self._data, self._examples = config, data, examples
        self._recipes, self._battery, self._victim = recipes, battery, victim
        self._temperature, self._encode, self._folder = temperature, encode, folder
        self._seed, self._identity, self._record = seed, identity, record
        self._epoch = self._step = self._epochs = 0
        self._device: Any = None
        self._turns: dict[int, tuple[int, int]] = {}
        data.on_part = self.fill

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Draw whose turn it is; their places hold clean rows until their part begins."""
        self._epochs = int(args.num_train_epochs)
        self._epoch = state.global_step // (state.max_steps // self._epochs)
        self._step, self._device = state.global_step, args.device
        turn = draw(self._config, len(self._examples), self._seed, self._source)
        self._turns = {self._place(slot, n): (slot, n) for slot, n in enumerate(turn)}
        clean = self._data.clean
        self._data.overlay({place: clean[n] for place, (_, n) in self._turns.items()})

    def fill(self, part: int, positions: Sequence[int]) -> None:
        """Attack those whose places are among `positions`, or read what was found before a restart."""
        turns = sorted(self._turns[place] for place in positions if place in self._turns)
        path = self._folder / f"epoch-{self._source}-part-{part}.jsonl"
        started = perf_counter()
        found = processes.from_first(lambda: read(path, self._identity))
        made_now = found is None
        if found is None:
            found = self._make(part, turns)
            if processes.is_first():
                write(path, found, self._identity, self._epoch)
        self._exchange(found)
        if not processes.is_first():
            return
        self._record(
            {
                "event": "augmentation",
                "epoch": self._epoch,
                "part": part,
                "rows": len(found),
                "adversarial": sum(item.adversarial for item in found),
                "statuses": dict(Counter(item.status for item in found if item.status)),
                "attacks": dict(Counter(item.attack for item in found if item.attack)),
                "file": path.name,
                "sha256": _digest(path.read_bytes()),
                "reused": not made_now,
                "seconds": round(perf_counter() - started, 3),
            }
        )

    @property
    def _source(self) -> int:
        """The epoch whose attacks this one trains on."""
        return min(self._epoch, self._config.start_epoch) if self._config.static else self._epoch

    def _recipe(self, slot: int) -> Recipe:
        """The attack on a place: they take turns, or one has the whole epoch."""
        if self._config.order == "turns":
            return self._recipes[slot % len(self._recipes)]
        first = self._config.start_epoch
        place = (self._epoch - first) * len(self._recipes) // (self._epochs - first)
        return self._recipes[place]

    def _place(self, slot: int, example: int) -> int:
        """Where an attacked row goes: behind the clean ones, or into its own example's place."""
        return len(self._data.clean) + slot if self._config.keep_clean else example

    def _make(self, part: int, turns: Sequence[tuple[int, int]]) -> list[Attacked]:
        if self._epoch < self._config.start_epoch:
            return [
                Attacked(
                    slot, self._examples[n].id, None, None, self._examples[n].text.strings, False
                )
                for slot, n in turns
            ]
        jobs = [
            Job(
                self._examples[n],
                self._recipe(slot),
                seed=derived(self._seed, "augment", self._epoch),
                temperature=self._temperature(),
                query_budget=self._config.query_budget,
            )
            for slot, n in turns
        ]
        title = f"attack training rows, epoch {self._epoch + 1}"
        if self._data.parts > 1:
            title += f", part {part + 1} of {self._data.parts}"
        # The first part meets the weights that the evaluation after the last epoch met, by their
        # name too.
        moment = f"{self._step}-{part}" if part else str(self._step)
        with untouched(self._device):
            if self._follow:
                self._follow()
            outcomes = self._battery.run(title, jobs, self._victim(moment))
        return [
            self._judge(slot, outcome) for (slot, _), outcome in zip(turns, outcomes, strict=True)
        ]

    def _judge(self, slot: int, outcome: Outcome) -> Attacked:
        kept = {Status.SUCCEEDED}
        if self._config.keep_failures:
            kept |= {Status.FAILED, Status.OUT_OF_BUDGET}
        adversarial = outcome.perturbed is not None and outcome.status in kept
        fields = outcome.perturbed if adversarial and outcome.perturbed else outcome.original
        return Attacked(
            slot, outcome.example_id, outcome.attack, outcome.status.value, fields, adversarial
        )

    def _exchange(self, found: Sequence[Attacked]) -> None:
        positions = {example.id: n for n, example in enumerate(self._examples)}
        encodings = self._encode([item.fields for item in found]) if found else []
        rows: dict[int, Row] = {}
        for item, encoding in zip(found, encodings, strict=True):
            n = positions[item.id]
            rows[self._place(item.slot, n)] = replace(self._data.clean[n], encoding=encoding)
        self._data.exchange(rows)


def write(path: Path, found: Iterable[Attacked], identity: str, epoch: int) -> None:
    """Write one epoch's places as JSON lines (a header first), then their SHA-256 beside them."""
    header = {"format": FORMAT, "identity": identity, "epoch": epoch}
    lines = [header, *(asdict(item) for item in found)]
    content = "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    # The sums first: a file without its sum is then impossible, a sum without its file is ignored.
    write_atomic(_sums(path), f"{_digest(content)}  {path.name}\n")
    write_atomic(path, content)


def read(path: Path, identity: str) -> list[Attacked] | None:
    """What `write` wrote; None where there is no such file.

    Raises HarnessError where the file was altered or belongs to another run.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    expected = _sums(path).read_text().split()[:1] if _sums(path).exists() else []
    if expected != [_digest(content)]:
        raise HarnessError(f"{path} was altered since it was written; delete it and resume again.")
    header, *lines = [json.loads(line) for line in content.decode().splitlines()]
    if header["format"] != FORMAT or header["identity"] != identity:
        raise HarnessError(
            f"{path} belongs to another training (other settings, data or weights); start anew "
            "instead of resuming."
        )
    return [Attacked(**{**line, "fields": tuple(line["fields"])}) for line in lines]


def _sums(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

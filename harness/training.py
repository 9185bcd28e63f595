"""One whole fine-tuning: epochs, evaluation, choice of the checkpoint, restart."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback
from transformers.utils import logging as transformers_logging

from attacks import recipes
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.models import Model
from attacks.outcomes import Example
from attacks.resources.own import Own
from attacks.victims.huggingface import HuggingFaceVictim
from harness import dividing, processes
from harness.adaptation import adapt, has_unused
from harness.adapters import Adapted
from harness.arguments import training_arguments
from harness.augmentation import AttackRefresh, Battery, slots
from harness.averaging import Average, load
from harness.batches import Collator, Row, TrainingSet, class_weights, oversampled
from harness.blending import Blending, blend, snapshot
from harness.board import Board
from harness.checkpoints import AVERAGE, TRAINED, WorkFolder, memory_of, read_tensors
from harness.keeper import Keeper, Record
from harness.kept_adapters import check_kept
from harness.learning_rates import rate_of
from harness.models import LoadedModel, save_classifier
from harness.objectives.combining import combine
from harness.overfitting import commonest
from harness.prediction import predict
from harness.randomness import derived
from harness.selection import EpochRecord, Evaluator, choose, should_stop
from harness.teacher import frozen, needed, training_targets
from harness.trainer import RobustTrainer
from harness.training_checks import check_divided, check_examples, check_needs, identity_of
from harness.training_plan import Train
from reports.progress import Progress, Quiet
from reports.storage import write_atomic

CACHE_ROWS = 300_000
"""About 150 MB; rows of weights that have changed since fall out first."""
ENGINE = EngineConfig(window=512)
"""Attacks made for training ask little each: more of them in flight fill the batches."""

BOARD = "tensorboard"
HISTORY = "training_history.json"
"""The epochs' numbers, beside the saved model."""


@dataclass(frozen=True)
class TrainResult:
    """What a training came to.

    Attributes:
        history: one record an epoch.
        best: place in `history` of the epoch whose weights the model now holds.
        stopped_early: whether patience ended it before the last epoch.
        rows: training rows an epoch, places for adversarial ones included.
        seconds: wall-clock of this call alone.
        learning_rate: the highest of the schedule.
        blending: how the weights of that epoch were mixed with those from the start, where they were.
    """

    history: tuple[EpochRecord, ...]
    best: int
    stopped_early: bool
    rows: int
    seconds: float
    learning_rate: float
    blending: Blending | None = None

    @property
    def best_epoch(self) -> int:
        """Number of the epoch whose weights were kept, counted from 0."""
        return self.history[self.best].epoch

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
            "rows": self.rows,
            "learning_rate": self.learning_rate,
            "blending": self.blending.to_dict() if self.blending else None,
            "epochs": [record.to_dict() for record in self.history],
        }


def train(
    config: Train,
    model: LoadedModel,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    seed: int,
    max_length: int,
    work: Path,
    record: Record,
    progress: Progress | None = None,
    resume: bool = False,
    models_for_attacks: Mapping[str, Model] | None = None,
    own: Own | None = None,
    teacher: LoadedModel | None = None,
    engine: EngineConfig = ENGINE,
) -> TrainResult:
    """Fine-tune `model` in place; it ends with the weights of the chosen epoch, in evaluation mode.

    Args:
        model: freshly loaded; on a resume from the same source as before.
        work: folder for checkpoints, attack-generated rows and the history; TensorBoard's files, where
            the plan asks for them, go beside it.
        record: handed a plain dict after each epoch ("epoch") and each augmentation ("augmentation").
        progress: shown by the first of several processes; `record` too is called there alone.
        resume: go on from the last complete checkpoint in `work`, to the weights that an uninterrupted
            run would have had, bit by bit on one kind of machine and as many threads.
        models_for_attacks: the constraint models that recipes in the plan need, by name.
        own: the user's resources in the place of built-in ones.
        teacher: the plan's; None: `model` as it is handed over.

    Raises:
        HarnessError: unusable data, a changed plan on resume, a loss that is not finite.
        AttackError: an unknown recipe.
    """
    started = perf_counter()
    processes.join()
    if not processes.is_first():
        record = _unrecorded
    check_divided(config)
    check_examples(train, validation, model.labels)
    rate = rate_of(config, model.model)
    given, config = config, config.model_copy(update={"learning_rate": rate})
    objective = combine(config.objective, config.plain_warmup)
    augment, selection = config.augment, config.selection
    turns = [recipes.load(name).using(own or {}) for name in augment.attacks] if augment else []
    judges = [recipes.load(name).using(own or {}) for name in selection.attacks]
    check_needs([*turns, *judges], models_for_attacks or {})
    check_kept(model.model, config)
    attacks = [recipe.parameters() for recipe in (*turns, *judges)]
    beside = {name: other.fingerprint for name, other in (models_for_attacks or {}).items()}
    others = [model.fingerprint, seed, max_length, attacks, beside]
    if teacher:
        others.append(teacher.fingerprint)
    if processes.count() > 1:
        others.append(processes.count())  # each draws noise of its own
    if dividing.asked():
        others.append(dividing.asked())  # a checkpoint of one is no other's
    identity = identity_of(config, others, train, validation)
    folder = WorkFolder(work, identity)
    arguments = training_arguments(config, seed=seed, folder=folder.checkpoints)
    device = arguments.device
    model.model.to(device)
    history = processes.from_first(lambda: folder.start(resume=resume))
    start = snapshot(model.model) if selection.blend else {}

    def victim(moment: str) -> HuggingFaceVictim:
        return HuggingFaceVictim(
            model.model,
            model.tokenizer,
            model.labels,
            fingerprint=f"{identity}:{moment}",
            max_length=max_length,
        )

    display = progress if progress and processes.is_first() else Quiet()
    if given.learning_rate is None:
        display.say(
            f"learning rate {rate:g}, by the model's size; `withstand lr-range` looks closer"
        )
    now = victim("now")

    def answers(examples: Sequence[Example]) -> Any:
        title = "validation" if examples is validation else "training texts"
        return predict(now, examples, progress=display, title=title)

    encodings = now.encode([example.text.strings for example in train])
    asked = answers if teacher is None else _asked(teacher, max_length, display, device)
    targets = training_targets(config, train, len(model.labels), asked, folder.answers)
    guide = None
    if needed(chosen.name for chosen in config.objective):
        guide = frozen(model, teacher, device)
    adapt(model.model, config.adaptation, seed)
    adapted = Adapted(model.model, config.adapter, seed) if config.adapter else None
    trained, mirror = model.model, None
    if dividing.asked():
        trained = copy.deepcopy(model.model)
        mirror = dividing.Mirror(model.model, trained)
    rows = [Row(e, x.label, t) for e, x, t in zip(encodings, train, targets, strict=True)]
    if config.balance == "oversample":
        rows = oversampled(rows, seed)
    extra = slots(augment, len(train)) if augment and augment.keep_clean else 0
    data = TrainingSet(rows, extra, augment.refresh if augment else 1)
    battery = Battery(models_for_attacks or {}, Cache(CACHE_ROWS), engine, display)
    evaluator = Evaluator(
        selection,
        config.monitor,
        validation=validation,
        train=train,
        recipes=judges,
        battery=battery,
        predict=answers,
        victim=victim,
        seed=seed,
    )
    most = commonest(validation, model.labels)
    keeper = Keeper(config, folder, data, evaluator, history, record, display, device, most)
    keeper.mirror = mirror
    callbacks: list[TrainerCallback] = [keeper]
    if augment:
        refresh = AttackRefresh(
            augment,
            data=data,
            examples=train,
            recipes=turns,
            battery=battery,
            victim=victim,
            temperature=lambda: history[-1].temperature if history else 1.0,
            encode=now.encode,
            folder=folder.attacks,
            seed=seed,
            identity=identity,
            record=record,
            follow=mirror.follow if mirror else None,
        )
        callbacks.insert(0, refresh)

    done = len(history) == config.epochs or should_stop(history, selection)
    weights = None
    if config.balance == "weights":
        weights = class_weights(rows, len(model.labels)).to(device)
    with _no_bars():
        if not done:
            _train(
                config,
                model,
                trained,
                arguments,
                objective,
                guide,
                data,
                callbacks,
                folder.last(),
                keeper,
                work.parent / BOARD,
                weights,
            )
        best = choose(history, selection)
        if done or config.average or best != len(history) - 1:
            _load_weights(model.model, folder.of(history[best]))
    if adapted:
        adapted.merge()
    model.model.eval()
    blending = None
    if selection.blend:
        chosen = history[best]
        blending = blend(
            model.model,
            start,
            chosen,
            selection,
            accuracy=evaluator.accuracy,
            measure=lambda share, least: evaluator.measure(
                chosen.epoch, chosen.step, None, f"{chosen.step}*{share}", least, False
            ),
        )
        record({"event": "blending", **blending.to_dict()})
        if said := blending.warning(selection):
            record({"event": "warning", "epoch": chosen.epoch, "text": said})
            display.say(f"warning: {said}")
    result = TrainResult(
        history=tuple(history),
        best=best,
        stopped_early=len(history) < config.epochs,
        rows=len(data),
        seconds=perf_counter() - started,
        learning_rate=rate,
        blending=blending,
    )
    if processes.is_first():
        output = Path(config.output)
        save_classifier(model, output)
        write_atomic(output / HISTORY, json.dumps(result.to_dict(), indent=1) + "\n")
    processes.wait()
    return result


def _train(
    config: Train,
    model: LoadedModel,
    trained: Any,
    arguments: Any,
    objective: Any,
    teacher: Any,
    data: TrainingSet,
    callbacks: list[TrainerCallback],
    checkpoint: Path | None,
    keeper: Keeper,
    board: Path,
    weights: Tensor | None,
) -> None:
    if processes.count() > 1 and not dividing.asked():
        arguments.ddp_find_unused_parameters = has_unused(trained, data[0].encoding.ids)
    trainer = RobustTrainer(
        trained,
        arguments,
        objective=objective,
        data=data,
        collator=Collator.of(model.tokenizer),
        callbacks=callbacks,
        tokenizer=model.tokenizer,
        teacher=teacher,
        layer_decay=config.adaptation.layer_decay,
        class_weights=weights,
    )
    if processes.rank():
        torch.manual_seed(derived(arguments.seed, "process", processes.rank()))
    keeper.trainer = trainer
    trainer.halved = keeper.halved
    if config.monitor.tensorboard and processes.is_first():
        keeper.board = Board(board)
    if config.average:
        keeper.average = Average(config.average, lambda: trainer.course.weights)
    if checkpoint:
        memory = memory_of(checkpoint, processes.rank())
        trainer.course.memory.update(read_tensors(memory, arguments.device))
        keeper.restored = read_tensors(checkpoint / AVERAGE, arguments.device)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        keeper.finish()
        dividing.forget()
        trainer.tap.remove()


def _load_weights(model: Any, checkpoint: Path) -> None:
    """Give `model` the weights of a checkpoint (read by the class itself, which knows renamed keys).

    Where an average was kept, those that it has; of a model with an adapter, those that were trained.
    """
    trained = read_tensors(checkpoint / TRAINED, "cpu")
    if trained:
        load({n: p for n, p in model.named_parameters() if n in trained}, trained)
    else:
        found = type(model).from_pretrained(str(checkpoint), use_safetensors=True)
        model.load_state_dict(found.state_dict())
    average = read_tensors(checkpoint / AVERAGE, "cpu")
    load({n: p for n, p in model.named_parameters() if n in average}, average)


def _asked(
    teacher: LoadedModel, max_length: int, display: Progress, device: Any
) -> Callable[[Sequence[Example]], Any]:
    """A teacher's logits, in its own tokens."""
    victim = HuggingFaceVictim(
        teacher.model.to(device),
        teacher.tokenizer,
        teacher.labels,
        fingerprint=teacher.fingerprint,
        max_length=max_length,
    )
    return lambda examples: predict(victim, examples, progress=display, title="ask the teacher")


def _unrecorded(event: dict[str, Any]) -> None:
    """One process of several writes."""


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without transformers' own progress bars, which would run through ours."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()

"""The engine: `transformers.Trainer` with our objectives in the place of its loss."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from attacks.engine.scheduler import is_out_of_memory
from harness import dividing, processes
from harness.adaptation import groups, rates
from harness.batches import IDLE, Collator, LengthGroups, Shares, TrainingSet
from harness.embedding import EmbeddingTap
from harness.errors import HarnessError
from harness.objectives.base import (
    Course,
    Objective,
    Remembering,
    StepContext,
    StepObjective,
    cross_entropy,
)

LOST_OF, MOST_LOST = 200, 0.05
"""Of so many gradients of inner steps at the least, this share may be not finite: what mixed precision
costs is less (torch.amp's GradScaler grows every 2,000 steps and halves on the first overflow)."""


class DivergedError(HarnessError):
    """The training loss is not finite any more."""


class RobustTrainer(Trainer):  # type: ignore[misc]
    """A Trainer that asks an objective for the loss of every training batch.

    What it adds: labels never reach the model; accumulated micro-batches weigh by their examples, so
    that accumulation does not change the gradient; a loss that is not finite ends the training; a batch
    that does not fit in memory is propagated in parts; evaluation never calls the objective.

    Args:
        model: a sequence classifier. The embedding hook is installed here, before anything wraps it.
        data: the training rows.
        tokenizer: for objectives that go by words (`ascc`, `dne`).
        teacher: a frozen classifier that reads the same tokens (`distillation`).
        layer_decay: each layer's learning rate relative to the one above it.
        class_weights: what a training row of each class counts, shape (classes,).

    Attributes:
        halved: told of the rows that are propagated at once from now on, when memory runs out.
    """

    # Our losses are means over a micro-batch. In 5.x the Trainer otherwise believes that a model whose
    # forward takes **kwargs scales by itself, and multiplies gradients by the accumulation steps
    # (transformers#47688).
    loss_is_scaled_for_ga = False

    def __init__(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        *,
        objective: Objective,
        data: TrainingSet,
        collator: Collator,
        callbacks: list[Any] | None = None,
        tokenizer: Any = None,
        teacher: Any = None,
        layer_decay: float = 1.0,
        class_weights: Tensor | None = None,
    ) -> None:
        if arguments.label_smoothing_factor:
            raise HarnessError("Label smoothing bypasses the objective; leave it at 0.")
        self.objective = objective
        self.tap = EmbeddingTap(model)
        self.course = Course(
            model,
            tokenizer,
            teacher,
            rows_of_all=processes.rows_of_all,
            agreed=processes.agreed,
        )
        self.layer_decay = layer_decay
        self.class_weights = class_weights
        self.halved: Callable[[int], None] = lambda rows: None
        self._rows: int | None = None
        self._batches: list[Any] = []
        self._place = 0
        self._remembered: dict[str, Tensor] = {}
        self._examples_in_step = 0
        self._micro_batches = 1
        self._loss_total = 0.0
        self._loss_examples = 0
        super().__init__(
            model=model,
            args=arguments,
            data_collator=collator,
            train_dataset=data,
            callbacks=callbacks,
        )
        # What 4.57 reads instead of `loss_is_scaled_for_ga`.
        self.model_accepts_loss_kwargs = False
        self.remove_callback(PrinterCallback)

    def create_accelerator_and_postprocess(self) -> None:
        """As the Trainer's own; weights are divided without accelerators too."""
        with dividing.recognised(self.course.model):
            super().create_accelerator_and_postprocess()

    def create_optimizer(self, *given: Any) -> torch.optim.Optimizer:
        """As the Trainer's own, but for learning rates that fall from layer to layer."""
        if self.layer_decay == 1 or self.optimizer is not None:
            made: torch.optim.Optimizer = super().create_optimizer(*given)
            return made
        kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
        self.optimizer: Any = kind(
            list(
                groups(
                    self.model.named_parameters(),
                    self.get_decay_parameter_names(self.model),
                    rates(self.model, self.layer_decay),
                    rate=self.args.learning_rate,
                    weight_decay=self.args.weight_decay,
                )
            ),
            **options,
        )
        created: torch.optim.Optimizer = self.optimizer
        return created

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Mapping[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The objective's loss while training; plain cross-entropy under evaluation."""
        if (
            model.training
            and torch.is_grad_enabled()
            and not isinstance(self.objective, StepObjective)
        ):
            loss = self.objective.loss(self._context(model, inputs))
            # The caller divides by the micro-batches of this step.
            loss = loss * (self._share(inputs) * self._micro_batches)
            if engine := self._engine(model):
                engine.announce(loss)
            return loss
        features, labels = _split(inputs)
        outputs = model(**features)
        loss = cross_entropy(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss

    def training_step(
        self, model: nn.Module, inputs: Mapping[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """One micro-batch: gradients accumulate; returns its part of the step's mean loss.

        Raises DivergedError when the loss is not finite, HarnessError when too many gradients of inner
        steps are not, with the weights as the last good step left them; and where one example does not
        fit in memory.
        """
        self._place += 1
        try:
            loss = self._propagated(model, inputs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            loss = self._in_smaller_parts(model, error)
        # Of all processes: each stops where one of them must.
        value, examples, lost, asked = processes.total(
            float(loss) / processes.count(), _count(inputs), self.course.lost, self.course.asked
        )
        if not math.isfinite(value):
            raise DivergedError(
                f"The training loss became {value} at step {self.state.global_step + 1} (epoch "
                f"{math.floor(self.state.epoch or 0) + 1}), on a batch that begins with "
                f"{self._beginning(inputs)}. A lower learning_rate, more warmup or a smaller adv_lr "
                "helps; the last complete checkpoint is kept."
            )
        if asked >= LOST_OF and lost > MOST_LOST * asked:
            raise HarnessError(
                f"By step {self.state.global_step + 1}, {lost:,.0f} of {asked:,.0f} gradients of inner "
                "steps were not finite, so that this training is hardly an adversarial one. A smaller "
                'adv_lr or precision = "float32" helps; the last complete checkpoint is kept.'
            )
        self._loss_total += value * self._examples_in_step
        self._loss_examples += int(examples)
        return loss

    def _propagated(self, model: nn.Module, inputs: Mapping[str, Any]) -> Tensor:
        """The objective on a micro-batch, in as many parts as memory asks for."""
        rows = len(inputs["labels"])
        size = min(self._rows or rows, rows)
        parts = [
            {
                name: value[start : start + size] if value.dim() else value
                for name, value in inputs.items()
            }
            for start in range(0, rows, size)
        ]
        losses = [self._propagated_part(model, part) for part in parts]
        return torch.stack(losses).sum()

    def _propagated_part(self, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        if not isinstance(self.objective, StepObjective):
            loss: Tensor = super().training_step(model, inputs)
            return loss
        model.train()
        prepared = self._prepare_inputs(inputs)
        with self.compute_loss_context_manager():
            return self.objective.step(self._context(model, prepared)) * self._share(prepared)

    def _in_smaller_parts(self, model: nn.Module, error: Exception) -> Tensor:
        """Begin the optimizer step anew in parts of half the rows, and in halves again while need be.

        A pass back that broke off has left some of its gradients behind, so the micro-batches before
        this one are made once more.
        """
        if processes.count() > 1:
            raise HarnessError(
                f"A batch does not fit in the memory of process {processes.rank()} ({error}), and "
                "several processes cannot begin a step anew. A smaller batch_size with more accumulate, "
                "or gradient_checkpointing, helps; the last complete checkpoint is kept."
            ) from error
        rows = max(len(batch["labels"]) for batch in self._batches)
        rows = min(self._rows or rows, rows)
        while rows > 1:
            self._rows = rows = rows // 2
            self.halved(rows)
            model.zero_grad(set_to_none=True)
            self.course.memory = dict(self._remembered)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            try:
                return [self._propagated(model, batch) for batch in self._batches[: self._place]][
                    -1
                ]
            except Exception as again:
                if not is_out_of_memory(again):
                    raise
                error = again
        longest = max(batch["input_ids"].shape[1] for batch in self._batches)
        raise HarnessError(
            f"A single example of {longest} tokens does not fit in memory in training ({error}). A "
            "smaller model.max_length, gradient_checkpointing or a smaller model helps; the last "
            "complete checkpoint is kept."
        ) from error

    def _beginning(self, inputs: Mapping[str, Any]) -> str:
        """The first text of a batch, as far as a line goes."""
        ids = inputs["input_ids"][0].tolist()
        if self.course.tokenizer is None:
            return f"the tokens {ids[:12]}"
        return repr(self.course.tokenizer.decode(ids, skip_special_tokens=True)[:80])

    def take_mean_loss(self) -> float | None:
        """Mean training loss per example since the last call; None where nothing was trained."""
        total, examples = self._loss_total, self._loss_examples
        self._loss_total, self._loss_examples = 0.0, 0
        return total / examples if examples else None

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, *rest: Any
    ) -> tuple[list[Any], Any]:
        """The micro-batches of one optimizer step; notes how many examples they hold together.

        An objective that remembers is told that a step begins.
        """
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, *rest)
        self._examples_in_step = int(processes.total(sum(map(_count, batches)))[0])
        self._micro_batches = max(1, len(batches))
        self.course.progress = self.state.global_step / max(1, self.state.max_steps)
        if isinstance(self.objective, Remembering):
            self.objective.before_step(self.course)
        self._batches, self._place = batches, 0
        self._remembered = dict(self.course.memory)
        return batches, items

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As the Trainer's own, but for weights that are divided: the keeper saves those whole."""
        if not dividing.asked():
            super().save_model(output_dir, _internal_call)

    def floating_point_ops(self, inputs: Mapping[str, Any]) -> int:
        """Not counted: the default walks all parameters at every step."""
        return 0

    def get_train_dataloader(self) -> Any:
        """This process's part of every batch, in an order that depends on the seed alone."""
        several = processes.count()
        size = self.args.train_batch_size * several
        order = LengthGroups(self.train_dataset, size, self.args.seed)
        loader: Any = DataLoader(
            self.train_dataset,
            batch_sampler=Shares(order, size, processes.rank(), several),
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        # One process of one: the rows have been dealt already.
        return prepare_data_loader(
            loader, self.args.device, num_processes=1, process_index=0, put_on_device=True
        )

    def _engine(self, model: nn.Module) -> dividing.Engine | None:
        """Where DeepSpeed has the model, the way through it."""
        return dividing.Engine(model, self.accelerator) if self.is_deepspeed_enabled else None

    def _share(self, inputs: Mapping[str, Any]) -> float:
        """This micro-batch's part of the examples of the optimizer step.

        Times the number of processes, over which gradients are averaged.
        """
        return processes.count() * _count(inputs) / max(1, self._examples_in_step)

    def _context(self, model: nn.Module, inputs: Mapping[str, Any]) -> StepContext:
        features, labels = _split(inputs)
        share = self._share(inputs)
        engine = self._engine(model)
        back = engine.backward if engine else self.accelerator.backward
        return StepContext(
            model=engine.model if engine else model,
            inputs=features,
            labels=labels,
            tap=self.tap,
            propagate=lambda loss: back(loss * share),
            silent=engine.silent if engine else functools.partial(self.accelerator.no_sync, model),
            targets=inputs.get("targets"),
            class_weights=self.class_weights,
            course=self.course,
            counts=IDLE not in inputs,
        )


def _split(inputs: Mapping[str, Any]) -> tuple[dict[str, Tensor], Tensor]:
    others = ("labels", "targets", IDLE)
    return {name: value for name, value in inputs.items() if name not in others}, inputs["labels"]


def _count(inputs: Mapping[str, Any]) -> int:
    """How many rows of a micro-batch count."""
    return 0 if IDLE in inputs else len(inputs["labels"])

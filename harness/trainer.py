"""The engine: `transformers.Trainer` with our objectives in the place of its loss."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainingArguments

from harness.batches import Collator, LengthGroups, TrainingSet
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


class RobustTrainer(Trainer):  # type: ignore[misc]
    """A Trainer that asks an objective for the loss of every training batch.

    What it adds: labels never reach the model; accumulated micro-batches weigh by their examples, so
    that accumulation does not change the gradient; a loss that is not finite ends the training;
    evaluation never calls the objective.

    Args:
        model: a sequence classifier. The embedding hook is installed here, before anything wraps it.
        data: the training rows.
        tokenizer: for objectives that go by words (`ascc`, `dne`).
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
    ) -> None:
        if arguments.label_smoothing_factor:
            raise HarnessError("Label smoothing bypasses the objective; leave it at 0.")
        self.objective = objective
        self.tap = EmbeddingTap(model)
        self.course = Course(model, tokenizer)
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
        if isinstance(objective, StepObjective) and self.is_deepspeed_enabled:
            raise HarnessError(
                "Objectives with several backward passes a step (freelb) do not run under DeepSpeed, "
                "which counts every pass as a micro-batch. Use DDP or FSDP."
            )

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
            return loss * (self._share(inputs) * self._micro_batches)
        features, labels = _split(inputs)
        outputs = model(**features)
        loss = cross_entropy(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss

    def training_step(
        self, model: nn.Module, inputs: Mapping[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """One micro-batch: gradients accumulate; returns its part of the step's mean loss.

        Raises HarnessError when the loss is not finite; the weights are as the last good step left them.
        """
        if isinstance(self.objective, StepObjective):
            model.train()
            prepared = self._prepare_inputs(dict(inputs))
            with self.compute_loss_context_manager():
                loss = self.objective.step(self._context(model, prepared)) * self._share(prepared)
        else:
            loss = super().training_step(model, dict(inputs), num_items_in_batch)
        value = float(loss)
        if not math.isfinite(value):
            raise HarnessError(
                f"The training loss became {value} at step {self.state.global_step + 1}. A lower "
                "learning_rate, more warmup or a smaller adv_lr helps; the last complete checkpoint "
                "is kept."
            )
        self._loss_total += value * self._examples_in_step
        self._loss_examples += len(inputs["labels"])
        return loss

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
        self._examples_in_step = sum(len(batch["labels"]) for batch in batches)
        self._micro_batches = max(1, len(batches))
        self.course.progress = self.state.global_step / max(1, self.state.max_steps)
        if isinstance(self.objective, Remembering):
            self.objective.before_step(self.course)
        return batches, items

    def floating_point_ops(self, inputs: Mapping[str, Any]) -> int:
        """Not counted: the default walks all parameters at every step."""
        return 0

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        data = self.train_dataset if train_dataset is None else train_dataset
        return LengthGroups(data, self.args.train_batch_size, self.args.seed)

    def _share(self, inputs: Mapping[str, Any]) -> float:
        """This micro-batch's part of the examples of the optimizer step."""
        return len(inputs["labels"]) / max(1, self._examples_in_step)

    def _context(self, model: nn.Module, inputs: Mapping[str, Any]) -> StepContext:
        features, labels = _split(inputs)
        share = self._share(inputs)
        return StepContext(
            model=model,
            inputs=features,
            labels=labels,
            tap=self.tap,
            propagate=lambda loss: self.accelerator.backward(loss * share),
            silent=functools.partial(self.accelerator.no_sync, model),
            targets=inputs.get("targets"),
            course=self.course,
        )


def _split(inputs: Mapping[str, Any]) -> tuple[dict[str, Tensor], Tensor]:
    features = {name: value for name, value in inputs.items() if name not in ("labels", "targets")}
    return features, inputs["labels"]

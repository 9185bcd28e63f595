"""What an objective is, and what it is handed for one micro-batch.

Objectives know no engine: they see a `StepContext` and nothing else. The same object runs under the
Trainer and under the plain loop of the tests, which must give the same gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.func import functional_call

from attacks.victims.embedding import called_embedding
from harness.dropout import SharedDropout
from harness.embedding import EmbeddingTap, unit
from harness.errors import HarnessError
from harness.randomness import TorchState


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy, in float32 at least, a scalar.

    Logits have shape (batch, classes); labels are class numbers of shape (batch,) or probabilities
    of shape (batch, classes). Ours and not the model's: given labels, transformers heads guess the
    kind of problem from their type and, in 5.x, multiply gradients by the accumulation steps.
    """
    return each_cross_entropy(logits, labels).mean()


def each_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """As `cross_entropy`, for each row, shape (batch,)."""
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if labels.is_floating_point():
        labels = labels.to(precise.dtype)
    return torch.nn.functional.cross_entropy(precise, labels, reduction="none")


@dataclass
class Course:
    """What outlasts a batch: the model in training, and what objectives keep of earlier batches.

    Attributes:
        model: the bare model, without the wrappers of the engine.
        tokenizer: that of the model.
        teacher: a frozen classifier that reads the same tokens, where an objective learns from one.
        progress: share of the optimizer steps that are done, 0.0 to 1.0.
        memory: tensors by name ("objective.what"); saved with every checkpoint and restored from it.
        asked: gradients of single examples that inner steps have asked for.
        lost: those of them that were not finite and moved nothing.
        rows_of_all: the rows of a tensor from all processes that train together.
        agreed: the same tensor in all of them.
    """

    model: Any = None
    tokenizer: Any = None
    teacher: Any = None
    progress: float = 0.0
    memory: dict[str, Tensor] = field(default_factory=dict)
    asked: int = 0
    lost: int = 0
    rows_of_all: Callable[[Tensor], Tensor] = lambda mine: mine
    agreed: Callable[[Tensor], Tensor] = lambda mine: mine

    @property
    def weights(self) -> dict[str, torch.nn.Parameter]:
        """The parameters that are trained, by name, as they are now: dividing them makes new ones."""
        return {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    def asked_teacher(self) -> Any:
        """The teacher. Raises HarnessError where there is none."""
        if self.teacher is None:
            raise HarnessError("This objective learns from a teacher, and the training has none.")
        return self.teacher

    def like_embeddings(self) -> Tensor:
        """An empty tensor of the shape of the table of word embeddings, (vocabulary, width)."""
        table: Any = called_embedding(self.model)
        table = getattr(table, "base_layer", table)
        # Not `empty_like`: of a weight that is divided between processes it would be a part.
        shape = (table.num_embeddings, table.embedding_dim)
        return torch.empty(shape, dtype=table.weight.dtype, device=table.weight.device)


@dataclass
class StepContext:
    """One micro-batch: the model, its inputs and labels, and a way back through it.

    Attributes:
        model: called with `inputs`; the wrapped model of the engine, never the bare one inside.
        inputs: tensors for the model, without labels; `input_ids` has shape (batch, tokens).
        labels: class numbers, shape (batch,).
        tap: where perturbations enter.
        propagate: the engine's backward: accumulates the gradients of a scalar.
        silent: a context in which backward passes are not averaged over devices.
        targets: soft labels, shape (batch, classes), where there are any.
        class_weights: what a row of each class counts in the loss, shape (classes,); 1 by default.
        course: what outlasts the batch.
        counts: False where the rows only stand in for some and their gradients are zero, see `Shares`.
    """

    model: Callable[..., Any]
    inputs: Mapping[str, Tensor]
    labels: Tensor
    tap: EmbeddingTap
    propagate: Callable[[Tensor], None]
    silent: Callable[[], AbstractContextManager[Any]] = nullcontext
    targets: Tensor | None = None
    class_weights: Tensor | None = None
    course: Course = field(default_factory=Course)
    counts: bool = True
    _dropout: TorchState | None = field(default=None, init=False)
    _masks: SharedDropout = field(default_factory=SharedDropout, init=False)

    @property
    def mask(self) -> Tensor:
        """1.0 at real tokens and 0.0 at padding, shape (batch, tokens)."""
        given = self.inputs.get("attention_mask")
        return torch.ones_like(self.inputs["input_ids"]).float() if given is None else given.float()

    @property
    def delta_shape(self) -> tuple[int, int, int]:
        """(batch, tokens, embedding width): the shape of a perturbation."""
        batch, tokens = self.inputs["input_ids"].shape
        return batch, tokens, self.tap.dimension

    def logits(self, delta: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes), with `delta` added to the embeddings of real tokens.

        `delta` has shape (batch, tokens, width); what it holds at padding is never seen by the model.
        """
        logits: Tensor = self.outputs(delta).logits
        return logits

    def outputs(self, delta: Tensor | None = None, **wanted: Any) -> Any:
        """All that the model returns for it, e.g. with `output_hidden_states=True`."""
        if delta is None:
            return self.model(**self.inputs, **wanted)
        with self.tap.adding(delta * self.mask.unsqueeze(-1)):
            return self.model(**self.inputs, **wanted)

    def logits_with(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Logits of the clean batch with other weights, by name, in the place of the model's own."""
        inputs = dict(self.inputs)
        found: Tensor = functional_call(self.course.model, dict(weights), kwargs=inputs).logits
        return found

    def loss(self, logits: Tensor) -> Tensor:
        """Mean cross-entropy against the soft labels, where there are any, or the labels; a scalar.

        A row counts as much as its label's class does.
        """
        targets = self.labels if self.targets is None else self.targets
        return self.mean(each_cross_entropy(logits, targets))

    def mean(self, each: Tensor) -> Tensor:
        """The mean of one number a row, shape (batch,), each times the weight of the row's class.

        It is divided by the rows and not by their weights, so that neighbours in a batch do not matter.
        """
        if self.class_weights is not None:
            each = each * self.class_weights[self.labels]
        return each.mean()

    def grad(self, loss: Tensor, delta: Tensor, *, again: bool = False) -> Tensor:
        """d loss / d delta, of delta's shape and type; the weights' gradients stay as they are.

        `again`: the graph of the loss is needed for another pass back.
        """
        (gradient,) = torch.autograd.grad(loss, delta, retain_graph=again)
        return gradient

    def direction(self, gradient: Tensor) -> Tensor:
        """The unit gradient of each example, `unit`, counted as `counted` does."""
        return unit(self.counted(gradient))

    def counted(self, gradient: Tensor) -> Tensor:
        """The gradient, with zeros for every example, first dimension, where it is not finite.

        Mixed precision overflows now and then: such an example makes no inner step. They are counted,
        and the engine ends a training in which they are many.
        """
        fine = torch.isfinite(gradient.flatten(1)).all(1)
        self.course.asked += len(fine)
        if not fine.all():
            self.course.lost += int((~fine).sum())
            gradient = torch.where(fine.view(-1, *[1] * (gradient.dim() - 1)), gradient, 0.0)
        return gradient

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a scalar to those of the weights."""
        self.propagate(loss)

    @contextmanager
    def repeat(self, *, last: bool) -> Iterator[None]:
        """One of several passes over the same batch: all draw the same dropout mask.

        Gradients are averaged over devices after the last pass alone. Forward and backward both belong
        inside.
        """
        with self.same_dropout(), nullcontext() if last else self.silent():
            yield

    @contextmanager
    def same_dropout(self, wanted: bool = True) -> Iterator[None]:
        """A pass that draws the dropout mask of the other such passes over this batch.

        What two of them say then differs by their perturbations alone. Nothing happens unless `wanted`.
        """
        if not wanted:
            yield
            return
        if self._dropout is None:
            self._dropout = TorchState(self.labels.device)
        else:
            self._dropout.restore()
        # A GPU draws masks inside of its kernels, in no time.
        with self._masks if self.labels.device.type == "cpu" else nullcontext():
            yield


@runtime_checkable
class LossObjective(Protocol):
    """An objective that is one scalar."""

    def loss(self, ctx: StepContext) -> Tensor:
        """The loss of the micro-batch with its graph; the engine propagates it."""


@runtime_checkable
class StepObjective(Protocol):
    """An objective that propagates by itself, several times a batch."""

    def step(self, ctx: StepContext) -> Tensor:
        """Call `ctx.backward` as often as needed; returns the mean loss, detached."""


Objective = LossObjective | StepObjective


@runtime_checkable
class Remembering(Protocol):
    """An objective that keeps something from batch to batch, in `Course.memory`."""

    def before_step(self, course: Course) -> None:
        """Called before each optimizer step, ahead of its first micro-batch.

        What a step leaves behind may count from here on: within a step all micro-batches must see the
        same memory.
        """


@runtime_checkable
class Undivided(Protocol):
    """An objective that cannot train all weights that are divided between processes."""

    def undivided(self, way: str, accumulate: int) -> str:
        """Why not, and what helps, as a clause; "" where it can.

        Args:
            way: `dividing.FSDP` or `dividing.DEEPSPEED`.
            accumulate: micro-batches of a step.
        """


@runtime_checkable
class Wrapper(Protocol):
    """Something that changes how another objective trains."""

    def around(self, inner: Objective) -> Objective:
        """The objective in its changed form."""


def train_on(objective: Objective, ctx: StepContext) -> Tensor:
    """Run an objective of either kind; returns its loss, detached."""
    if isinstance(objective, StepObjective):
        return objective.step(ctx)
    loss = objective.loss(ctx)
    ctx.backward(loss)
    return loss.detach()

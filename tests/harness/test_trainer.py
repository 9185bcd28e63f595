"""The Trainer engine against a loop that can be read in one go, and its contracts."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainerCallback

from harness import objectives
from harness.arguments import training_arguments
from harness.batches import Collator, LengthGroups, Row, TrainingSet, oversampled
from harness.errors import HarnessError
from harness.objectives.base import Course, Objective, StepContext
from harness.objectives.combining import combine
from harness.trainer import RobustTrainer
from harness.training_plan import Objective as Chosen
from harness.training_plan import Train
from tests.harness import tiny
from tests.harness.oracle import Trace, fit

SEED = 11


def rows(count: int, token_types: bool = True) -> TrainingSet:
    from attacks.victims.huggingface import HuggingFaceVictim

    victim = HuggingFaceVictim(None, tiny.tokenizer(), ("no", "yes"), fingerprint="", max_length=32)
    found = tiny.examples(count)
    encodings = victim.encode([example.text.strings for example in found])
    if not token_types:
        encodings = [type(e)(e.ids, None) for e in encodings]
    return TrainingSet([Row(e, x.label) for e, x in zip(encodings, found, strict=True)])


def reseed(step: int) -> None:
    """Both engines draw the same numbers in a step, whatever they drew outside."""
    torch.manual_seed(1000 + step)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Reseeds before each optimizer step and keeps its gradients."""

    def __init__(self) -> None:
        self.trace = Trace()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        reseed(state.global_step)

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any, **_: Any
    ) -> None:
        self.trace.gradients.append(
            {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        )


def run(
    model: Any, data: TrainingSet, objective: Objective, config: Train, folder: Path
) -> tuple[Trace, RobustTrainer]:
    watch = Watch()
    trainer = RobustTrainer(
        model,
        training_arguments(config, seed=SEED, folder=folder),
        objective=objective,
        data=data,
        collator=Collator.of(tiny.tokenizer()),
        callbacks=[watch, Epochs(data, config.epochs)],
        tokenizer=tiny.tokenizer(),
        teacher=tiny.teacher(),
    )
    trainer.train()
    return watch.trace, trainer


class Epochs(TrainerCallback):  # type: ignore[misc]
    """Counts epochs for the order of the rows."""

    def __init__(self, data: TrainingSet, epochs: int) -> None:
        self.data, self.epochs = data, epochs

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.data.epoch = state.global_step // (state.max_steps // self.epochs)


def config(tmp_path: Path, **changes: Any) -> Train:
    return tiny.settings(tmp_path / "out", **changes)


BY_BATCH = {"awp", "infobert", "mixada"}
"""What these do to a text depends on those beside it."""
KINDS = [
    *((kind, name) for kind in tiny.HEADS for name in ("plain", "freelb")),
    *(("bert", name) for name in sorted({*objectives.BUILTIN} - BY_BATCH - {"plain", "freelb"})),
]


@pytest.mark.smoke
@pytest.mark.usefixtures("fixed_noise")
@pytest.mark.parametrize(("kind", "objective"), KINDS)
def test_accumulation_changes_no_gradient(kind: str, objective: str, tmp_path: Path) -> None:
    """14 rows at once, or as 4 + 4 + 4 + 2."""
    found = []
    for batch_size, accumulate in [(14, 1), (4, 4)]:
        model = tiny.classifier(kind, dropout=0.0)
        trace, _ = run(
            model,
            rows(14, token_types=kind in ("bert", "electra", "albert")),
            combine([Chosen(name=objective)]),
            config(tmp_path, epochs=1, batch_size=batch_size, accumulate=accumulate, clip=1e6),
            tmp_path,
        )
        assert len(trace.gradients) == 1
        found.append(trace.gradients[0])
    assert found[0].keys() == found[1].keys()
    scale = max(float(value.abs().max()) for value in found[0].values())
    assert scale > 1e-3
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], atol=scale * 1e-5, rtol=1e-4), name


@pytest.mark.usefixtures("fixed_noise")
@pytest.mark.parametrize("kind", ["bert", "deberta-v2", "t5"])
@pytest.mark.parametrize("objective", ["plain", "freelb", "smart"])
def test_layers_computed_again_change_no_gradient(
    kind: str, objective: str, tmp_path: Path
) -> None:
    found = []
    for again in (False, True):
        trace, _ = run(
            tiny.classifier(kind, dropout=0.0),
            rows(8, token_types=kind == "bert"),
            combine([Chosen(name=objective)]),
            config(tmp_path, epochs=1, batch_size=8, gradient_checkpointing=again, clip=1e6),
            tmp_path,
        )
        found.append(trace.gradients[0])
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name])


class Alike:
    """An objective that begins with the same memory in both engines."""

    def __init__(self, inner: Any) -> None:
        self.step = inner.step
        self._inner = inner

    def before_step(self, course: Course) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self._inner.before_step(course)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("objective", sorted(objectives.BUILTIN))
def test_the_engine_agrees_with_the_oracle(objective: str, accumulate: int, tmp_path: Path) -> None:
    """With dropout and noise on: gradients of every step, the losses and the final weights."""
    settings = config(tmp_path, epochs=2, accumulate=accumulate, warmup=0.2, clip=0.5)
    made = combine([Chosen(name=objective)])
    if objective == "tavat":
        made = Alike(made)
    model = tiny.classifier(seed=3)
    twin = copy.deepcopy(model)
    trace, trainer = run(model, rows(37), made, settings, tmp_path)
    expected = fit(
        twin,
        rows(37),
        made,
        settings,
        Collator.of(tiny.tokenizer()),
        seed=SEED,
        before_step=reseed,
        tokenizer=tiny.tokenizer(),
        teacher=tiny.teacher(),
    )
    assert len(trace.gradients) == len(expected.gradients)
    for number, (ours, theirs) in enumerate(zip(trace.gradients, expected.gradients, strict=True)):
        for name, value in ours.items():
            assert torch.allclose(value, theirs[name], atol=1e-6, rtol=1e-5), (number, name)
    for name, value in model.named_parameters():
        assert torch.allclose(value, twin.get_parameter(name), atol=1e-6), name
    mean = trainer.take_mean_loss()
    assert mean is not None
    weights = [16, 16, 5] * 2 if accumulate == 2 else [8, 8, 8, 8, 5] * 2
    whole = sum(n * loss for n, loss in zip(weights, expected.losses, strict=True)) / sum(weights)
    assert mean == pytest.approx(whole, rel=1e-5)


class Forbidden:
    """An objective that must not be asked."""

    def loss(self, ctx: StepContext) -> torch.Tensor:
        raise AssertionError("the objective was asked under evaluation")


@pytest.mark.smoke
def test_evaluation_never_calls_the_objective(tmp_path: Path) -> None:
    model = tiny.classifier()
    arguments = training_arguments(config(tmp_path), seed=0, folder=tmp_path)
    collator = Collator.of(tiny.tokenizer())
    trainer = RobustTrainer(
        model, arguments, objective=Forbidden(), data=rows(20), collator=collator
    )
    found = trainer.evaluate(rows(20))
    batch = collator([rows(20)[i] for i in range(20)])
    labels = batch.pop("labels")
    expected = torch.nn.functional.cross_entropy(model.eval()(**batch).logits, labels)
    assert found["eval_loss"] == pytest.approx(float(expected.detach()), rel=1e-4)


class Diverging:
    """Not a number from the third batch on."""

    def __init__(self) -> None:
        self.calls = 0

    def loss(self, ctx: StepContext) -> torch.Tensor:
        self.calls += 1
        loss = ctx.loss(ctx.logits())
        return loss * torch.nan if self.calls == 3 else loss


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    model = tiny.classifier()
    with pytest.raises(HarnessError, match=r"became nan at step 3 \(epoch 1\), .* begins with '\w"):
        run(model, rows(40), Diverging(), config(tmp_path), tmp_path)
    assert all(torch.isfinite(p).all() for p in model.parameters())


class Greedy:
    """Plain training that runs out of memory on more than so many rows, in the middle of a pass back."""

    def __init__(self, most: int) -> None:
        self.most = most

    def step(self, ctx: StepContext) -> torch.Tensor:
        loss = ctx.loss(ctx.logits())
        ctx.backward(loss)
        ctx.course.memory["greedy.rows"] = torch.cat(
            [ctx.course.memory.get("greedy.rows", torch.zeros(0)), ctx.labels.float()]
        )
        if len(ctx.labels) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return loss.detach()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_batch_that_does_not_fit_is_propagated_in_parts(accumulate: int, tmp_path: Path) -> None:
    """With the gradients that it would have had, and those of the micro-batches before it."""
    found, sizes = [], []
    settings = config(tmp_path, epochs=1, batch_size=8, accumulate=accumulate, clip=1e6)
    for most in (8, 3):
        model = tiny.classifier(dropout=0.0)
        watch = Watch()
        trainer = RobustTrainer(
            model,
            training_arguments(settings, seed=SEED, folder=tmp_path),
            objective=Greedy(most),
            data=rows(21),
            collator=Collator.of(tiny.tokenizer()),
            callbacks=[watch, Epochs(rows(21), 1)],
        )
        trainer.halved = sizes.append
        trainer.train()
        found.append(watch.trace.gradients)
        assert len(trainer.course.memory["greedy.rows"]) == 21, "no row is remembered twice"
    assert sizes == [4, 2]
    for whole, parts in zip(*found, strict=True):
        for name, value in whole.items():
            assert torch.allclose(value, parts[name], atol=1e-6), name


def test_an_example_that_does_not_fit_by_itself_ends_the_training(tmp_path: Path) -> None:
    with pytest.raises(
        HarnessError, match=r"A single example of \d+ tokens does not fit in memory"
    ):
        run(tiny.classifier(), rows(20), Greedy(0), config(tmp_path), tmp_path)


class Overflowing:
    """An inner step whose gradient is now and then not finite."""

    def __init__(self, share: float) -> None:
        self.share = share

    def loss(self, ctx: StepContext) -> torch.Tensor:
        gradient = torch.ones(ctx.delta_shape)
        gradient[torch.rand(len(gradient)) < self.share, 0, 0] = torch.inf
        direction = ctx.direction(gradient)
        assert torch.isfinite(direction).all()
        return ctx.loss(ctx.logits(direction))


def test_lost_inner_steps_are_counted_and_many_end_the_training(tmp_path: Path) -> None:
    settings = config(tmp_path, epochs=5)
    _, trainer = run(tiny.classifier(), rows(80), Overflowing(0.01), settings, tmp_path)
    assert trainer.course.asked == 400
    assert 0 < trainer.course.lost < 20
    with pytest.raises(HarnessError, match=r"of 2\d\d gradients of inner steps were not finite"):
        run(tiny.classifier(), rows(80), Overflowing(0.3), settings, tmp_path)


@pytest.mark.smoke
@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_arguments_are_built_without_a_warning(schedule: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arguments = training_arguments(
            config(tmp_path, schedule=schedule, warmup=0.1), seed=4, folder=tmp_path
        )
    assert arguments.get_warmup_steps(200) == 20
    assert (arguments.seed, arguments.max_grad_norm, arguments.weight_decay) == (4, 1.0, 0.01)
    assert not arguments.remove_unused_columns
    assert not arguments.logging_nan_inf_filter


def test_batches_hold_like_lengths_and_every_row_once() -> None:
    data = rows(203)
    order = list(LengthGroups(data, 8, seed=1))
    assert sorted(order) == list(range(203))
    assert order == list(LengthGroups(data, 8, seed=1))
    lengths = data.lengths
    spreads = [
        max(part) - min(part)
        for start in range(0, 200, 8)
        if (part := [lengths[i] for i in order[start : start + 8]])
    ]
    assert sum(spreads) / len(spreads) < 1.5
    data.epoch = 1
    assert order != list(LengthGroups(data, 8, seed=1))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 5))
def test_oversampling_repeats_the_rarer_classes_evenly(labels: list[int], seed: int) -> None:
    given_rows = [
        replace(rows(1).clean[0], label=label, target=(float(n), 0.0))
        for n, label in enumerate(labels)
    ]
    found = oversampled(given_rows, seed)
    assert found[: len(labels)] == given_rows
    counts = Counter(row.label for row in found)
    assert set(counts.values()) == {max(Counter(labels).values())}
    for label in counts:
        times = Counter(row.target for row in found if row.label == label).values()
        assert max(times) - min(times) <= 1
    assert oversampled(given_rows, seed) == found


@pytest.mark.parametrize("left", [False, True])
def test_batches_are_padded_to_their_longest_row(left: bool) -> None:
    data = rows(5)
    batch = Collator(pad=7, left=left)([data[i] for i in range(5)])
    width = max(data.lengths)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (5, width)
    for number, length in enumerate(data.lengths):
        real = batch["attention_mask"][number].bool()
        assert int(real.sum()) == length
        assert batch["input_ids"][number][real].tolist() == list(data[number].encoding.ids)
        assert (batch["input_ids"][number][~real] == 7).all()
        assert bool(real[-1] if left else real[0])

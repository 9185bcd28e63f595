"""Dropout masks that passes share: the same to the bit as if each pass had drawn them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import dropout

from harness.dropout import SharedDropout
from harness.embedding import EmbeddingTap
from harness.objectives.base import StepContext, train_on
from harness.objectives.combining import combine
from harness.training_plan import Objective
from tests.harness import tiny

CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("dropout"), st.integers(0, 40), st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        st.tuples(st.just("other draw"), st.integers(1, 5), st.just(0.0)),
    ),
    max_size=8,
)


def passes(
    calls: list[tuple[str, int, float]],
    how: AbstractContextManager[Any],
    times: int,
    inplace: bool,
    kind_of_number: torch.dtype,
) -> list[Tensor]:
    """So many passes from one random state; what they gave, the gradients and the state after each."""
    torch.manual_seed(7)
    begin, found = torch.get_rng_state(), []
    for _ in range(times):
        torch.set_rng_state(begin)
        with how:
            for kind, size, p in calls:
                if kind == "other draw":
                    found.append(torch.rand(size))
                    continue
                given_to = torch.linspace(-1, 1, size * 3, dtype=kind_of_number).view(size, 3)
                given_to.requires_grad_()
                given_on = given_to * 1.0
                out = dropout(given_on, p, True, inplace)
                out.square().sum().backward()  # type: ignore[no-untyped-call]
                assert given_to.grad is not None
                found += [out.detach(), given_to.grad]
        found.append(torch.get_rng_state())
    return found


@given(
    CALLS,
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
)
def test_nothing_is_changed_by_it(
    calls: list[tuple[str, int, float]], times: int, inplace: bool, kind_of_number: torch.dtype
) -> None:
    drawn = passes(calls, nullcontext(), times, inplace, kind_of_number)
    shared = passes(calls, SharedDropout(), times, inplace, kind_of_number)
    assert all(map(torch.equal, drawn, shared))


def test_no_dropout_happens_outside_of_training() -> None:
    with SharedDropout():
        assert torch.equal(dropout(torch.ones(50), 0.5, training=False), torch.ones(50))


def gradients(name: str, *, shared: bool, anew: bool) -> tuple[list[Tensor], int]:
    """Those of one step on a small classifier, and how often it drew a mask."""
    torch.manual_seed(3)
    model = tiny.classifier().train()
    if anew:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    rows = tiny.tokenizer()(
        [example.text.strings[0] for example in tiny.examples(6)],
        padding=True,
        return_tensors="pt",
    )
    ctx = StepContext(
        model=model,
        inputs=dict(rows),
        labels=torch.tensor([example.label for example in tiny.examples(6)]),
        tap=EmbeddingTap(model),
        propagate=lambda loss: loss.backward(),  # type: ignore[no-untyped-call]
    )
    drawn = 0
    draw = torch.Tensor.bernoulli_

    def counting(tensor: Tensor, p: float) -> Tensor:
        nonlocal drawn
        drawn += 1
        return draw(tensor, p)

    if not shared:
        ctx._masks = nullcontext()  # type: ignore[assignment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "bernoulli_", counting)
        train_on(combine([Objective(name=name)]), ctx)
    found = [p.grad for p in model.parameters() if p.grad is not None]
    return found, drawn


@pytest.mark.parametrize("anew", [False, True], ids=["kept", "made anew"])
@pytest.mark.parametrize("name", ["fgm", "pgd", "freelb", "trades", "vat"])
def test_a_step_is_the_same_and_draws_each_mask_once(name: str, anew: bool) -> None:
    """So do activations that are made anew in the pass back: they begin at the same state."""
    expected, _ = gradients(name, shared=False, anew=anew)
    found, drawn = gradients(name, shared=True, anew=anew)
    dropouts = [m for m in tiny.classifier().modules() if isinstance(m, torch.nn.Dropout) and m.p]
    assert len(found) == len(expected) > 0
    assert all(map(torch.equal, found, expected))
    assert 0 < drawn <= len(dropouts)

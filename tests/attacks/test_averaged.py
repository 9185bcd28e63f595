"""The mean of a randomised victim's answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from attacks.models import Truncating
from attacks.victims.averaged import Averaged, expected
from attacks.victims.function import FunctionVictim


def draws(*probabilities: float) -> FunctionVictim:
    """A victim that says the next of these of label 1 each time that it is run."""
    left = list(probabilities)

    def answer(texts: Sequence[object]) -> list[list[float]]:
        chance = left.pop(0)
        return [[1 - chance, chance]] * len(texts)

    return FunctionVictim(answer, ("no", "yes"), fingerprint="f")


def test_its_answer_is_the_mean_of_probabilities_and_not_of_logits() -> None:
    victim = Averaged(draws(0.1, 0.5, 0.9), 3)
    rows = victim.run(victim.encode([("a",), ("b",)]))
    assert np.exp(rows) == pytest.approx(np.full((2, 2), 0.5), abs=1e-6)
    skewed = Averaged(draws(0.999999, 0.2), 2)
    assert np.exp(skewed.run([("a",)]))[0, 1] == pytest.approx(0.6, abs=1e-4)


def test_an_answer_that_is_not_finite_stays_so() -> None:
    rows = Averaged(draws(0.5, float("nan")), 2).run([("a",)])
    assert not np.isfinite(rows).any()


def test_it_is_another_victim_than_its_own_single_draw() -> None:
    one = draws()
    assert len({one.fingerprint, Averaged(one, 2).fingerprint, Averaged(one, 3).fingerprint}) == 3
    assert expected(one, 1) is one
    with pytest.raises(ValueError, match="two answers or more"):
        Averaged(one, 1)


def test_it_reads_as_far_as_the_victim_does() -> None:
    victim = Averaged(draws(), 2)
    assert isinstance(victim, Truncating)
    assert victim.reach(("abc", "de")) == (3, 2)

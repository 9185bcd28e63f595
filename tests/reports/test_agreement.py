"""Kappa against published examples, and its interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.agreement import kappa

# Fleiss (1971), table 1 of his kind: ten subjects, fourteen raters, five categories, as worked out in
# https://en.wikipedia.org/wiki/Fleiss%27_kappa (kappa = 0.210).
FOURTEEN = (
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
)


def test_cohens_kappa_of_a_worked_example() -> None:
    # https://en.wikipedia.org/wiki/Cohen%27s_kappa, "Simple example": 50 proposals, kappa = 0.4.
    a = "y" * 25 + "n" * 25
    b = "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    found = kappa([a, b])
    assert found.value == pytest.approx(0.4)
    assert found.n == 50
    assert found.low is not None
    assert found.high is not None
    # Its standard error there, by Cohen's own formula sqrt(po (1 - po) / n) / (1 - pe), is 0.129.
    assert (found.low, found.high) == pytest.approx(
        (0.4 - 1.96 * 0.13, 0.4 + 1.96 * 0.13), abs=0.04
    )


def test_fleiss_kappa_of_a_worked_example() -> None:
    rows = [[kind for kind, n in enumerate(row) for _ in range(n)] for row in FOURTEEN]
    assert kappa(list(zip(*rows, strict=True))).value == pytest.approx(0.210, abs=5e-4)


@given(st.lists(st.lists(st.sampled_from("ab?"), min_size=12, max_size=12), min_size=2, max_size=4))
def test_it_knows_neither_the_order_of_texts_nor_of_annotators(answers: list[list[str]]) -> None:
    found = kappa(answers, resamples=50)
    turned = kappa([given[::-1] for given in answers[::-1]], resamples=50)
    assert (found.value is None) == (turned.value is None)
    if found.value is not None:
        assert turned.value == pytest.approx(found.value)
        assert found.value <= 1 + 1e-12


def test_full_agreement_is_not_certainty_and_one_answer_is_none() -> None:
    found = kappa(["ab" * 10, "ab" * 10])
    assert found.value == pytest.approx(1.0)
    assert found.low is not None
    assert 0.5 < found.low < 0.8
    assert kappa(["aaaa", "aaaa"]).value is None
    assert "chance" in (kappa(["aaaa", "aaaa"]).reason or "")
    assert kappa(["abab"]).value is None
    with pytest.raises(ValueError, match="same texts"):
        kappa(["ab", "a"])


def test_annotators_who_guess_have_none() -> None:
    chance = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        found = kappa(chance.integers(0, 2, size=(2, 60)).tolist(), resamples=400)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0 <= found.high
    assert inside >= 88

"""Beam search, against all that can be reached in so many edits."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.errors import AttackError
from attacks.outcomes import Status
from attacks.searches import Beam
from tests.attacks.small import WORDS, Table, attack, tables


def edited(count: int) -> list[str]:
    """All texts that differ from the original in exactly so many words."""
    texts = itertools.product(WORDS, repeat=3)
    return [" ".join(words) for words in texts if sum(w != "a" for w in words) == count]


@given(tables)
def test_a_beam_over_everything_finds_what_there_is(logits: list[float]) -> None:
    victim = Table(logits)
    outcome = attack(victim, Beam(width=27))
    rounds = [min(edited(n), key=victim.logits.__getitem__) for n in (1, 2, 3)]
    broken = [text for text in rounds if victim.logits[text] < 0]
    best = broken[0] if broken else min(rounds, key=victim.logits.__getitem__)
    assert (outcome.status is Status.SUCCEEDED) == bool(broken)
    assert victim.logits[best] >= victim.logits["a a a"] or outcome.perturbed == (best,)


@given(tables)
def test_greedy_edits_the_best_text_of_the_round_before(logits: list[float]) -> None:
    victim = Table(logits)
    outcome = attack(victim, Beam(width=1))
    current, seen = "a a a", []
    while "a" in current:
        around = [
            " ".join([*words[:i], new, *words[i + 1 :]])
            for words in [current.split()]
            for i in range(3)
            for new in WORDS
            if words[i] == "a" != new
        ]
        current = min(around, key=victim.logits.__getitem__)
        seen.append(current)
        if victim.logits[current] < 0:
            break
    assert (outcome.status is Status.SUCCEEDED) == (victim.logits[current] < 0)
    if outcome.status is Status.SUCCEEDED:
        assert outcome.perturbed == (current,)


@given(tables, st.integers(0, 2))
def test_no_more_rounds_than_are_allowed(logits: list[float], rounds: int) -> None:
    assert len(attack(Table(logits), Beam(width=27, rounds=rounds)).changes) <= rounds


def test_a_beam_without_width_is_refused() -> None:
    with pytest.raises(AttackError, match="at least 1 wide, and 0"):
        Beam(width=0)

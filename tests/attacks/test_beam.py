"""Beam search, against all that can be reached in so many edits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.constraints import NoRepeat
from attacks.engine.scheduler import Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.models import Floats, Inputs
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.recipe import Recipe
from attacks.searches import Beam
from attacks.text import Candidate, Text

WORDS = ("a", "b", "c")


@dataclass(frozen=True)
class Others:
    """Every other word of the vocabulary."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation`."""
        return [word for word in WORDS if word != current.word(index)]


class Table:
    """A logit for every text of three words."""

    labels = ("no", "yes")
    fingerprint = "table"

    def __init__(self, logits: Sequence[float]) -> None:
        texts = (" ".join(words) for words in itertools.product(WORDS, repeat=3))
        self.logits = dict(zip(texts, logits, strict=True))

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        return np.array([[0.0, self.logits[text]] for (text,) in batch], dtype=np.float32)


def attack(victim: Table, search: Beam) -> Outcome:
    recipe = Recipe("beam", "word", "a test", Untargeted(), Others(), search, (NoRepeat(),))
    jobs = [Job(Example("x", Text.of("a a a"), 1), recipe)]
    (outcome,) = (e.outcome for e in run(jobs, {"victim": victim}) if isinstance(e, Finished))
    return outcome


def edited(count: int) -> list[str]:
    """All texts that differ from the original in exactly so many words."""
    texts = itertools.product(WORDS, repeat=3)
    return [" ".join(words) for words in texts if sum(w != "a" for w in words) == count]


# Distinct logits; the original's is positive, so that it is right.
tables = st.permutations([n - 13.5 for n in range(27)]).filter(lambda logits: logits[0] > 0)


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

"""The search that tries everything, against everything that there is."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.constraints import MaxWordsChanged
from attacks.errors import AttackError
from attacks.outcomes import Status
from attacks.searches import Exhaustive
from attacks.text import Candidate
from tests.attacks.small import WORDS, Table, attack, tables

TEXTS = [" ".join(words) for words in itertools.product(WORDS, repeat=3)]


def edits(text: str) -> int:
    return sum(word != "a" for word in text.split())


batches = st.sampled_from([1, 2, 5, 64])


@given(tables, batches)
def test_it_finds_a_success_wherever_there_is_one_with_the_fewest_edits(
    logits: list[float], batch: int
) -> None:
    victim = Table(logits)
    outcome = attack(victim, Exhaustive(batch=batch))
    broken = [edits(text) for text in TEXTS if victim.logits[text] < 0]
    assert (outcome.status is Status.SUCCEEDED) == bool(broken)
    if broken:
        assert len(outcome.changes) == min(broken)
    else:
        assert sorted(victim.asked) == sorted(TEXTS), "each once"
        assert min(TEXTS, key=victim.logits.__getitem__) in ("a a a", *(outcome.perturbed or ()))


@given(tables, batches, st.integers(1, 27))
def test_a_budget_ends_it_and_fewer_edits_were_asked_first(
    logits: list[float], batch: int, budget: int
) -> None:
    victim = Table(logits)
    outcome = attack(victim, Exhaustive(batch=batch), query_budget=budget)
    assert outcome.unique_queries == len(set(victim.asked)) <= budget
    counts = [edits(text) for text in victim.asked]
    assert all(n == 0 or counts.count(n - 1) == [1, 6, 12][n - 1] for n in set(counts))
    broken = [text for text in victim.asked if victim.logits[text] < 0]
    assert (outcome.status is Status.SUCCEEDED) == bool(broken)


@dataclass(frozen=True)
class NotOne:
    """No text with a single edit: what passes two at a time is still tried."""

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        """See `attacks.protocols.Constraint`."""
        return len(candidate.changed) != 1


@given(tables)
def test_constraints_are_asked_of_whole_texts(logits: list[float]) -> None:
    victim = Table(logits)
    found = attack(victim, Exhaustive(), (NotOne(),))
    assert (found.status is Status.SUCCEEDED) == any(
        victim.logits[text] < 0 for text in TEXTS if edits(text) != 1
    )
    assert len(found.changes) != 1


@given(tables, st.integers(0, 2))
def test_no_more_edits_than_are_allowed(logits: list[float], most: int) -> None:
    asked = []
    for search, constraints in (
        (Exhaustive(edits=most), ()),
        (Exhaustive(), (MaxWordsChanged(0.0, most),)),
    ):
        victim = Table(logits)
        outcome = attack(victim, search, constraints)
        assert max(map(edits, victim.asked)) <= most
        asked.append((victim.asked, outcome))
    assert asked[0] == asked[1]


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(AttackError, match="at least 1 text, and 0"):
        Exhaustive(batch=0)

"""Lists of ids are compared in whatever order they were found, and each wrong one is named."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from suites.differing import compared

IDS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=8)


@given(IDS, st.randoms(use_true_random=False))
def test_an_order_is_no_difference(ids: list[str], chance: Any) -> None:
    shuffled = ids.copy()
    chance.shuffle(shuffled)
    assert compared({"broken_ids": ids}, {"broken_ids": shuffled}).differences == ()
    assert (compared({"names": ids}, {"names": shuffled}).differences == ()) == (ids == shuffled)


@given(IDS, st.randoms(use_true_random=False), st.sampled_from(["x", 0.25, -1, None, True]))
def test_an_entry_that_was_exchanged_is_named_in_its_place(
    ids: list[str], chance: Any, new: Any
) -> None:
    """One of another type could not be sorted, and `verify` broke off."""
    place = chance.randrange(len(ids))
    changed = [*ids[:place], new, *ids[place + 1 :]]
    shuffled = ids.copy()
    chance.shuffle(shuffled)
    (found,) = compared({"broken_ids": changed}, {"broken_ids": shuffled}).differences
    assert found.path == f"broken_ids.{place}"
    assert (found.recorded, found.recounted) == (new, ids[place])


def test_a_missing_entry_is_a_difference_of_the_list() -> None:
    (found,) = compared({"broken_ids": ["a"]}, {"broken_ids": ["a", "b"]}).differences
    assert (found.path, found.recorded, found.recounted) == ("broken_ids", "1 entries", "2 entries")

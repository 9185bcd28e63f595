"""Weighed words are marked by how much they say, and the numbers stand behind them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reports import weights
from reports import wording as w


def side(*scores: float) -> dict[str, Any]:
    words = [{"field": 0, "text": f"w{n}", "score": score} for n, score in enumerate(scores)]
    return {"words": words, "logit": sum(scores), "empty": 0.0, "error": 0.0}


def test_words_are_marked_by_their_share_of_the_largest_on_either_side() -> None:
    found = weights.weighing({"before": side(2.0, 0.4, 0.05), "after": side(-1.0, 0.0)}, "fresh")
    assert [[word.level for word in words] for _, words in found.sides] == [[4, 1, 0], [-2, 0]]
    assert "+2.45 in all before, −1.00 after" in found.intro
    assert [cell.text for cell in found.table.rows[0]] == ["w0", "+2.00", "w0", "−1.00"]
    assert [cell.text for cell in found.table.rows[2]] == ["w2", "+0.05", w.NONE, w.NONE]


def test_a_text_without_words_or_weights_marks_nothing() -> None:
    found = weights.weighing({"before": side(), "after": side(0.0)}, "fresh")
    assert [[word.level for word in words] for _, words in found.sides] == [[], [0]]


@given(st.lists(st.floats(-9, 9), max_size=900))
def test_of_a_long_text_the_heaviest_words_stay_in_their_order(scores: list[float]) -> None:
    found = weights.weighing({"before": side(*scores), "after": side(*scores)}, "fresh")
    (_, words), _ = found.sides
    assert len(words) == min(len(scores), weights.MOST)
    places = [int(word.text.removeprefix("w")) for word in words]
    assert places == sorted(places)
    left = [abs(score) for n, score in enumerate(scores) if n not in set(places)]
    assert all(abs(scores[place]) >= max(left, default=0.0) for place in places)
    assert len(found.table.rows) == min(len(scores), weights.ROWS)

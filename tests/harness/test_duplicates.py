"""Planted duplicates are found, unrelated texts are not, and the index misses nothing."""

from __future__ import annotations

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data import load_rows
from harness.duplicates import SHORT, Match, content_key, find_duplicates
from harness.duplicates import _words as words_of

words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=50)
texts = st.lists(words.map(lambda w: (" ".join(w),)), max_size=8)


def by_hand(
    first: list[tuple[str, ...]], second: list[tuple[str, ...]], threshold: float
) -> dict[tuple[int, int], float]:
    """The definition, pair by pair."""
    found = {}
    for a, one in enumerate(first):
        for b, other in enumerate(second):
            if content_key(one) == content_key(other):
                found[a, b] = 1.0
                continue
            left, right = words_of(one), words_of(other)
            if not left or not right:
                continue
            width = 2 if min(len(left), len(right)) < SHORT else 3
            grams = [
                {tuple(w[i : i + width]) for i in range(max(1, len(w) - width + 1))}
                for w in (left, right)
            ]
            similarity = len(grams[0] & grams[1]) / len(grams[0] | grams[1])
            if similarity >= threshold:
                found[a, b] = similarity
    return found


@settings(max_examples=150, deadline=None)
@given(texts, texts, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_the_index_finds_what_the_definition_says(
    first: list[tuple[str, ...]], second: list[tuple[str, ...]], threshold: float
) -> None:
    found = find_duplicates(first, second, threshold)
    assert {(m.first, m.second): m.similarity for m in found} == by_hand(first, second, threshold)


def test_exact_means_the_same_letters_and_digits() -> None:
    first = [("It's  A fine-film, 10/10!",), ("Straße",), ("?!",), ("",), ("a", "b")]
    second = [("its a fine film 1010",), ("STRASSE",), ("? !",), (" ",), ("ab", "")]
    matches = find_duplicates(first, second, 0.8)
    assert [(m.first, m.second) for m in matches if m.exact] == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_planted_near_duplicates_are_found_among_real_reviews() -> None:
    rows = [row.text.strings[0] for row in load_rows("bundle:rotten-tomatoes").rows[:3000]]
    chooser = random.Random(0)
    long = [text for text in rows if len(text.split()) >= 22]
    planted = []
    for text in chooser.sample(long, 60):
        split = text.split()
        kind = chooser.choice(["append", "cut", "change"])
        if kind == "append":
            split.append("indeed")
        elif kind == "cut":
            split = split[1:]
        else:
            split[chooser.randrange(len(split))] = "zebra"
        planted.append((text, " ".join(split)))
    second = [(changed,) for _, changed in planted]
    began = time.process_time()
    matches = find_duplicates([(text,) for text in rows], second, 0.8)
    assert time.process_time() - began < 5
    found = {(rows[m.first], second[m.second][0]) for m in matches}
    assert sum(pair in found for pair in planted) >= 57
    # What else was found is a true duplicate of the planted one within the corpus.
    extra = found - set(planted)
    assert all(content_key((a,))[:30] == content_key((b,))[:30] for a, b in extra)


def test_unrelated_long_texts_are_left_alone() -> None:
    rows = [row.text.strings[0] for row in load_rows("bundle:rotten-tomatoes").rows]
    long = [(" ".join(rows[n : n + 40]),) for n in range(0, 4000, 40)]
    assert find_duplicates(long[:50], long[50:], 0.8) == []
    assert find_duplicates(long[:50], long[50:], 0.2) == []


def test_one_changed_word_in_a_long_text_is_near() -> None:
    text = [f"word{n}" for n in range(200)]
    changed = [*text[:100], "other", *text[101:]]
    (match,) = find_duplicates([(" ".join(text),)], [(" ".join(changed),)], 0.8)
    assert match == Match(0, 0, 195 / 201, False)


def test_order_of_words_matters() -> None:
    there, back = "show me flights from boston to denver", "show me flights from denver to boston"
    assert find_duplicates([(there,)], [(back,)], 0.8) == []


def test_scripts_without_spaces() -> None:
    text = "这部电影非常精彩演员的表演令人难忘故事情节引人入胜"
    assert find_duplicates([(text,)], [(text + "了",)], 0.8)
    assert not find_duplicates([(text,)], [("完全不同的一句话没有任何相似之处",)], 0.8)


def test_many_copies_of_one_text_cost_little() -> None:
    same = [("the very same text of some words",)] * 400
    near = [("the very same text of some words indeed",)] * 400
    assert len(find_duplicates(same, near, 0.8)) == 160_000

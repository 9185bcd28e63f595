"""Wrong labels that were planted are found, and nothing else decides who is suspected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.auxiliaries import ENCODER
from harness.label_noise import find_suspects, out_of_fold, suspects
from harness.other_models import load_encoder
from harness.splits import load_split


def clusters(
    count: int, classes: int, seed: int
) -> tuple[
    np.ndarray[tuple[int, int], np.dtype[np.float32]], np.ndarray[tuple[int], np.dtype[np.int64]]
]:
    """Points around one centre a class, far apart."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=count)
    centres = 6 * np.eye(8)[:classes]
    return (centres[labels] + rng.normal(size=(count, 8))).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_planted_labels_and_no_others_are_suspected(classes: int) -> None:
    features, labels = clusters(300, classes, seed=4)
    wrong = np.random.default_rng(2).choice(300, 12, replace=False)
    given_labels = labels.copy()
    given_labels[wrong] = (labels[wrong] + 1) % classes
    probabilities = out_of_fold(features, given_labels, range(300), classes, seed=0)
    found = suspects(probabilities, given_labels)
    assert len(found) >= 4
    assert {suspect.position for suspect in found} <= set(wrong.tolist())
    assert all(suspect.likely == labels[suspect.position] for suspect in found)


def test_clean_labels_have_few_suspects() -> None:
    features, labels = clusters(300, 3, seed=3)
    assert len(suspects(out_of_fold(features, labels, range(300), 3, seed=0), labels)) <= 6


def test_a_row_is_judged_without_its_group() -> None:
    """Each group is one point with a label that nothing but the group tells: none can be told."""
    rng = np.random.default_rng(0)
    points = np.eye(40, dtype=np.float32)
    labels = rng.integers(2, size=40)
    features, twice = np.repeat(points, 2, axis=0), np.repeat(labels, 2)
    together = out_of_fold(features, twice, np.repeat(np.arange(40), 2).tolist(), 2, seed=0)
    apart = out_of_fold(features, twice, range(80), 2, seed=0)
    right = [(found.argmax(1) == twice).mean() for found in (together, apart)]
    assert right[0] < 0.7 < right[1]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.lists(st.floats(0.01, 1), min_size=3, max_size=3)),
        min_size=1,
        max_size=30,
    )
)
def test_suspects_are_confident_of_another_class(rows: list[tuple[int, list[float]]]) -> None:
    labels = np.array([label for label, _ in rows])
    raw = np.array([row for _, row in rows], dtype=np.float32)
    probabilities = raw / raw.sum(1, keepdims=True)
    found = suspects(probabilities, labels)
    assert len({suspect.position for suspect in found}) == len(found)
    for suspect in found:
        assert suspect.likely != suspect.label == labels[suspect.position]
        of_class = probabilities[labels == suspect.likely, suspect.likely]
        assert suspect.other >= of_class.mean()
    margins = [suspect.given - suspect.other for suspect in found]
    assert margins == sorted(margins)


@pytest.mark.slow
def test_flipped_reviews_are_found_far_above_their_share() -> None:
    rows = load_split("bundle:rotten-tomatoes:train", group="movie").rows[:600]
    flipped = set(np.random.default_rng(0).choice(600, 30, replace=False).tolist())
    noisy = [replace(r, label=1 - r.label) if n in flipped else r for n, r in enumerate(rows)]
    found = find_suspects(load_encoder(ENCODER), noisy, 2, seed=0)
    hits = [suspect.position in flipped for suspect in found[:20]]
    assert sum(hits) >= 5  # 1 by chance

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.outcomes import Example
from attacks.text import Text
from harness.errors import HarnessError
from harness.plan import Data
from harness.splits import NAMES, Prepared, load_split, prepare, stratified_order

SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def unlike(number: int, words: int = 12) -> str:
    """A text that shares next to nothing with that of another number."""
    chooser = random.Random(number)
    return " ".join("".join(chooser.choices(SYLLABLES, k=3)) for _ in range(words))


def write(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def rows_of(count: int, groups: int | None = None) -> list[dict[str, Any]]:
    made = [{"text": unlike(n), "label": "ab"[n % 2]} for n in range(count)]
    if groups:
        made = [row | {"g": f"group {n * 7 % groups}"} for n, row in enumerate(made)]
    return made


def ids(prepared: Prepared) -> list[set[str]]:
    splits = (prepared.train, prepared.validation, prepared.test)
    return [{row.id for row in split.rows} for split in splits]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 25), st.sampled_from(["x", "y", "z"])), min_size=60, max_size=150
    ),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
def test_laws_of_splitting(drawn: list[tuple[int, str]], seed: int, shuffler: Any) -> None:
    rows = [
        {"id": str(n), "text": unlike(n), "label": label, "g": group}
        for n, (group, label) in enumerate(drawn)
    ]
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as name:
        sources = [write(Path(name), rows), write(Path(name), shuffled, "shuffled.jsonl")]
        results = []
        for source in sources:
            try:
                data = Data(source=source, group="g", shares=(0.6, 0.2, 0.2))
                results.append(prepare(data, seed))
            except HarnessError as error:  # too few groups for these labels; for both or for none
                results.append(str(error).replace("shuffled", "rows"))
    if isinstance(results[0], str) or isinstance(results[1], str):
        assert results[0] == results[1]
        return
    first, second = results
    parts = ids(first)
    assert sum(map(len, parts)) == len(rows)
    assert set.union(*parts) == {row["id"] for row in rows}
    groups = [{r.group for r in s.rows} for s in (first.train, first.validation, first.test)]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert (first.train.rows, first.validation.rows, first.test.rows) == (
        second.train.rows,
        second.validation.rows,
        second.test.rows,
    )


def test_the_reviews_are_split_by_film_in_the_asked_shares() -> None:
    prepared = prepare(Data(source="bundle:rotten-tomatoes"), seed=0)
    report = prepared.report
    assert (report.read, report.group, prepared.labels) == (12808, "movie", ("fresh", "rotten"))
    assert (
        len(prepared.train)
        + len(prepared.validation)
        + len(prepared.test)
        + sum(report.removed.values())
        == report.read
    )
    for facts, share in zip(report.splits, (0.8, 0.1, 0.1), strict=True):
        assert facts.rows / report.read == pytest.approx(share, abs=0.01)
        assert facts.labels["fresh"] / facts.rows == pytest.approx(7403 / 12808, abs=0.02)
        # Small splits are not filled up with little-reviewed films.
        assert facts.groups / 507 == pytest.approx(share, abs=0.02)
    groups = [
        {row.group for row in s.rows} for s in (prepared.train, prepared.validation, prepared.test)
    ]
    assert sum(map(len, groups)) == 507
    json.dumps(report.as_dict(), allow_nan=False)


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    source = write(tmp_path, rows_of(200))
    assert ids(prepare(Data(source=source), 0)) != ids(prepare(Data(source=source), 1))


def test_small_data_without_groups_come_out_as_asked(tmp_path: Path) -> None:
    prepared = prepare(Data(source=write(tmp_path, rows_of(40))), 3)
    assert [len(part) for part in ids(prepared)] == [32, 4, 4]
    assert prepared.test.balance == {"a": 2, "b": 2}


@pytest.mark.parametrize(("named", "made"), [("test", "validation"), ("validation", "test")])
def test_a_split_that_is_not_given_is_made_of_the_source(
    named: str, made: str, tmp_path: Path
) -> None:
    source = write(tmp_path, rows_of(200, groups=50))
    others = [{"text": unlike(1000 + n), "label": "ab"[n % 2], "g": "own"} for n in range(12)]
    data = Data(source=source, group="g", **{named: write(tmp_path, others, "own.jsonl")})  # type: ignore[arg-type]
    prepared = prepare(data, 0)
    splits = {split.name: split for split in (prepared.train, prepared.validation, prepared.test)}
    assert len(splits[named]) == 12
    assert len(splits[made]) == pytest.approx(200 / 9, abs=4)
    assert len(splits["train"]) + len(splits[made]) == 200
    balance = splits[made].balance
    assert balance["a"] == pytest.approx(balance["b"], abs=4)
    families = [{row.group for row in splits[name].rows} for name in ("train", made)]
    assert not families[0] & families[1]


def test_exact_duplicates_never_stand_in_two_splits(tmp_path: Path) -> None:
    rows = [{"text": unlike(n % 50), "label": "ab"[n % 2]} for n in range(200)]
    prepared = prepare(Data(source=write(tmp_path, rows)), 0)
    assert sum(prepared.report.removed.values()) == 0
    assert prepared.report.splits[0].repeated > 0
    texts = [
        {r.text.strings for r in s.rows}
        for s in (prepared.train, prepared.validation, prepared.test)
    ]
    assert sum(map(len, texts)) == 50


def _three_files(folder: Path) -> Data:
    """Test rows 0-19, validation 100-119, training 200-259; planted in training and validation."""
    test = [{"text": unlike(n), "label": "ab"[n % 2]} for n in range(20)]
    validation = [{"text": unlike(n), "label": "ab"[n % 2]} for n in range(100, 120)]
    train = [{"text": unlike(n), "label": "ab"[n % 2]} for n in range(200, 260)]
    validation.append({"text": unlike(0).upper() + "!", "label": "a"})
    train.append({"text": unlike(1) + ".", "label": "b"})
    train.append({"text": unlike(2) + " bada", "label": "b"})
    train.append({"text": unlike(101), "label": "b"})
    # Its only duplicate in validation is removed there; in test it has one all the same.
    train.append({"text": unlike(0), "label": "a"})
    return Data(
        source=write(folder, train, "train.jsonl"),
        validation=write(folder, validation, "validation.jsonl"),
        test=write(folder, test, "test.jsonl"),
    )


def test_planted_duplicates_are_counted_and_removed(tmp_path: Path) -> None:
    prepared = prepare(_three_files(tmp_path), 0)
    assert [len(part) for part in ids(prepared)] == [60, 20, 20]
    assert prepared.report.removed == {"train": 4, "validation": 1, "test": 0}
    found = {(o.removed_from, o.kept_in): o for o in prepared.report.overlaps}
    train_test = found["train", "test"]
    assert (train_test.exact, train_test.near, train_test.conflicting) == (2, 1, 1)
    assert train_test.examples[0].similarity == pytest.approx(11 / 12, abs=1e-3)
    assert found["train", "validation"].exact == 1
    assert found["validation", "test"].exact == 1


def test_groups_shared_by_given_splits_leave_training(tmp_path: Path) -> None:
    parts = {
        name: write(
            tmp_path,
            [row | {"g": row["text"] if n else "shared"} for n, row in enumerate(rows)],
            f"{name}.jsonl",
        )
        for name, rows in {
            "train": rows_of(30)[10:],
            "validation": rows_of(50)[40:],
            "test": rows_of(70)[60:],
        }.items()
    }
    data = Data(
        source=parts["train"], validation=parts["validation"], test=parts["test"], group="g"
    )
    prepared = prepare(data, 0)
    assert [len(part) for part in ids(prepared)] == [19, 9, 10]
    assert [o.same_group for o in prepared.report.overlaps] == [1, 1, 0]


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path, rows_of(20))
    with pytest.raises(HarnessError, match="Is it the same file twice"):
        prepare(Data(source=source, validation=source, test=source), 0)


def test_equal_ids_of_given_splits_are_told_apart(tmp_path: Path) -> None:
    parts = []
    for number, name in enumerate(NAMES):
        rows = [
            {"id": n, "text": unlike(100 * number + n), "label": "ab"[n % 2]} for n in range(10)
        ]
        parts.append(write(tmp_path, rows, f"{name}.jsonl"))
    prepared = prepare(Data(source=parts[0], validation=parts[1], test=parts[2]), 0)
    assert "test:3" in {row.id for row in prepared.test.rows}
    assert len(set.union(*ids(prepared))) == 30


def test_a_test_label_that_training_lacks_is_refused(tmp_path: Path) -> None:
    data = _three_files(tmp_path)
    write(tmp_path, [*rows_of(10), {"text": "x", "label": "c"}], "test.jsonl")
    with pytest.raises(HarnessError, match=r"test\.jsonl, row 11: the label 'c'"):
        prepare(data, 0)


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    rows = [{"text": unlike(n), "label": "a"} for n in range(30)]
    with pytest.raises(HarnessError, match="hold one class only, 'a'") as caught:
        prepare(Data(source=write(tmp_path, rows)), 0)
    assert caught.value.exit_code == 2
    given = _three_files(tmp_path)
    write(tmp_path, rows, "test.jsonl")
    with pytest.raises(HarnessError, match="the test rows hold one class only"):
        prepare(given, 0)


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"split of .* would be empty"):
        prepare(Data(source=write(tmp_path, rows_of(40, groups=2)), group="g"), 0)


def test_a_limit_that_leaves_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="train rows hold one class only"):
        prepare(Data(source=write(tmp_path, rows_of(40)), train_limit=1), 0)


def test_a_share_of_nothing_gives_an_empty_split(tmp_path: Path) -> None:
    data = Data(source=write(tmp_path, rows_of(40)), shares=(0.8, 0.0, 0.2))
    assert [len(part) for part in ids(prepare(data, 0))] == [32, 0, 8]


def test_limits_are_nested_and_balanced(tmp_path: Path) -> None:
    rows = [{"text": unlike(n), "label": "aaab"[n % 4]} for n in range(400)]
    source = write(tmp_path, rows)
    whole = prepare(Data(source=source), 0).train
    for limit in (4, 40, 100):
        limited = prepare(Data(source=source, train_limit=limit), 0)
        assert limited.train.rows == whole.rows[:limit]
        assert limited.train.balance["b"] == limit // 4
        assert limited.report.splits[0].available == len(whole)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 9))
def test_every_beginning_is_stratified(labels: list[int], seed: int) -> None:
    rows = [Example(str(n), Text.of("x"), label) for n, label in enumerate(labels)]
    ordered = stratified_order(rows, seed, "test")
    assert sorted(r.id for r in ordered) == sorted(r.id for r in rows)
    assert ordered == stratified_order(reversed(rows), seed, "test")
    totals = Counter(labels)
    for n in range(1, len(ordered) + 1):
        seen = Counter(row.label for row in ordered[:n])
        assert all(
            abs(seen[label] - n * totals[label] / len(ordered)) <= len(totals) / 2 + 1e-9
            for label in totals
        )


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    source = write(tmp_path, rows_of(40))
    before = prepare(Data(source=source), 0)
    assert prepare(Data(source=source), 0) is before
    write(tmp_path, rows_of(50))
    assert prepare(Data(source=source), 0).report.read == 50


def test_a_split_is_found_by_name(tmp_path: Path) -> None:
    source = write(tmp_path, rows_of(100))
    prepared = prepare(Data(source=source), 0)
    assert load_split(f"{source}:test").rows == prepared.test.rows
    assert len(load_split(source)) == 100
    with pytest.raises(HarnessError, match="Did you mean 'test'"):
        load_split(f"{source}:tset")


def test_fingerprints_tell_splits_apart(tmp_path: Path) -> None:
    source = write(tmp_path, rows_of(60))
    prints = [facts.fingerprint for facts in prepare(Data(source=source), 0).report.splits]
    assert len(set(prints)) == 3
    again = write(tmp_path, list(reversed(rows_of(60))), "again.jsonl")
    assert [f.fingerprint for f in prepare(Data(source=again), 0).report.splits] == prints

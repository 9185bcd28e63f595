"""Every way in, every refusal, and the odd texts that have to come through."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from harness.data import load_rows
from harness.errors import HarnessError
from harness.sources import parse_source

ROWS = [{"text": "a fine film", "label": "good"}, {"text": "a dull film", "label": "bad"}]


def write(folder: Path, rows: Any, name: str = "rows.jsonl") -> str:
    """A JSON Lines file; returns its path."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def refused(source: str, **options: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        load_rows(source, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def _csv(folder: Path) -> str:
    path = folder / "rows.csv"
    path.write_text("\ufefftext,label\na fine film,good\na dull film,bad\n", encoding="utf-8")
    return str(path)


def _tsv(folder: Path) -> str:
    path = folder / "rows.tsv"
    path.write_text("text\tlabel\na fine film\tgood\na dull film\tbad\n")
    return str(path)


def _json(folder: Path) -> str:
    path = folder / "rows.json"
    path.write_text(json.dumps({"data": ROWS}))
    return str(path)


def _parquet(folder: Path) -> str:
    import pandas

    path = folder / "rows.parquet"
    pandas.DataFrame(ROWS).to_parquet(path)
    return str(path)


def _packed(folder: Path) -> str:
    import gzip

    path = folder / "rows.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, ROWS)).encode()))
    return str(path)


def _folder(folder: Path) -> str:
    (folder / "set").mkdir()
    (folder / "set" / "train.csv").write_text("text,label\nother,good\n")
    (folder / "set" / "test.csv").write_text("text,label\na fine film,good\na dull film,bad\n")
    return f"{folder / 'set'}:test"


def _saved(folder: Path) -> str:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    rows = {"text": [row["text"] for row in ROWS], "label": [1, 0]}
    Dataset.from_dict(rows, features=features).save_to_disk(str(folder / "saved"))
    return str(folder / "saved")


@pytest.mark.parametrize("make", [_csv, _tsv, _json, _parquet, _packed, _folder, _saved])
def test_every_source_gives_the_same_rows(tmp_path: Path, make: Callable[[Path], str]) -> None:
    split = load_rows(make(tmp_path))
    reference = load_rows(write(tmp_path, ROWS))
    assert split.rows == reference.rows
    assert split.labels == ("bad", "good")
    assert [row.label for row in split.rows] == [1, 0]
    assert split.fingerprint == reference.fingerprint


def test_a_hub_id_goes_through_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked = []

    def load_dataset(*arguments: str) -> Any:
        asked.append(arguments)
        return datasets.DatasetDict({"test": datasets.Dataset.from_list(ROWS)})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(load_rows("owner/reviews/plain:test")) == 2
    assert asked == [("owner/reviews", "plain")]
    assert "has no split called 'tset'. Did you mean 'test'?" in refused("owner/reviews:tset")


def test_a_hub_id_that_cannot_be_had_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load_dataset(*arguments: str) -> Any:
        raise ConnectionError("Couldn't reach the Hub")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    message = refused("owner/reviews")
    assert "no file or folder here" in message
    assert "Couldn't reach the Hub" in message


def test_the_reviews() -> None:
    split = load_rows("bundle:rotten-tomatoes")
    assert split.balance == {"fresh": 7403, "rotten": 5405}
    # One film stands in the corpus under two names.
    assert len({row.group for row in split.rows}) == 507
    assert len({row.id for row in split.rows}) == len(split)
    text = "".join(row.text.strings[0] for row in split.rows)
    assert "&amp;" not in text
    assert not any(character in text for character in "\x85\n\0\ufffd")
    assert "no splits of its own" in refused("bundle:rotten-tomatoes:test")


def test_ids_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = [{"text": f"text {n % 7}", "label": n % 2} for n in range(30)]
    shuffled = random.Random(1).sample(rows, len(rows))
    first = load_rows(write(tmp_path, rows))
    second = load_rows(write(tmp_path, shuffled, "shuffled.jsonl"))
    assert len({row.id for row in first.rows}) == 30
    assert sorted(first.rows, key=lambda r: r.id) == sorted(second.rows, key=lambda r: r.id)
    assert first.ids == "content"


def test_an_id_column_is_used_where_it_is_distinct(tmp_path: Path) -> None:
    named = [row | {"id": f"r{n}"} for n, row in enumerate(ROWS)]
    split = load_rows(write(tmp_path, named))
    assert ([row.id for row in split.rows], split.ids) == (["r0", "r1"], "column")
    repeated = [row | {"id": "same"} for row in ROWS]
    assert load_rows(write(tmp_path, repeated)).ids == "content"


def test_two_fields_and_a_group(tmp_path: Path) -> None:
    rows = [{"a": "one", "b": "two", "label": n, "g": n} for n in (0, 1)]
    split = load_rows(write(tmp_path, rows), text=("b", "a"), group="g")
    assert split.rows[1].text.fields == (("b", "two"), ("a", "one"))
    assert split.rows[1].group == "1"


# Labels


@pytest.mark.parametrize(
    ("values", "labels", "names", "numbers"),
    [
        (["b", "a"], (), ("a", "b"), [1, 0]),
        ([10, 9], (), ("9", "10"), [1, 0]),
        ([1.0, 0.0], ("no", "yes"), ("no", "yes"), [1, 0]),
        (["1.0", "0.0"], ("no", "yes"), ("no", "yes"), [1, 0]),
        ([True, False], (), ("false", "true"), [1, 0]),
        (["yes", 0], ("no", "yes"), ("no", "yes"), [1, 0]),
        (["a", "a"], ("a", "b"), ("a", "b"), [0, 0]),
        # Where a name is a number, numbers are names.
        ([2, 1], ("1", "2"), ("1", "2"), [1, 0]),
    ],
)
def test_labels(
    tmp_path: Path, values: list[Any], labels: tuple[str, ...], names: Any, numbers: Any
) -> None:
    rows = [{"text": "x", "label": value} for value in values]
    split = load_rows(write(tmp_path, rows), labels=labels)
    assert split.labels == names
    assert [row.label for row in split.rows] == numbers


def test_a_label_outside_the_models(tmp_path: Path) -> None:
    rows = [*ROWS, {"text": "x", "label": "godo"}, {"text": "y", "label": "godo"}]
    message = refused(write(tmp_path, rows), labels=("bad", "good"))
    assert "rows 3, 4: the label 'godo' in column 'label' is not one of the model's" in message
    assert "Did you mean 'good'? Allowed: 'bad', 'good'." in message


def test_label_numbers_count_from_0(tmp_path: Path) -> None:
    rows = [{"text": "x", "label": 1}, {"text": "y", "label": 2}]
    assert "Numbers count from 0." in refused(write(tmp_path, rows), labels=("bad", "good"))


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_a_missing_label(tmp_path: Path, value: Any) -> None:
    message = refused(write(tmp_path, [*ROWS, {"text": "x", "label": value}]))
    assert "row 3: column 'label' holds no label" in message


def test_a_score_is_no_label(tmp_path: Path) -> None:
    message = refused(write(tmp_path, [*ROWS, {"text": "x", "label": 0.5}]))
    assert "row 3" in message
    assert "cut into classes first" in message


def test_a_column_of_names_is_no_label(tmp_path: Path) -> None:
    rows = [{"text": "x", "label": f"user {n}"} for n in range(60)]
    assert "60 different values in 60 rows" in refused(write(tmp_path, rows))


# Refusals


def test_a_missing_column(tmp_path: Path) -> None:
    path = write(tmp_path, [{"txet": "x", "label": 1}])
    message = refused(path)
    assert "has no column 'text' (data.text). Did you mean 'txet'?" in message
    assert "Columns: 'txet', 'label'." in message
    assert "(data.group)" in refused(path, text=("txet",), group="movie")


def test_null_texts(tmp_path: Path) -> None:
    rows = [*ROWS, *({"text": None, "label": "good"} for _ in range(8))]
    message = refused(write(tmp_path, rows))
    assert "rows 3, 4, 5, 6, 7 and 3 more: column 'text' is null" in message


def test_a_text_that_is_a_list(tmp_path: Path) -> None:
    message = refused(write(tmp_path, [*ROWS, {"text": ["x"], "label": "good"}]))
    assert "row 3: column 'text' holds list" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.jsonl", b"", "is empty"),
        ("rows.jsonl", b"\n\n", "holds no rows"),
        ("rows.csv", b"text,label\n", "holds no rows (columns: 'text', 'label')"),
        ("rows.csv", b"text,label\na,b,good\nc,d,bad\n", "row 1 has more fields than the header"),
        ("rows.csv", b"text,label\na,good\nc,d,bad\n", "line 3"),
        ("rows.csv", b"text,label\n\xff\xfe,good\n", "not UTF-8"),
        ("rows.jsonl", b'{"text": "\xff"}\n', "not UTF-8 text: invalid start byte at byte 10"),
        ("rows.jsonl", b'{"text": "a", "label": 1}\n{"text":\n', "line 2: not valid JSON"),
        ("rows.jsonl", b'{"text": "a", "label": 1}\n[1]\n', "row 2: a row is a JSON object"),
        ("rows.jsonl", b"[" * 100_000, "nested too deep"),
        ("rows.parquet", b"no", "cannot be read as PARQUET"),
        ("rows.csv.gz", b"no", "cannot be read as CSV"),
        ("rows.xlsx", b"no", "no known format. Known endings: '.csv'"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refused(str(path))
    assert expected in message
    assert str(path) in message


def test_a_missing_file(tmp_path: Path) -> None:
    write(tmp_path, ROWS, "reviews.jsonl")
    assert "Did you mean 'reviews.jsonl'?" in refused(str(tmp_path / "review.jsonl"))
    assert "does not exist" in refused(str(tmp_path / "nowhere" / "rows.csv"))


def test_a_folder_of_several_splits_wants_one_named(tmp_path: Path) -> None:
    source = _folder(tmp_path).removesuffix(":test")
    message = refused(source)
    assert "several splits: 'test', 'train'" in message
    assert "has no split called 'tests'. Did you mean 'test'?" in refused(f"{source}:tests")


def test_sources_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ROWS, "odd:name.jsonl")
    write(tmp_path, ROWS, "rows.jsonl")
    (tmp_path / "data").mkdir()
    kinds = {
        "odd:name.jsonl": ("file", None),
        "rows.jsonl:test": ("file", "test"),
        "data": ("folder", None),
        "owner/name:train": ("hub", "train"),
        "bundle:rotten-tomatoes:test": ("bundle", "test"),
    }
    for spec, expected in kinds.items():
        source = parse_source(spec)
        assert (source.kind, source.split) == expected
    assert "no splits of its own" in refused("rows.jsonl:test")
    assert "There is no file or folder at data/reviews" in refused("data/reviews")


# Odd texts

ODD = {
    "empty": "",
    "spaces": " \t ",
    "nul": "before\0after",
    "surrogate": "lone \ud800 one",
    "pair": "a pair \ud83d\ude00",
    "long": "word " * 20_000,
    "emoji": "👩‍👩‍👧 🏳️‍🌈 😀",
    "rtl": "\u202eסרט נהדר\u202c فيلم رائع",
    "combining": "e\u0301\u0308" * 50,
    "separator": "one\u2028two\u2029three\x0b\x0c",
    "na": "NA",
    "null": "null",
    "formula": "=1+1",
    "quotes": 'a "b", c\nd',
}


def _odd_rows() -> list[dict[str, str]]:
    return [{"text": value, "label": "ab"[n % 2]} for n, value in enumerate(ODD.values())]


def test_odd_texts_come_through_and_are_counted(tmp_path: Path) -> None:
    split = load_rows(write(tmp_path, _odd_rows()))
    texts = dict(zip(ODD, (row.text.strings[0] for row in split.rows), strict=True))
    assert texts["surrogate"] == "lone \ufffd one"
    assert texts["pair"] == "a pair 😀"
    unchanged = ODD.keys() - {"surrogate", "pair"}
    assert {name: texts[name] for name in unchanged} == {name: ODD[name] for name in unchanged}
    counted = split.oddities
    assert (counted.empty, counted.nul, counted.surrogates, counted.long) == (2, 1, 1, 1)


def test_the_tokenizer_takes_every_odd_text(tmp_path: Path) -> None:
    from attacks.victims.huggingface import HuggingFaceVictim

    split = load_rows(write(tmp_path, _odd_rows()))
    victim = HuggingFaceVictim(
        tiny.classifier(), tiny.tokenizer(), ("a", "b"), fingerprint="x", max_length=32
    )
    encodings = victim.encode([row.text.strings for row in split.rows])
    logits = victim.run(encodings)
    assert logits.shape == (len(ODD), 2)
    assert (logits == logits).all()


def test_csv_and_parquet_keep_odd_texts_too(tmp_path: Path) -> None:
    import pandas

    rows = [
        row for row in _odd_rows() if "\ud800" not in row["text"] and "\ud83d" not in row["text"]
    ]
    frame = pandas.DataFrame(rows)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.parquet"):
        split = load_rows(str(tmp_path / name))
        assert [row.text.strings[0] for row in split.rows] == [row["text"] for row in rows]

"""items.csv and metrics.csv: every record and every number, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import judged_run
import pytest
from hypothesis import HealthCheck, given, settings

from reports import csv_files, items
from reports.cells import FORMULA, shown_again
from reports.errors import ReportError
from reports.named import estimates
from reports.records import OutcomeRecord, PredictionRecord


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written(folder: Path, *records: OutcomeRecord | PredictionRecord) -> list[dict[str, str]]:
    items.write(folder / items.NAME, records)
    return table("".join(csv_files.items_csv(judged_run.source(folder=folder))))


def test_there_is_a_row_an_example_a_check_with_all_that_was_recorded(
    outcome: Callable[..., OutcomeRecord],
    prediction: Callable[..., PredictionRecord],
    tmp_path: Path,
) -> None:
    broken = outcome("e1", "succeeded", original=("a", "b"), perturbed=("c", "b"))
    rows = written(tmp_path, prediction("e0", logits=(-0.5, 1.5)), broken)
    assert [(row["record"], row["example_id"]) for row in rows] == [
        ("prediction", "e0"),
        ("outcome", "e1"),
    ]
    assert json.loads(rows[0]["logits"]) == [-0.5, 1.5]
    assert rows[1]["original"] == "a\nb"
    assert json.loads(rows[1]["changes"]) == [[1, "fine", "okay"]]
    assert (rows[1]["calibrated"], rows[1]["queries"]) == ("false", "20")
    assert rows[0]["queries"] == ""


def test_rows_come_one_by_one(outcome: Callable[..., OutcomeRecord], tmp_path: Path) -> None:
    items.write(tmp_path / items.NAME, [outcome(f"e{n}") for n in range(5)])
    parts = list(csv_files.items_csv(judged_run.source(folder=tmp_path)))
    assert [len(table(parts[0] + part)) for part in parts[1:]] == [1] * 5


def test_a_run_without_items_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"has no items\.parquet"):
        csv_files.items_csv(judged_run.source(folder=tmp_path))


def test_every_number_that_a_gate_can_name_is_a_row() -> None:
    source = judged_run.source()
    rows = {row["metric"]: row for row in table(csv_files.metrics_csv(source))}
    known = estimates(source.results)
    assert rows.keys() == known.keys()
    assert {"clean_accuracy", "before.clean_accuracy", "check.twin.textfooler"} <= rows.keys()
    assert any(row["low"].startswith("-") for row in rows.values()), "a number is no formula"
    for name, found in known.items():
        assert rows[name]["n"] == str(found.n)
        assert rows[name]["low"] == ("" if found.low is None else str(found.low))


def is_safe(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.lstrip()[:1] not in tuple(FORMULA)
    return True


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(poison=judged_run.NASTY)
def test_hostile_text_is_no_formula_and_comes_back(
    poison: str, outcome: Callable[..., OutcomeRecord], tmp_path: Path
) -> None:
    texts = {"original": (poison,), "perturbed": (poison,), "error": poison, "group": poison}
    (row,) = written(tmp_path, outcome(f"e{poison}", "succeeded", **texts))
    kept = poison.encode("utf-8", "backslashreplace").decode()
    assert shown_again(row["original"]) == kept
    assert shown_again(row["error"]) == kept
    metrics = table(
        csv_files.metrics_csv(judged_run.source(judged_run.poisoned(judged_run.results(), poison)))
    )
    assert all(is_safe(cell) for found in (row, *metrics) for cell in found.values())

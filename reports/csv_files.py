"""items.csv and metrics.csv: the records and the numbers of a run for spreadsheets.

`items.csv` has a row an example a check, in the order and with the columns of items.parquet, which is
read part by part. The fields of a text stand on lines of their own in one cell; lists of other things
are JSON. `metrics.csv` has a row for each number that a gate can name. Texts go through `reports.cells`,
so that no cell begins a formula; numbers are numbers. A cell without a value is empty.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reports import items
from reports.cells import cell
from reports.errors import ReportError
from reports.named import estimates
from reports.source import Source

METRICS = ("metric", "value", "low", "high", "level", "n", "count", "method", "reason")
_TEXTS = ("original", "perturbed")


def items_csv(source: Source) -> Iterator[str]:
    """The records, part by part. Raises ReportError where the run has no items.parquet."""
    path = source.run.path / items.NAME
    if not path.is_file():
        raise ReportError(
            f"The run {source.run.id} has no {items.NAME}, so there are no rows to write. Restore it "
            "from a copy, or leave csv out of --format."
        )
    return _parts(items.columns(path), items.rows(path))


def metrics_csv(source: Source) -> str:
    """The numbers, a row each."""
    rows = []
    for name, found in estimates(source.results).items():
        values = found.to_dict()
        rows.append([_shown(value) for value in (name, *(values[key] for key in METRICS[1:]))])
    return _lines([METRICS, *rows])


def _parts(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield _lines([columns])
    for row in rows:
        yield _lines([[_shown(row[name], name) for name in columns]])


def _shown(value: Any, column: str = "") -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return cell(value)
    if column in _TEXTS:
        return cell("\n".join(map(str, value)))
    if column == "changes":
        value = [[change[key] for key in ("index", "before", "after")] for change in value]
    return cell(json.dumps(value, ensure_ascii=False, default=str))


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()

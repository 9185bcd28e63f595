"""items.parquet: the records of a finished run as one table, a row an example a check.

The columns are those of both kinds of record; `record` says which a row is. Parquet holds Unicode text
alone: a lone surrogate is written as its escape (`\\ud83d`), and events.jsonl keeps the original. Files
of earlier releases may lack columns at the end; their values are None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.records import OutcomeRecord, PredictionRecord, Record
from reports.storage import replacing

NAME = "items.parquet"
VERSION = b"1"


def write(path: Path, records: Iterable[Record]) -> None:
    """Write the records atomically, in their order."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [row(record) for record in records]
    schema = _schema().with_metadata({b"withstand.items": VERSION})
    table = pa.Table.from_pylist(rows, schema=schema)
    with replacing(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")


def read(path: Path) -> list[Record]:
    """Read the records back, in their order."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ReportError(f"{path} is not a readable Parquet file: {error}.") from None
    version = (table.schema.metadata or {}).get(b"withstand.items")
    if version != VERSION:
        raise ReportError(
            f"{path} has items of version {(version or b'none').decode(errors='replace')}; "
            f"this release reads version {VERSION.decode()}. Read it with a newer release."
        )
    return [_record(row) for row in table.to_pylist()]


def _schema() -> Any:
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int64(), pa.float64()
    change = pa.struct([("index", whole), ("before", text), ("after", text)])
    return pa.schema(
        [
            ("record", text),
            ("check", text),
            ("example_id", text),
            ("split", text),
            ("model", text),
            ("label", whole),
            ("group", text),
            ("predicted", whole),
            ("logits", pa.list_(real)),
            ("loss", real),
            ("attack", text),
            ("calibrated", pa.bool_()),
            ("status", text),
            ("original", pa.list_(text)),
            ("perturbed", pa.list_(text)),
            ("changes", pa.list_(change)),
            ("predicted_before", whole),
            ("predicted_after", whole),
            ("confidence_before", real),
            ("confidence_after", real),
            ("words", whole),
            ("queries", whole),
            ("unique_queries", whole),
            ("error", text),
            ("reference", text),
            ("written_before", text),
            ("written_after", text),
            ("broken_after", whole),
        ]
    )


def row(record: Record) -> dict[str, Any]:
    """A record as its row: text as Parquet can hold it."""
    values = {"record": record.event, **record.to_dict()}
    if isinstance(record, OutcomeRecord):
        names = ("index", "before", "after")
        values["changes"] = [dict(zip(names, change, strict=True)) for change in record.changes]
    found: dict[str, Any] = _unicode(values)
    return found


def _record(row: Mapping[str, Any]) -> Record:
    if row["record"] == PredictionRecord.event:
        return PredictionRecord.from_dict(row)
    changes = [(c["index"], c["before"], c["after"]) for c in row["changes"] or ()]
    return OutcomeRecord.from_dict({**row, "changes": changes})


def _unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [_unicode(item) for item in value]
    if isinstance(value, dict):
        return {key: _unicode(item) for key, item in value.items()}
    return value

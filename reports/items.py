"""items.parquet: the records of a finished run as one table, a row an example a check.

The columns are those of both kinds of record; `record` says which a row is. Parquet holds Unicode text
alone: a lone surrogate is written as its escape (`\\ud83d`), and events.jsonl keeps the original. Files
of earlier releases may lack columns at the end; their values are None.

A small file can expand to any size (a text that is stored once and named a million times). So texts are
read as they are stored, and counted before they are expanded: a table may come to `EXPANDED` bytes and
`RATIO` times its file, which no run that was not made for it does (one of a hundred examples comes to 7
times its file, and large ones to less). Columns that this release does not know are not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.records import OutcomeRecord, PredictionRecord, Record
from reports.storage import replacing
from reports.untrusted import shown
from reports.visible import one_line

NAME = "items.parquet"
VERSION = b"1"

EXPANDED = 1024**3
RATIO = 300
ROW = 512
"""Bytes that a row is counted as, beside its texts: about what its values take when they are read."""
BATCH = 1024
"""Rows that are expanded at a time."""


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
    """Read the records back, in their order.

    Raises ReportError for a file that is no such table, is of another version, holds a row that is no
    record, or expands beyond all measure.
    """
    found = []
    for number, row in enumerate(rows(path), start=1):
        try:
            found.append(_record(row))
        except (TypeError, ValueError, OverflowError) as error:
            raise ReportError(
                f"{shown(path)}, row {number} is not a record: {one_line(str(error), 300)}."
            ) from None
    return found


def rows(
    path: Path,
    columns: Sequence[str] | None = None,
    only: Mapping[str, Collection[str]] | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows as plain values, of some columns or of all, a batch of them in memory at a time.

    `only` names, for columns of text among those, the values that a row must have one of; the others are
    passed over without being expanded. Raises ReportError as `read` does.
    """
    import pyarrow as pa

    try:
        yield from _rows(path, columns, only or {})
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ReportError(
            f"{shown(path)} is not a readable Parquet file: {one_line(str(error), 300)}."
        ) from None


def columns(path: Path) -> list[str]:
    """The columns that a file has, in their order; those that this release does not know are left.

    Raises ReportError as `read` does.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return _checked(path, file.schema_arrow)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ReportError(
            f"{shown(path)} is not a readable Parquet file: {one_line(str(error), 300)}."
        ) from None


def _rows(
    path: Path, columns: Sequence[str] | None, only: Mapping[str, Collection[str]]
) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    if not path.is_file():
        raise ReportError(f"{shown(path)} is not a plain file.")
    with parquet.ParquetFile(path) as file:
        present = _checked(path, file.schema_arrow)
        texts = _text_columns(file.metadata)
        allowed = EXPANDED + RATIO * path.stat().st_size
        _check_size(path, _claimed(file.metadata, present), allowed)
    wanted = [name for name in present if columns is None or name in columns]
    absent = dict.fromkeys(name for name in columns or () if name not in present)
    with parquet.ParquetFile(path, read_dictionary=texts) as file:
        total = 0
        for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
            total += ROW * batch.num_rows + sum(_expanded(column) for column in batch.columns)
            _check_size(path, total, allowed)
            for name, values in only.items():
                texts_of = batch.column(name).dictionary_decode()
                wanted_texts = pa.array(sorted(values), pa.string())
                batch = batch.filter(pc.is_in(texts_of, value_set=wanted_texts))
            for row in batch.to_pylist():
                yield {**row, **absent} if absent else row


def _checked(path: Path, found: Any) -> list[str]:
    """The known columns of a table that is one of ours."""
    version = (found.metadata or {}).get(b"withstand.items")
    if version != VERSION:
        named = one_line((version or b"none").decode(errors="replace"), 40)
        raise ReportError(
            f"{shown(path)} has items of version {named}; "
            f"this release reads version {VERSION.decode()}. Read it with a newer release."
        )
    expected = _schema()
    for name in ("record", "check", "example_id", "split", "label"):
        if name not in found.names:
            raise ReportError(f"{shown(path)} lacks the column {name}. Restore it from a copy.")
    present = [name for name in expected.names if name in found.names]
    for name in present:
        if found.names.count(name) > 1 or found.field(name).type != expected.field(name).type:
            raise ReportError(
                f"{shown(path)}: the column {name} is not one of {expected.field(name).type}. "
                "Restore the file from a copy."
            )
    return present


def _text_columns(metadata: Any) -> list[str]:
    """The paths of all texts, those in lists too."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    found = [group.column(number) for number in range(group.num_columns)]
    return [c.path_in_schema for c in found if c.physical_type == "BYTE_ARRAY"]


def _claimed(metadata: Any, present: Sequence[str]) -> int:
    """The bytes that a file says its known columns take, as they are stored."""
    total = ROW * metadata.num_rows
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in (group.column(place) for place in range(group.num_columns)):
            if column.path_in_schema.partition(".")[0] in present:
                total += max(int(column.total_uncompressed_size), 8 * int(column.num_values))
    return int(total)


def _expanded(array: Any) -> int:
    """The bytes that an array takes when each of its texts is written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = pc.cast(pc.binary_length(array.dictionary), pa.int64())
        return 8 * len(array) + int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_list(kind):
        return int(8 * len(array)) + _expanded(array.flatten())
    if pa.types.is_struct(kind):
        return sum(map(_expanded, array.flatten()))
    return int(array.nbytes)


def _check_size(path: Path, size: int, allowed: int) -> None:
    if size > allowed:
        raise ReportError(
            f"{shown(path)} expands to more than {allowed:,} bytes, from {path.stat().st_size:,}: no "
            "run comes to that. Do not trust it, or restore it from a copy."
        )


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
    if row["record"] != OutcomeRecord.event:
        raise ValueError(f"it is of the kind {row['record']!r}")
    changes = [(c["index"], c["before"], c["after"]) for c in row.get("changes") or ()]
    return OutcomeRecord.from_dict({**row, "changes": changes})


def _unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [_unicode(item) for item in value]
    if isinstance(value, dict):
        return {key: _unicode(item) for key, item in value.items()}
    return value

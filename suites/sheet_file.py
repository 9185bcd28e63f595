"""The CSV file of a sheet: written for people, and read back from whatever they filled it in with.

Columns: id, the text (a column a field), label. The head of the last one says what may stand in it.
Cells are made safe by `reports.cells`. Spreadsheets save with commas, semicolons or tabs: each is read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, in_words, row_numbers
from reports.cells import cell
from suites.sheet import Sheet

CANNOT_TELL = "?"
_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Filled:
    """A sheet that one annotator filled in: (row, id, what stands in the column `label`)."""

    path: Path
    rows: tuple[tuple[int, str, str], ...]


def written(sheet: Sheet, labels: Sequence[str], fields: Sequence[str]) -> bytes:
    """The file, in UTF-8 with the mark by which spreadsheets know that.

    Args:
        labels: names of the labels; `fields`: names of the fields of the texts.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["id", *map(cell, fields), _head(labels)])
    for item in sheet.items:
        writer.writerow([item.id, *map(cell, item.fields), ""])
    return text.getvalue().encode("utf-8-sig")


def read(path: Path) -> Filled:
    """The ids and labels of a filled sheet, as they stand there; rows count from 1 below the head.

    Raises HarnessError where the file cannot be read or has no columns `id` and `label`.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise HarnessError(f"There is no sheet at {path}. Name a filled one with --read.") from None
    except UnicodeDecodeError:
        raise HarnessError(
            f"{path} is not in UTF-8. Save it as 'CSV UTF-8' and try again."
        ) from None
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}.") from None
    for separator in _SEPARATORS:
        try:
            head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator) or [[]]
        except (csv.Error, ValueError):
            continue
        names = [name.strip().casefold() for name in head]
        label = [n for n, name in enumerate(names) if name.startswith("label")]
        if "id" in names and label:
            return _filled(path, rows, names.index("id"), label[-1])
    raise HarnessError(
        f"{path} is no sheet: its first line must name the columns 'id' and 'label', as `withstand "
        "sheet` wrote them, with commas, semicolons or tabs between."
    )


def answers(filled: Filled, sheet: Sheet, labels: Sequence[str]) -> dict[str, int | None]:
    """The label number that was given to each text of the sheet, None for "cannot tell".

    Raises HarnessError for an id that is missing, unknown or there twice, for what is no label, and
    where nothing is filled in at all.
    """
    wanted = {item.id for item in sheet.items}
    where: dict[str, list[int]] = {}
    for row, name, _ in filled.rows:
        where.setdefault(name, []).append(row)
    unknown = [name for name in where if name not in wanted]
    if unknown:
        rows = [row for name in unknown for row in where[name]]
        raise HarnessError(
            f"{filled.path}, {row_numbers(rows)}: not of this run's sheet: {in_words(unknown, 5)}. Name "
            "the run that the sheet was drawn from, and leave the column 'id' as it was."
        )
    twice = [name for name, rows in where.items() if len(rows) > 1]
    if twice:
        raise HarnessError(
            f"{filled.path} has the id '{twice[0]}' in {row_numbers(where[twice[0]])}. Leave one of "
            "them; each annotator has a file of their own."
        )
    missing = sorted(wanted - where.keys())
    if missing:
        raise HarnessError(
            f"{filled.path} lacks {len(missing)} of the {len(wanted)} texts: {in_words(missing, 5)}. "
            f"Put their rows back; a label that one cannot tell is left empty, or '{CANNOT_TELL}'."
        )
    found = {name: _label(filled.path, row, given, labels) for row, name, given in filled.rows}
    if all(label is None for label in found.values()):
        raise HarnessError(
            f"{filled.path} has no label yet. Fill in the column 'label': {_allowed(labels)}."
        )
    return found


def _filled(path: Path, rows: Sequence[Sequence[str]], name: int, label: int) -> Filled:
    return Filled(
        path,
        tuple(
            (number, row[name].strip(), row[label].strip() if label < len(row) else "")
            for number, row in enumerate(rows, start=1)
            if len(row) > name and row[name].strip()
        ),
    )


def _label(path: Path, row: int, given: str, labels: Sequence[str]) -> int | None:
    if given in ("", CANNOT_TELL):
        return None
    if given in labels:
        return list(labels).index(given)
    alike = [n for n, name in enumerate(labels) if name.casefold() == given.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise HarnessError(
        f"{path}, row {row}: '{given}' is not a label. Allowed: {_allowed(labels)}; capitals do not "
        "matter."
    )


def _head(labels: Sequence[str]) -> str:
    return f"label ({_allowed(labels)})"


def _allowed(labels: Sequence[str]) -> str:
    return f"{', '.join(labels)}, or {CANNOT_TELL} if you cannot tell"

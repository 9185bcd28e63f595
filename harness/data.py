"""Labelled texts: loaded from any source, checked row by row, with ids that last.

Odd texts are kept and counted (empty, NUL bytes, very long); lone surrogates are shown as U+FFFD, since
no tokenizer takes them. What cannot be used at all is a `HarnessError` that names the source, the rows
and what is allowed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from attacks.outcomes import Example
from attacks.text import Text
from harness.errors import HarnessError, did_you_mean, in_words, row_numbers
from harness.sources import Source, Table, parse_source, read_table

LONG = 10_000
"""Characters from which a text is counted as very long."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"-?\d+\.0+")
_INTEGER = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True)
class Oddities:
    """Rows whose text was odd, counted once a kind. Only surrogates were changed (to U+FFFD)."""

    empty: int = 0
    nul: int = 0
    surrogates: int = 0
    long: int = 0

    def __add__(self, other: Oddities) -> Oddities:
        return Oddities(
            *(
                a + b
                for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
            )
        )


@dataclass(frozen=True)
class Split:
    """Rows that are used together.

    Attributes:
        name: "train", "validation", "test", or what the source calls it.
        source: the name it was loaded by.
        rows: id, text fields, label number and group of each row. An id comes from the source's `id`
            column or is the SHA-256 of the row's content, so it outlives a change of row order.
        labels: label names; a row's label is a place here.
        ids: whether ids are the column's or the content's.
        oddities: how many rows had an odd text.
    """

    name: str
    source: str
    rows: tuple[Example, ...]
    labels: tuple[str, ...]
    ids: Literal["column", "content"]
    oddities: Oddities

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over id, text and label name of every row, in order."""
        digest = hashlib.sha256()
        for row in self.rows:
            _update(digest, (row.id, *row.text.strings, self.labels[row.label]))
        return digest.hexdigest()

    @property
    def balance(self) -> dict[str, int]:
        """Rows by label name, in the order of the labels."""
        counts = Counter(row.label for row in self.rows)
        return {name: counts[number] for number, name in enumerate(self.labels)}


def load_rows(
    source: str | Source,
    *,
    text: Sequence[str] = ("text",),
    label: str = "label",
    group: str | None = None,
    labels: Sequence[str] = (),
    name: str | None = None,
    columns: Sequence[str] = (),
) -> Split:
    """Load and check every row of a source.

    Args:
        source: a bundle, file, folder or Hugging Face id, with an optional `:split`.
        text: columns that the model is shown, in order.
        label: column with the label, as a name or as a number counted from 0.
        group: column whose values name families of rows; a bundle knows its own.
        labels: label names in the order of their numbers. Where empty they are taken from the data: as
            the source declares them, else sorted (numbers by value).
        name: name of the split; by default the part behind the colon, else "all".
        columns: further columns whose values the rows carry as text; a null is left out.

    Raises:
        HarnessError: nothing at the source, no rows, a missing column, a null text or label, a text that
            is no string, a label that is not among `labels`.
    """
    parsed = parse_source(source) if isinstance(source, str) else source
    table = read_table(parsed)
    group = group or default_group(parsed)
    _check_columns(table, text, label, group, columns)
    texts, oddities = _texts(table, text)
    families = [_family(row, group) for row in table.rows]
    written = _labels(table, label)
    names = tuple(labels) or _label_names(table, label, written)
    numbers = _label_numbers(table, label, written, names)
    ids, kind = _ids(table, texts, written, families)
    rows = tuple(
        Example(
            ids[n],
            Text(tuple(zip(text, texts[n], strict=True))),
            numbers[n],
            families[n],
            columns=_values(table.rows[n], columns),
        )
        for n in range(len(texts))
    )
    return Split(name or parsed.split or "all", parsed.spec, rows, names, kind, oddities)


def load_texts(
    source: str | Source,
    *,
    text: Sequence[str] = ("text",),
    reference: str | None = None,
    group: str | None = None,
) -> tuple[Example, ...]:
    """Load and check every row of a source for a model that writes: no labels, maybe references.

    Args:
        source: as of `load_rows`.
        text: columns that the model is shown, in order.
        reference: column with what it should write; None where nothing is known.
        group: as of `load_rows`.

    Raises:
        HarnessError: as `load_rows` for texts; a reference that is null or no string.
    """
    parsed = parse_source(source) if isinstance(source, str) else source
    table = read_table(parsed)
    group = group or default_group(parsed)
    _check_columns(table, text, reference, group)
    texts, _ = _texts(table, text)
    families = [_family(row, group) for row in table.rows]
    wanted = [values[0] for values in _texts(table, (reference,))[0]] if reference else None
    ids, _ = _ids(table, texts, wanted or [""] * len(texts), families)
    return tuple(
        Example(
            ids[n],
            Text(tuple(zip(text, texts[n], strict=True))),
            0,
            families[n],
            wanted[n] if wanted else None,
        )
        for n in range(len(texts))
    )


def default_group(source: Source) -> str | None:
    """The column that a bundle's rows are kept together by; None for anything else."""
    return {"rotten-tomatoes": "movie"}.get(source.location) if source.kind == "bundle" else None


def _check_columns(
    table: Table,
    text: Sequence[str],
    label: str | None,
    group: str | None,
    columns: Sequence[str] = (),
) -> None:
    wanted = [("data.text", name) for name in text]
    wanted += [("data.label", label)] if label else []
    wanted += [("data.group", group)] if group else []
    wanted += [("audit.slices", name) for name in columns]
    for key, name in wanted:
        if name not in table.columns:
            hint = did_you_mean(name, table.columns)
            raise HarnessError(
                f"{table.name} has no column '{name}' ({key}).{hint} Columns: {in_words(table.columns)}."
            )
    if not text:
        raise HarnessError("data.text names no column; the model has to be shown at least one.")


def _texts(table: Table, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Oddities]:
    texts: list[tuple[str, ...]] = []
    for column in columns:
        null = [n for n, row in enumerate(table.rows, start=1) if _null(row.get(column))]
        if null:
            raise HarnessError(
                f"{table.name}, {row_numbers(null)}: column '{column}' is null. Every row needs a text "
                '(an empty string "" is allowed).'
            )
    empty = nul = surrogates = long = 0
    for number, row in enumerate(table.rows, start=1):
        values = []
        for column in columns:
            value = row[column]
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise HarnessError(
                    f"{table.name}, row {number}: column '{column}' holds {type(value).__name__}, and a "
                    "text is a string."
                )
            values.append(str(value))
        joined = "".join(values)
        empty += not joined.strip()
        nul += "\0" in joined
        surrogates += _SURROGATE.search(joined) is not None
        long += len(joined) >= LONG
        texts.append(tuple(map(_clean, values)))
    return texts, Oddities(empty, nul, surrogates, long)


def _null(value: Any) -> bool:
    """None, and NaN: how a column of numbers writes a missing value."""
    return value is None or (isinstance(value, float) and value != value)


def _clean(value: str) -> str:
    """The string with lone surrogates shown as U+FFFD; a pair of them becomes the character it means."""
    if _SURROGATE.search(value) is None:
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _family(row: Mapping[str, Any], group: str | None) -> str | None:
    value = row.get(group) if group else None
    return None if _null(value) else _clean(str(value))


def _values(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Further values of a row as JSON writes them, without quotes."""
    found = []
    for column in columns:
        value = row.get(column)
        if not _null(value):
            text = str(value).lower() if isinstance(value, bool) else _clean(str(value))
            found.append((column, text))
    return tuple(found)


def _labels(table: Table, column: str) -> list[str]:
    """Labels as written: class names where the source declares them, integers without a point."""
    classes = table.classes.get(column)
    written = [_label(row.get(column), classes) for row in table.rows]
    null = [n for n, value in enumerate(written, start=1) if value is None]
    if null:
        raise HarnessError(f"{table.name}, {row_numbers(null)}: column '{column}' holds no label.")
    for number, (row, value) in enumerate(zip(table.rows, written, strict=True), start=1):
        if value == _NOT_A_CLASS:
            raise HarnessError(
                f"{table.name}, row {number}: the label in column '{column}' is {row[column]!r}. A "
                "label is a name or a whole number; a score has to be cut into classes first."
            )
    return [value for value in written if value is not None]


_NOT_A_CLASS = "\0"


def _label(value: Any, classes: Sequence[str] | None) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if _null(value):
        return None
    if isinstance(value, float):
        if not value.is_integer():
            return _NOT_A_CLASS
        value = int(value)
    if isinstance(value, int):
        if classes is None:
            return str(value)
        return (
            classes[value] if 0 <= value < len(classes) else None
        )  # -1: "not labelled" on the Hub
    if isinstance(value, str):
        if _WHOLE.fullmatch(
            value
        ):  # "1.0": how a spreadsheet writes a column of numbers with a gap
            return value.split(".")[0]
        return _clean(value) if value.strip() else None
    return _NOT_A_CLASS


def _label_names(table: Table, column: str, written: Sequence[str]) -> tuple[str, ...]:
    """Label names where none were given."""
    if column in table.classes:
        return table.classes[column]
    distinct = set(written)
    if len(distinct) > 50 and len(distinct) * 2 > len(written):
        raise HarnessError(
            f"{table.name}: column '{column}' has {len(distinct):,} different values in "
            f"{len(written):,} rows. That is no label; name another column in data.label."
        )
    if all(_INTEGER.fullmatch(value) for value in distinct):
        return tuple(sorted(distinct, key=int))
    return tuple(sorted(distinct))


def _label_numbers(
    table: Table, column: str, written: Sequence[str], names: Sequence[str]
) -> list[int]:
    """The place of each label among `names`; a whole number is a place where no name is one."""
    if len(set(names)) != len(names):
        raise HarnessError(f"The label names are not distinct: {in_words(names)}.")
    places = {name: number for number, name in enumerate(names)}
    if not any(_INTEGER.fullmatch(name) for name in names):
        places |= {str(number): number for number in range(len(names))}
    outside: dict[str, list[int]] = {}
    for number, value in enumerate(written, start=1):
        if value not in places:
            outside.setdefault(value, []).append(number)
    if outside:
        value, rows = next(iter(outside.items()))
        others = (
            f" (and {len(outside) - 1} other labels are not either)" if len(outside) > 1 else ""
        )
        counting = " Numbers count from 0." if _INTEGER.fullmatch(value) else ""
        raise HarnessError(
            f"{table.name}, {row_numbers(rows)}: the label '{value}' in column '{column}' is not one of "
            f"the model's{others}.{did_you_mean(value, names)} Allowed: {in_words(names)}.{counting}"
        )
    return [places[value] for value in written]


def _ids(
    table: Table,
    texts: Sequence[tuple[str, ...]],
    written: Sequence[str],
    families: Sequence[str | None],
) -> tuple[list[str], Literal["column", "content"]]:
    """Ids from a column `id` whose values are distinct, else from the content of the row.

    Rows with the very same content are numbered; they cannot be told apart, so the ids still do not
    depend on the order of the rows.
    """
    if "id" in table.columns:
        given = [row.get("id") for row in table.rows]
        strings = [_clean(str(value)) for value in given]
        if None not in given and len(set(strings)) == len(strings):
            return strings, "column"
    seen: Counter[str] = Counter()
    ids = []
    for content in zip(texts, written, families, strict=True):
        digest = hashlib.sha256()
        _update(digest, (*content[0], content[1], content[2] or ""))
        short = digest.hexdigest()[:16]
        ids.append(f"{short}-{seen[short]}" if seen[short] else short)
        seen[short] += 1
    return ids, "content"


def _update(digest: Any, parts: Sequence[str]) -> None:
    """Add strings to a digest, each with its length before it, so that no two lists look the same."""
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)

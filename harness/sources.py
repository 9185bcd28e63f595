"""Where rows come from: one form of table out of bundles, files, folders and the Hugging Face Hub.

CSV, Parquet, folders and hub ids are read by `datasets`. JSON is not: Arrow holds strings as UTF-8, so
one lone surrogate (`"\\ud800"`, which JSON allows and scraped text contains) would end the whole load.
"""

from __future__ import annotations

import bz2
import gzip
import html
import json
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness import bundles
from harness.errors import HarnessError, did_you_mean, in_words

SourceKind = Literal["bundle", "file", "folder", "hub"]

_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
_PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_SPLIT = re.compile(r"(?P<location>.{2,}):(?P<split>[A-Za-z_][\w.-]*)", re.DOTALL)
_HUB = re.compile(r"[\w.-]+(/[\w.-]+){0,2}")


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source name.

    Attributes:
        spec: what the user wrote.
        kind: a bundle, a file, a local folder of `datasets`, or a Hugging Face id.
        location: bundle name, path or hub id (`owner/name` or `owner/name/configuration`).
        split: what stood behind the last colon, None where nothing did.
    """

    spec: str
    kind: SourceKind
    location: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as they were found, in order.

    Attributes:
        name: the source, as messages show it.
        columns: every column name, in order of appearance.
        rows: one mapping a row; an absent key is a missing value.
        classes: label names by column, where the source declares them (`ClassLabel`).
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse_source(spec: str) -> Source:
    """Read a source name: `bundle:NAME`, a path or a hub id, each with an optional `:split`.

    Raises HarnessError for an unknown bundle, a path at which nothing stands (with the nearest file
    beside it) and a file whose format is not known.
    """
    if spec.startswith(bundles.PREFIX):
        name, _, split = spec.removeprefix(bundles.PREFIX).partition(":")
        return Source(spec, "bundle", bundles.bundle(name).name, split or None)
    match = _SPLIT.fullmatch(spec)
    location, split = (spec, "") if match is None or Path(spec).exists() else match.groups()
    path = Path(location).expanduser()
    if path.is_dir():
        return Source(spec, "folder", str(path), split or None)
    if path.exists():
        _format(path)
        return Source(spec, "file", str(path), split or None)
    if not _is_hub_id(location):
        raise _no_such_file(path)
    return Source(spec, "hub", location, split or None)


def read_table(source: Source) -> Table:
    """Read all rows of a source.

    Raises HarnessError where it is empty, cannot be parsed, or has several splits and none was named.
    """
    if source.kind == "bundle":
        return _bundle(source)
    if source.kind == "hub":
        return _hub(source)
    if source.kind == "folder":
        return _folder(source)
    if source.split is not None:
        raise _no_own_splits(source)
    path = Path(source.location)
    if path.stat().st_size == 0:
        raise HarnessError(
            f"{source.location} is empty: no header and no rows. Fill it, or name another source."
        )
    kind = _format(path)
    table = _json(path) if kind == "json" else _with_datasets(path, kind)
    return _not_empty(table)


def _is_hub_id(location: str) -> bool:
    if Path(location).suffix.lower() in {*_FORMATS, *_PACKED} or location.startswith(
        (".", "~", "/")
    ):
        return False
    # "data/reviews" beside an existing folder "data" is a slip of the pen, not a name on the Hub.
    return _HUB.fullmatch(location) is not None and not Path(location.split("/")[0]).is_dir()


def _no_such_file(path: Path) -> HarnessError:
    folder = path.parent
    if not folder.is_dir():
        return HarnessError(f"There is no file at {path}: the folder {folder} does not exist.")
    beside = sorted(item.name for item in folder.iterdir() if not item.name.startswith("."))
    return HarnessError(f"There is no file or folder at {path}.{did_you_mean(path.name, beside)}")


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    kind = _FORMATS.get(suffixes[-1]) if suffixes else None
    if kind is None:
        raise HarnessError(
            f"{path} is of no known format. Known endings: {in_words(_FORMATS)}, "
            f"the text formats also with {in_words(_PACKED)} behind them."
        )
    return kind


def _not_empty(table: Table) -> Table:
    if not table.rows:
        held = f" (columns: {in_words(table.columns)})" if table.columns else ""
        raise HarnessError(f"{table.name} holds no rows{held}. Fill it, or name another source.")
    return table


def _bundle(source: Source) -> Table:
    if source.split is not None:
        raise _no_own_splits(source)
    path = bundles.locate(source.location, "data")
    return _ADAPTERS[source.location](source.spec, _with_datasets(path, "csv"))


def _no_own_splits(source: Source) -> HarnessError:
    return HarnessError(
        f"{source.spec}: this source has no splits of its own, so '{source.split}' names nothing in it."
    )


# The corpus has one film under its Spanish and its English name, with the same 35 snippets.
_SAME_MOVIE = {"the_crime_of_padre_amaro": "el_crimen_del_padre_amaro"}


def _rotten_tomatoes(name: str, table: Table) -> Table:
    """Reviews alone (plot summaries are left out), as `text`, `label` ("fresh", "rotten"), `movie`.

    Two leftovers of the web pages are mended: HTML entities ("&amp;", 65 times), and one ellipsis that
    stands as the control character of Windows-1252. Line breaks inside a snippet become spaces.
    """
    rows = tuple(
        {
            "text": " ".join(html.unescape(row["text"]).replace("\x85", "…").split()),
            "label": row["category"],
            "movie": _SAME_MOVIE.get(row["movie_name"], row["movie_name"]),
        }
        for row in table.rows
        if row["category"] in ("fresh", "rotten")
    )
    return Table(name, ("text", "label", "movie"), rows)


_ADAPTERS = {"rotten-tomatoes": _rotten_tomatoes}


def _with_datasets(path: Path, kind: str) -> Table:
    """CSV or Parquet, streamed: nothing is written to the cache of `datasets`."""
    options: dict[str, Any] = {}
    with _quiet_datasets() as datasets:
        try:
            if kind in ("csv", "tsv"):
                # Every column as the text that stands there: pandas would read "NA" as a missing value
                # and the label "01" as a number.
                options = {"sep": "\t" if kind == "tsv" else ",", "encoding": "utf-8-sig"}
                columns = _header(path, options)
                strings = datasets.Features({name: datasets.Value("string") for name in columns})
                options |= {"keep_default_na": False, "features": strings}
            builder = "csv" if kind == "tsv" else kind
            data = datasets.load_dataset(
                builder, data_files=str(path), split="train", streaming=True, **options
            )
            return _table(str(path), data)
        except HarnessError:
            raise
        except UnicodeDecodeError as error:
            raise HarnessError(
                f"{path} is not UTF-8 text: {error.reason} (byte 0x{error.object[error.start]:02x}). "
                "Save it as UTF-8."
            ) from None
        except Exception as error:  # whatever pandas, pyarrow or fsspec have to say
            problem = f"{path} cannot be read as {kind.upper()}: {_first_line(error)}"
            raise HarnessError(problem) from None


def _header(path: Path, options: Mapping[str, Any]) -> list[str]:
    import pandas

    first = pandas.read_csv(path, nrows=1, dtype=str, **options)
    if len(first) and not isinstance(first.index, pandas.RangeIndex):
        # pandas would take the first field of every row for an index, and shift all columns by one.
        raise HarnessError(
            f"{path}: row 1 has more fields than the header ({in_words(map(str, first.columns))}). "
            "A text that holds the separator has to stand in double quotes."
        )
    return [str(name) for name in first.columns]


def _folder(source: Source) -> Table:
    with _quiet_datasets() as datasets:
        try:
            saved = ("state.json", "dataset_dict.json")
            if any((Path(source.location) / name).exists() for name in saved):
                data = datasets.load_from_disk(source.location)
            else:
                data = datasets.load_dataset(source.location, streaming=True)
            return _not_empty(_table(source.spec, _one_split(source, data)))
        except HarnessError:
            raise
        except Exception as error:  # as above
            raise HarnessError(
                f"{source.location} cannot be read as a folder of data files: {_first_line(error)}"
            ) from None


def _hub(source: Source) -> Table:
    owner_and_name = "/".join(source.location.split("/")[:2])
    configuration = source.location.split("/")[2:]
    with _quiet_datasets() as datasets:
        try:
            data = datasets.load_dataset(owner_and_name, *configuration)
            return _not_empty(_table(source.spec, _one_split(source, data)))
        except HarnessError:
            raise
        except Exception as error:  # as above, and every kind of network trouble
            raise HarnessError(
                f"'{source.location}' is no file or folder here, and as a Hugging Face id it cannot be "
                f"loaded: {_first_line(error)}"
            ) from None


def _one_split(source: Source, data: Any) -> Any:
    """The split that was named; the only one where none was."""
    if not isinstance(data, dict):
        if source.split is not None:
            raise _no_own_splits(source)
        return data
    names = sorted(data)
    if source.split is None and len(names) == 1:
        return data[names[0]]
    if source.split in data:
        return data[source.split]
    if source.split is None:
        raise HarnessError(
            f"{source.spec} has several splits: {in_words(names)}. Name one: {source.spec}:{names[-1]}"
        )
    hint = did_you_mean(source.split, names)
    raise HarnessError(
        f"{source.location} has no split called '{source.split}'.{hint} It has: {in_words(names)}."
    )


def _table(name: str, data: Any) -> Table:
    rows = tuple(data)
    features = getattr(data, "features", None) or {}
    classes = {
        column: tuple(feature.names)
        for column, feature in features.items()
        if hasattr(feature, "names")
    }
    columns = tuple(features) if features else _columns(rows)
    return Table(name, columns, rows, classes)


def _columns(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for row in rows for key in row))


def _json(path: Path) -> Table:
    """A JSON array of objects, an object that holds one such array, or an object a line."""
    opener = _PACKED.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            content = file.read()
    except UnicodeDecodeError as error:
        raise HarnessError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start:,}. Save it as UTF-8."
        ) from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise HarnessError(f"{path} cannot be read: {_first_line(error)}") from None
    rows = _json_array(content)
    if rows is None:
        rows = list(_json_lines(path, content))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise HarnessError(
                f"{path}, row {number}: a row is a JSON object, and this is {type(row).__name__}."
            )
    return Table(str(path), _columns(rows), tuple(rows))


def _json_array(content: str) -> list[Any] | None:
    try:
        value = json.loads(content)
    except (json.JSONDecodeError, RecursionError):
        return None
    if isinstance(value, dict):
        arrays = [item for item in value.values() if isinstance(item, list)]
        # One object alone is a file of one line, unless it only wraps the array ({"data": [...]}).
        value = (
            arrays[0] if len(arrays) == 1 and all(isinstance(x, dict) for x in arrays[0]) else None
        )
    return value if isinstance(value, list) else None


def _json_lines(path: Path, content: str) -> Iterator[Any]:
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it breaks at.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise HarnessError(
                f"{path}, line {number}: not valid JSON: {error.msg} (column {error.colno})."
            ) from None
        except RecursionError:
            raise HarnessError(f"{path}, line {number}: nested too deep to be a row.") from None


@contextmanager
def _quiet_datasets() -> Iterator[Any]:
    """`datasets`, with its progress bars and log lines off while it works for us."""
    import datasets

    bars = datasets.are_progress_bars_disabled()
    level = datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(
        50
    )  # CRITICAL: what fails is raised again with a message of ours
    try:
        yield datasets
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".") + "."

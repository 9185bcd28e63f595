"""Draw the reports of a finished run from its records alone.

`FORMATS` is a plain dict: a format's name to its files, each with what draws it. Another package adds a
format through the entry-point group `withstand.formats`: a function of a `Source` whose text or bytes
go to `report.NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from reports.errors import ReportError
from reports.folder import FORMATS as GROUP
from reports.folder import RunFolder
from reports.source import Content, Drawer, Source
from reports.storage import as_bytes, replacing, write_atomic
from reports.view import Report

DEFAULT = ("html", "md")


def render(
    run_dir: Path,
    formats: Sequence[str] = DEFAULT,
    *,
    plan: Path | None = None,
    dataset: str | None = None,
) -> list[Path]:
    """Write the reports into the run folder; returns what was written.

    Args:
        formats: names from `FORMATS`, or of entry points.
        plan, dataset: as of `Source`.

    Raises ReportError for a format that is not known, before anything is read or written.
    """
    drawers = {file: draw for name in formats for file, draw in _files(name).items()}
    source = Source(RunFolder.open(run_dir), plan, dataset)
    written = []
    for name, draw in drawers.items():
        path = run_dir / name
        _write(path, draw(source))
        written.append(path)
    return written


def chosen(formats: str) -> tuple[str, ...]:
    """The formats in a list with commas; the empty ones between commas do not count.

    Raises ReportError for one that is not known, or whose program is not installed.
    """
    names = tuple(name for name in (part.strip() for part in formats.split(",")) if name)
    for name in names:
        _files(name)
    if "pdf" in names:
        from reports.pdf import required_chromium

        required_chromium()
    return names


def redrawn(run: RunFolder) -> dict[Path, bool]:
    """The reports that lie in a run folder, and whether its records give them to the byte.

    One that was drawn before the run was signed shows no signature. A PDF holds when it was printed, and
    is left out.
    """
    sources = (Source(run), Source(run, signed=False))
    found = {}
    for name, draw in ((file, draw) for files in FORMATS.values() for file, draw in files.items()):
        path = run.path / name
        if draw is _pdf:
            continue
        if path.is_file():
            there = path.read_bytes()
            found[path] = any(_again(name, draw, source, there) == there for source in sources)
    return found


def view(run: RunFolder, *, signed: bool = True) -> Report:
    """What the reports of a run show, whatever their format; its signature too, if `signed`."""
    return Source(run, signed=signed).report


def _files(name: str) -> Mapping[str, Drawer]:
    if name in FORMATS:
        return FORMATS[name]
    for entry in entry_points(group=GROUP, name=name):
        return {f"report.{name}": entry.load()}
    known = ", ".join([*FORMATS, *sorted(e.name for e in entry_points(group=GROUP))])
    raise ReportError(f"There is no report format '{name}'. Known: {known}.")


def _write(path: Path, content: Content) -> None:
    if isinstance(content, str | bytes):
        write_atomic(path, content)
        return
    with (
        replacing(path) as temporary,
        temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        file.writelines(content)


def _again(name: str, draw: Drawer, source: Source, there: bytes) -> bytes | None:
    """What a file would hold if it were drawn now; None where nothing can be drawn."""
    try:
        content = _AGAIN[name](source, there) if name in _AGAIN else draw(source)
        return _whole(content)
    except ReportError:
        return None


def _whole(content: Content) -> bytes:
    """All that a drawer gives, as it stands in the file."""
    return as_bytes(content if isinstance(content, str | bytes) else "".join(content))


def _html(source: Source) -> Content:
    from reports import html

    return html.render(source.report)


def _pdf(source: Source) -> Content:
    from reports import html, pdf

    return pdf.pdf(html.render(source.report))


def _markdown(source: Source) -> Content:
    from reports import markdown

    return markdown.render(source.report)


def _json(source: Source) -> Content:
    from reports import summary_json

    return summary_json.render(source)


def _junit(source: Source) -> Content:
    from reports import junit

    return junit.render(source)


def _sarif(source: Source) -> Content:
    from reports import sarif

    return sarif.render(source)


def _items(source: Source) -> Content:
    from reports import csv_files

    return csv_files.items_csv(source)


def _metrics(source: Source) -> Content:
    from reports import csv_files

    return csv_files.metrics_csv(source)


def _model_card(source: Source) -> Content:
    from reports import model_index

    return model_index.render(source)


def _sarif_again(source: Source, there: bytes) -> Content:
    from reports import sarif

    return sarif.again(source, there)


def _model_card_again(source: Source, there: bytes) -> Content:
    from reports import model_index

    return model_index.again(source, there)


_AGAIN: dict[str, Callable[[Source, bytes], Content]] = {
    "report.sarif": _sarif_again,
    "report.modelcard.md": _model_card_again,
}
"""Files that hold something that no record does: a line of the user's plan, the id of data on the Hub.
Drawn again they take that, and only that, from the file itself."""

FORMATS: dict[str, Mapping[str, Drawer]] = {
    "html": {"report.html": _html},
    "md": {"report.md": _markdown},
    "json": {"report.json": _json},
    "junit": {"report.junit.xml": _junit},
    "sarif": {"report.sarif": _sarif},
    "csv": {"items.csv": _items, "metrics.csv": _metrics},
    "modelcard": {"report.modelcard.md": _model_card},
    "pdf": {"report.pdf": _pdf},
}
"""The formats of this package. Each name of a file is one that `folder.is_drawn` knows."""

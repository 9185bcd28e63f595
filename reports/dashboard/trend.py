"""Robust accuracy by attack across the runs of one plan: what may be joined, the drawing, the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports import chart, drawing
from reports import wording as w
from reports.dashboard.index import Entry, Rate
from reports.view import Cell, Chart, ChartRow, Column, Table
from reports.visible import visible

MOST_RUNS = 40
"""Runs that are drawn, the newest; the table has all of them."""
MOST_PANELS = 12
TITLE = "Robust accuracy by attack across runs, with 95% intervals"


@dataclass(frozen=True, slots=True)
class Point:
    """One attack in one run. `joined`: it is like the point before, so that a line may join them."""

    run: Entry
    rate: Rate
    joined: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One attack across runs, in order of time."""

    title: str
    points: tuple[Point, ...]


def lines(runs: Sequence[Entry]) -> list[Line]:
    """A line an attack, those with most points first.

    Two points are joined where they are alike: the same texts, as many of them, the same parameters.
    Where that is not known they are not.
    """
    found: dict[str, list[Point]] = {}
    for run in sorted(runs, key=lambda run: (run.created, run.folder)):
        for rate in run.attacks:
            if rate.found.value is None:
                continue
            points = found.setdefault(rate.title, [])
            before = points[-1].rate.alike if points else None
            points.append(Point(run, rate, rate.alike is not None and before == rate.alike))
    made = [Line(title, tuple(points)) for title, points in found.items()]
    return sorted(made, key=lambda line: -len(line.points))


def breaks(found: Sequence[Line]) -> list[str]:
    """What is not joined to what was before, and why, a sentence a run and reason."""
    at: dict[tuple[str, str], list[str]] = {}
    for line in found:
        for point in line.points[1:]:
            if not point.joined:
                why = (
                    "other texts, another number of them or other parameters"
                    if point.rate.alike is not None
                    else "the records do not say which texts were attacked"
                )
                at.setdefault((f"{_when(point.run)} ({point.run.folder})", why), []).append(
                    line.title
                )
    return [
        f"At {when} not joined to what was before: {', '.join(titles)}. The reason: {why}."
        for (when, why), titles in at.items()
    ]


def table(found: Sequence[Line]) -> Table:
    """Every point that is drawn, and those that are not."""
    rows = [
        (
            Cell(line.title),
            Cell(_when(point.run), sub=point.run.folder),
            Cell(point.run.model),
            Cell(w.percent(point.rate.found.value), sub=_detail(point.rate)),
            Cell("yes" if point.joined else "no" if number else w.NONE),
        )
        for line in found
        for number, point in enumerate(line.points)
    ]
    columns = (
        Column("Attack"),
        Column("Run"),
        Column("Model"),
        Column("Robust accuracy", True),
        Column("Like the one before"),
    )
    return Table(TITLE, columns, tuple(rows))


def draw(found: Sequence[Line], *, narrow: bool = False) -> str:
    """The lines as one `<svg>`, a panel an attack, in the page's colours."""
    shown = found[:MOST_PANELS]
    runs = sorted(
        {p.run.id: p.run for line in shown for p in line.points}.values(),
        key=lambda run: (run.created, run.folder),
    )[-MOST_RUNS:]
    place = {run.id: number for number, run in enumerate(runs)}
    columns = 1 if narrow else 2
    lanes = -(-len(shown) // columns)
    height = 1.9 * lanes + 0.2

    def paint(figure: Any) -> None:
        panels = figure.subplots(lanes, columns, squeeze=False)
        figure.subplots_adjust(
            left=0.12 if narrow else 0.05,
            right=0.97 if narrow else 0.99,
            top=1 - 0.35 / height,
            bottom=0.32 / height,
            hspace=0.62,
            wspace=0.14,
        )
        flat = [axes for lane in panels for axes in lane]
        for axes, line in zip(flat, shown, strict=False):
            _panel(axes, line, place, runs, narrow)
        for axes in flat[len(shown) :]:
            axes.set_axis_off()

    return drawing.element(
        (3.6 if narrow else 10.0, height),
        paint,
        title=TITLE,
        description=chart.describe(_spoken(shown, place)),
        prefix="trend-n" if narrow else "trend-w",
    )


def _spoken(found: Sequence[Line], place: dict[str, int]) -> Chart:
    """The same points as rows, from which the description for those who hear it is made."""
    rows = tuple(
        ChartRow(f"{line.title}, {_when(point.run)}", "", (point.rate.found,))
        for line in found
        for point in line.points
        if point.run.id in place
    )
    return Chart(TITLE, ("robust accuracy",), rows)


def _panel(
    axes: Any, line: Line, place: dict[str, int], runs: Sequence[Entry], narrow: bool
) -> None:
    axes.set_title(
        visible(line.title, 44),
        loc="left",
        fontsize=9.5 if narrow else 10,
        color=drawing.INK,
        pad=5,
    )
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(-0.5, len(runs) - 0.5)
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    most = 3 if narrow else 5
    step = max(1, -(-len(runs) // most))
    ticks = range(0, len(runs), step)
    axes.set_xticks(
        list(ticks), [visible(runs[n].created[5:16].replace("T", " "), 20) for n in ticks]
    )
    axes.tick_params(length=0, labelsize=8, labelcolor=drawing.MUTED, pad=3)
    axes.patch.set_alpha(0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for tick in (0, 0.5, 1):
        axes.axhline(tick, color=drawing.LINE, linewidth=0.8, zorder=0)
    colour = drawing.SERIES[1]
    before: tuple[float, float] | None = None
    for point in line.points:
        x, found = place.get(point.run.id), point.rate.found
        if x is None or found.value is None:
            before = None
            continue
        if found.low is not None and found.high is not None:
            axes.plot([x, x], [found.low, found.high], color=colour, linewidth=2, zorder=2)
        if point.joined and before is not None:
            axes.plot(
                [before[0], x], [before[1], found.value], color=colour, linewidth=1.4, zorder=1
            )
        axes.plot(
            [x],
            [found.value],
            marker="o",
            markersize=6,
            markerfacecolor=colour,
            markeredgecolor=colour,
            linestyle="none",
            clip_on=False,
            zorder=3,
        )
        before = (x, found.value)


def _when(run: Entry) -> str:
    return run.created[:16].replace("T", " ") or run.folder


def _detail(rate: Rate) -> str:
    interval = w.share_interval(rate.found)
    return f"{interval}\n{w.fraction(rate.found)}" if interval else w.fraction(rate.found)

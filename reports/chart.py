"""Rates with intervals as one inline SVG, drawn twice: for wide and for narrow screens.

Text must not shrink with the screen, so the narrow drawing is another one and not a smaller one.
"""

from __future__ import annotations

from typing import Any

from reports import drawing
from reports import wording as w
from reports.drawing import CARD, INK, LINE, MUTED, SERIES
from reports.statistics import Estimate
from reports.view import Chart
from reports.visible import visible


def draw(chart: Chart, *, narrow: bool = False) -> str:
    """The chart as an `<svg>` element, with its description for those who hear it."""
    width, step = (3.6, 0.52) if narrow else (10.0, 0.36)
    places, headings = _layout(chart)
    height = step * (max(places) + 1.2) + 0.45

    def paint(figure: Any) -> None:
        left, right = (0.03, 0.95) if narrow else (0.27, 0.83)
        axes = figure.add_axes((left, 0.4 / height, right - left, 1 - 0.45 / height))
        _frame(axes, max(places), narrow)
        for place, heading in headings:
            _heading(axes, place, heading, narrow)
        for place, row in zip(places, chart.rows, strict=True):
            _row(axes, place, row.label, row.points, narrow)

    return drawing.element(
        (width, height),
        paint,
        title=chart.title,
        description=describe(chart),
        prefix="n" if narrow else "w",
    )


def describe(chart: Chart) -> str:
    """What the chart shows, in one sentence a row."""
    parts = []
    for row in chart.rows:
        values = [
            f"{name} {w.percent(found.value if found else None)}"
            for name, found in zip(chart.series, row.points, strict=True)
        ]
        group = f" ({row.group})" if row.group else ""
        parts.append(f"{visible(row.label, 80)}{group}: {', '.join(values)}.")
    return " ".join(parts)


def _layout(chart: Chart) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each row stands, from the top, and the headings between the groups."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    place, group = 0.0, ""
    for number, row in enumerate(chart.rows):
        if row.group != group:
            place += 0.3 if number else 0.0
            headings.append((place, row.group))
            group = row.group
            place += 0.85
        places.append(place)
        place += 1.0
    return places, headings


def _frame(axes: Any, last: float, narrow: bool) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(last + 0.6, -0.7)
    axes.set_yticks([])
    ticks = [0, 0.5, 1] if narrow else [0, 0.2, 0.4, 0.6, 0.8, 1]
    axes.set_xticks(ticks, [f"{tick * 100:.0f}%" for tick in ticks])
    axes.tick_params(axis="x", length=0, labelsize=9, labelcolor=MUTED, pad=4)
    axes.patch.set_alpha(0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for tick in ticks:
        axes.axvline(tick, color=LINE, linewidth=0.8, zorder=0)


def _heading(axes: Any, place: float, text: str, narrow: bool) -> None:
    side = ("left", 0) if narrow else ("right", -12)
    _text(axes, (0, place), text[:1].upper() + text[1:], *side, colour=MUTED, size=9)


def _row(
    axes: Any, place: float, label: str, points: tuple[Estimate | None, ...], narrow: bool
) -> None:
    drawn = [(n, p) for n, p in enumerate(points) if p is not None and p.value is not None]
    single = len(points) == 1
    for number, found in drawn:
        colour = SERIES[1 if single else number]
        # The two series are told apart by shape as well as by colour: hollow is before, full is after.
        offset = 0.0 if single else (-0.13 if number == 0 else 0.13)
        if found.low is not None and found.high is not None:
            axes.plot(
                [found.low, found.high],
                [place + offset] * 2,
                color=colour,
                linewidth=2.2,
                solid_capstyle="round",
                clip_on=False,
                zorder=2,
            )
        axes.plot(
            [found.value],
            [place + offset],
            marker="o" if single or number else "D",
            markersize=7.5 if single or number else 6,
            markerfacecolor=colour if single or number else CARD,
            markeredgecolor=colour,
            markeredgewidth=1.8,
            linestyle="none",
            clip_on=False,
            zorder=3,
        )
    values = " → ".join(w.percent(p.value if p else None) for p in points)
    if narrow:
        _text(axes, (0, place - 0.42), visible(label, 34), "left", 0, size=9.5)
        _text(axes, (1, place - 0.42), values, "right", 0, size=9.5)
    else:
        _text(axes, (0, place), visible(label, 34), "right", -12)
        _text(axes, (1, place), values, "left", 12)


def _text(
    axes: Any,
    at: tuple[float, float],
    text: str,
    align: str,
    shift: int,
    *,
    colour: str = INK,
    size: float = 10,
) -> None:
    """Text beside the axes: `at` is (share of the width, row)."""
    axes.annotate(
        text,
        at,
        xycoords=("axes fraction", "data"),
        xytext=(shift, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        fontsize=size,
        color=colour,
    )

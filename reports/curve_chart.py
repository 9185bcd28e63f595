"""What an attack costs to succeed: robust accuracy by queries as small charts side by side, with bands.

One panel an attack, on the same axes, so that they compare at a glance; the band is the 95% interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reports import drawing
from reports import wording as w
from reports.drawing import INK, LINE, MUTED, SERIES
from reports.statistics import Estimate
from reports.view import Curves, Line, Panel
from reports.visible import visible

TITLE = "Robust accuracy by the queries that an attacker may spend on a text, with 95% intervals"
MOST_PANELS = 12


def curves(
    entries: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] = ()
) -> Curves | None:
    """The curves of attacks on the model as trained, beside those on the earlier one; None without any.

    The attacks that leave the least come first; what is over `MOST_PANELS` is in the table alone.
    """
    after, earlier = _lines(entries), _lines(before)
    if not after:
        return None
    names = sorted(after, key=lambda name: after[name][-1][1].value or 0.0)[:MOST_PANELS]
    compared = any(name in earlier for name in names)
    panels = tuple(
        Panel(name, (earlier.get(name, ()), after[name]) if compared else (after[name],))
        for name in names
    )
    return Curves(TITLE, ("before", "after") if compared else ("as trained",), panels)


def _lines(entries: Sequence[Mapping[str, Any]]) -> dict[str, Line]:
    found = {}
    for entry in entries:
        points = tuple(
            (int(point["queries"]), Estimate.from_dict(point["robust_accuracy"]))
            for point in entry.get("curve", [])
            if point["robust_accuracy"]["value"] is not None
        )
        if points and not entry["calibrated"]:
            found[str(entry["name"])] = points
    return found


def describe(chart: Curves) -> str:
    """What the curves show, in one sentence a line: where each begins, and where it ends."""
    parts = []
    for panel in chart.panels:
        for name, line in zip(chart.series, panel.lines, strict=True):
            if line:
                (first, begins), (last, ends) = line[0], line[-1]
                of = f" ({name})" if len(chart.series) > 1 else ""
                parts.append(
                    f"{visible(panel.label, 80)}{of}: {w.percent(begins.value)} at {first:,} "
                    f"{'query' if first == 1 else 'queries'}, {w.percent(ends.value)} at {last:,}."
                )
    return " ".join(parts)


def draw(chart: Curves, *, narrow: bool = False) -> str:
    """The panels as one `<svg>` element, with its description for those who hear it."""
    across = 1 if narrow else min(3, len(chart.panels))
    down = math.ceil(len(chart.panels) / across)
    width = 3.6 if narrow else 10.0
    tall = 1.75 if narrow else 2.1
    last = max(line[-1][0] for panel in chart.panels for line in panel.lines if line)

    def paint(figure: Any) -> None:
        left, right, gap, top, foot = 0.5, 0.28, 0.46, 0.36, 0.34
        wide = (width - left - right - gap * (across - 1)) / across
        for number, panel in enumerate(chart.panels):
            row, column = divmod(number, across)
            axes = figure.add_axes(
                (
                    (left + column * (wide + gap)) / width,
                    1 - ((row + 1) * tall - foot) / (tall * down),
                    wide / width,
                    (tall - top - foot) / (tall * down),
                )
            )
            _frame(axes, last, labelled=column == 0)
            _panel(axes, panel)

    return drawing.element(
        (width, tall * down),
        paint,
        title=chart.title,
        description=describe(chart),
        prefix="cn" if narrow else "cw",
    )


def _frame(axes: Any, last: int, *, labelled: bool) -> None:
    axes.set_xscale("log")
    axes.set_xlim(1, max(last, 10))
    axes.set_ylim(0, 1.0)
    axes.patch.set_alpha(0)
    axes.minorticks_off()
    powers = [10**power for power in range(math.floor(math.log10(last)) + 1)]
    axes.set_xticks(powers, [f"{power:,}" for power in powers])
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"] if labelled else ["", "", ""])
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for tick in (0, 0.5, 1):
        axes.axhline(tick, color=LINE, linewidth=0.8, zorder=0, clip_on=False)


def _panel(axes: Any, panel: Panel) -> None:
    axes.annotate(
        visible(panel.label, 28),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 7),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=10,
        color=INK,
    )
    single = len(panel.lines) == 1
    for number, line in enumerate(panel.lines):
        if not line:
            continue
        colour = SERIES[1 if single else number]
        queries = [at for at, _ in line]
        low = [found.value if found.low is None else found.low for _, found in line]
        high = [found.value if found.high is None else found.high for _, found in line]
        axes.fill_between(queries, low, high, step="post", color=colour, alpha=0.16, linewidth=0)
        # Before is dashed and after is full: told apart by more than their colour.
        axes.plot(
            queries,
            [found.value for _, found in line],
            drawstyle="steps-post",
            color=colour,
            linewidth=1.9,
            linestyle="-" if single or number else (0, (4, 2)),
            zorder=2 + number,
        )

"""report.html: one file, no script, nothing fetched, nothing trusted.

Every value passes two gates. `finalize` makes what is hidden visible in each string that the template
puts out, and autoescape makes it harmless; the only markup let through is the SVG drawn here and the
style sheet of this package. The page's policy then forbids what neither gate should ever let by: it
allows the one style sheet by its hash, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from reports import chart, clauses, curve_chart, tables
from reports.view import Chart, Curves, Report
from reports.visible import visible


def render(report: Report) -> str:
    """The page."""
    css = _style()
    template = environment().get_template("report.html.j2")
    page: str = template.render(
        report=report,
        css=_markup(css),
        csp=_policy(css),
        charts=_charts(report.chart),
        numbers=tables.chart(report.chart) if report.chart else None,
        relevant=clauses.sentence("verdict"),
    )
    # A lone surrogate cannot be written as UTF-8; `visible` has named each, this is for the rest.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def environment() -> Any:
    """Where templates come from: what they put out is made visible first, and then escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals["bar_segments"] = bar_segments
    environment.globals["drawn"] = drawn
    return environment


def bar_segments(parts: tuple[tuple[str, int], ...]) -> list[tuple[str, float, float]]:
    """The strip of an outcome bar: (status, start, width) in percent, the empty ones left out."""
    total = sum(count for _, count in parts) or 1
    found, start = [], 0.0
    for status, count in parts:
        width = 100 * count / total
        if count:
            found.append((status, round(start, 3), round(width, 3)))
        start += width
    return found


def drawn(found: Curves) -> tuple[Any, ...]:
    """The curves for wide and for narrow screens."""
    return tuple(_markup(curve_chart.draw(found, narrow=narrow)) for narrow in (False, True))


def _shown(value: Any) -> Any:
    from markupsafe import Markup

    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


def _charts(found: Chart | None) -> tuple[Any, ...]:
    if found is None:
        return ()
    return tuple(_markup(chart.draw(found, narrow=narrow)) for narrow in (False, True))


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - only ever this package's own style sheet and drawing


def _style() -> str:
    from importlib.resources import files

    return (files("reports") / "templates" / "report.css").read_text(encoding="utf-8")


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )

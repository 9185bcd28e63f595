"""Drawings of matplotlib as inline SVG that takes its colours and its fonts from the page.

matplotlib draws in marker colours, which are then replaced by the page's CSS variables, so that the same
drawing serves light, dark and paper. Style attributes become presentation attributes: the page's policy
allows no inline style.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from reports.visible import visible

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"

# Colours that mean nothing but themselves: each stands for one variable of the page.
INK, MUTED, LINE, CARD = "#010203", "#010204", "#010205", "#010206"
SERIES = ("#010207", "#010208")
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    CARD: "var(--card)",
    SERIES[0]: "var(--series-0)",
    SERIES[1]: "var(--series-1)",
}

_DROPPED = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}


def element(
    size: tuple[float, float],
    paint: Callable[[Any], None],
    *,
    title: str,
    description: str,
    prefix: str,
) -> str:
    """An `<svg>` element with its title and description for those who hear it.

    Args:
        size: width and height in inches.
        paint: is handed the empty figure.
        prefix: of every id in it: several drawings stand on one page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"withstand-{prefix}",
        "text.parse_math": False,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=size)
        figure.patch.set_alpha(0)
        paint(figure)
        buffer = io.StringIO()
        with warnings.catch_warnings():
            # The reader's fonts draw the text; that the measuring font lacks a letter is no matter.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _for_the_page(buffer.getvalue(), title, description, prefix)


def _for_the_page(source: str, title: str, description: str, prefix: str) -> str:
    """matplotlib's file as an element that fits the page's policy and colours."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(source)  # noqa: S314 - matplotlib wrote it a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _DROPPED:
                parent.remove(child)
    for each in root.iter():
        _plain_attributes(each, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    title_id, description_id = f"{prefix}-chart-title", f"{prefix}-chart-description"
    root.set("role", "img")
    root.set("class", "chart")
    root.set("aria-labelledby", f"{title_id} {description_id}")
    named = ET.Element(f"{{{SVG}}}title", {"id": title_id})
    named.text = visible(title)
    described = ET.Element(f"{{{SVG}}}desc", {"id": description_id})
    described.text = visible(description, None)
    root.insert(0, named)
    root.insert(1, described)
    return ET.tostring(root, encoding="unicode")


def _plain_attributes(element: ET.Element, prefix: str) -> None:
    style = element.attrib.pop("style", "")
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            if size:
                element.set("font-size", size.group(1))
        elif name not in ("font-family", "transform-origin"):
            element.set(name, value)
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set("id", f"{prefix}-{value}")
        elif name == HREF:
            del element.attrib[HREF]
            element.set("href", f"#{prefix}-{value.removeprefix('#')}")
        elif value.startswith("url(#"):
            element.set(name, f"url(#{prefix}-{value[5:]}")
        else:
            element.set(name, _VARIABLES.get(value.lower(), value))

"""Our entry in the front matter of a README, put there and taken out without touching the rest.

Hubs read the YAML between two lines `---` at the head of a card; evaluation results stand in its list
`model-index`. Our entry stands between two comments, as the first item of that list; where a card has no
list, or no front matter, that is made too. Everything else stays byte for byte: comments, order, quotes,
line ends. YAML can be written in many ways, so nothing is believed: the text before and the text after
are parsed, never constructed, and unless they say the same of all but our entry, nothing is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.errors import ReportError

BEGIN = "# withstand: begin. Drawn from an audit, and drawn again; what is changed here is lost."
END = "# withstand: end"
KEY = "model-index"

_OPENING = re.compile(r"\s*---(\r\n|\r|\n)")
_CLOSING = re.compile(r"(?:(?<=\n)|(?<=\r))---[ \t]*(?=\r|\n|\Z)")
_OURS = re.compile(
    r"(?:(?<=\n)|(?<=\r)|\A)([ ]*)# withstand: begin[^\r\n]*(?:\r\n|\r|\n)"
    r"(?:[^\r\n]*(?:\r\n|\r|\n))*?"
    r"\1# withstand: end[ \t]*(?:\r\n|\r|\n|\Z)"
)


@dataclass(frozen=True, slots=True)
class _Card:
    """A card in parts: what stands before the YAML, the YAML, what stands behind it."""

    head: str
    yaml: str
    tail: str
    newline: str


def patched(text: str, lines: Sequence[str], name: str = "README.md") -> str:
    """The card with our entry as it is now.

    Args:
        text: the card; it may be empty.
        lines: the entry as the lines of one item of a YAML list: the first begins with "- ".
        name: what errors call the card.

    Raises ReportError where the front matter is no YAML mapping, or is written in a way in which nothing
    can be put between its lines.
    """
    card = _taken_apart(text)
    without, _ = _without(card.yaml)
    added = _with(without, lines, card.newline, name)
    if _others(card.yaml, name) != _others(added, name):
        raise _refused(name, "a withstand block in it holds other things than ours")
    return card.head + added + card.tail


def _taken_apart(text: str) -> _Card:
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    opening = _OPENING.match(text, len(mark))
    closing = _CLOSING.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        newline = next(iter(re.findall(r"\r\n|\r|\n", text)), "\n")
        rest = text[len(mark) :]
        return _Card(f"{mark}---{newline}", "", f"---{newline}{rest}", newline)
    yaml = text[opening.end() : closing.start()]
    return _Card(text[: opening.end()], yaml, text[closing.start() :], opening[1])


def _without(yaml: str) -> tuple[str, tuple[int, int] | None]:
    """The YAML without our lines, and where they stood."""
    found = _OURS.search(yaml)
    if found is None:
        return yaml, None
    return yaml[: found.start()] + yaml[found.end() :], found.span()


def _with(yaml: str, lines: Sequence[str], newline: str, name: str) -> str:
    """The YAML with our entry: in the list where there is one, else with a list of its own."""
    root = _parsed(yaml, name)
    pairs = [] if root is None else root.value
    known = [value for key, value in pairs if key.value == KEY]
    if not known:
        indent = " " * (0 if root is None else root.start_mark.column)
        return _block([f"{KEY}:", *lines], indent, newline) + yaml
    listed = known[0]
    start = listed.start_mark.index
    line = max(yaml.rfind("\n", 0, start), yaml.rfind("\r", 0, start)) + 1
    block = listed.id == "sequence" and not listed.flow_style and yaml[start : start + 1] == "-"
    if len(known) > 1 or not block or yaml[line:start].strip(" "):
        raise _refused(name, f"its {KEY} is no list with an item a line")
    return yaml[:line] + _block(lines, yaml[line:start], newline) + yaml[line:]


def _block(lines: Iterable[str], indent: str, newline: str) -> str:
    return "".join(f"{indent}{line}{newline}" for line in (BEGIN, *lines, END))


def _others(yaml: str, name: str) -> Any:
    """What the YAML says of all but our entry: tags and values, by which two texts can be compared."""
    root = _parsed(yaml, name)
    if root is None:
        return ()
    _, span = _without(yaml)
    found: list[Any] = []
    for key, value in root.value:
        if _within(key, span):
            continue
        if key.value == KEY and value.id == "sequence":
            items = [item for item in value.value if not _within(item, span)]
            found.append((KEY, value.tag, tuple(_tree(item, ()) for item in items)))
        else:
            found.append((_tree(key, ()), _tree(value, ())))
    return tuple(found)


def _within(node: Any, span: tuple[int, int] | None) -> bool:
    return span is not None and span[0] <= node.start_mark.index < span[1]


def _tree(node: Any, above: tuple[int, ...]) -> Any:
    """A node as plain values; one that holds itself is named by how far up it stands."""
    if id(node) in above:
        return ("above", above[::-1].index(id(node)))
    inside = (*above, id(node))
    if node.id == "scalar":
        return (node.tag, node.value)
    if node.id == "sequence":
        return (node.tag, tuple(_tree(item, inside) for item in node.value))
    pairs = ((_tree(key, inside), _tree(value, inside)) for key, value in node.value)
    return (node.tag, tuple(pairs))


def _parsed(yaml: str, name: str) -> Any:
    """The root mapping, unconstructed; None where there is nothing but comments."""
    from yaml import SafeLoader, YAMLError, compose

    try:
        root = compose(yaml, SafeLoader)
    except (YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise ReportError(
            f"{name}: what stands between the two lines `---` at its head is not YAML: {why}. Mend it, "
            "or take the lines out."
        ) from None
    if root is None:
        return None
    if root.id != "mapping" or root.flow_style:
        raise _refused(name, "it is no mapping with a key a line")
    return root


def _refused(name: str, why: str) -> ReportError:
    return ReportError(
        f"{name}: nothing can be put into its front matter, because {why}. Write it with a key a line "
        "(`key: value`), and lists with an item a line (`- item`)."
    )


def yaml_text(value: Mapping[str, Any]) -> str:
    """A mapping in one line that YAML and JSON read alike; texts must hold nothing hidden."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)

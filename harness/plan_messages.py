"""What a plan's key may hold, in words, where pydantic says it in its own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_WORDS = {
    "date_parsing": "must be a date, as 2026-12-31",
    "date_from_datetime_parsing": "must be a date, as 2026-12-31",
    "date_from_datetime_inexact": "must be a date without a time, as 2026-12-31",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number, and not nan or inf",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list in square brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} of them",
    "too_long": "must have at most {max_length} of them",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must begin with a letter or digit, and hold no others than these",
}
"""By pydantic's type of error; in braces what it knows of the bound."""


def told(problem: Mapping[str, Any]) -> str:
    """One of pydantic's errors as a clause about the key, with the nearest of several allowed words."""
    words = _WORDS.get(problem["type"])
    if words is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    context = problem.get("ctx", {})
    given = problem["input"]
    choices = re.findall(r"'([^']+)'", str(context.get("expected", "")))
    near = get_close_matches(given, choices, n=1) if isinstance(given, str) else []
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return words.format(**context) + hint


def line_of(path: Path, error: Exception) -> str:
    """The line that a TOML parser stopped at, as it stands in the file; nothing where it names none."""
    found = re.search(r"at line (\d+)", str(error))
    lines = path.read_text(encoding="utf-8").splitlines()
    number = int(found[1]) if found else 0
    return f" That line is: {lines[number - 1].strip()}" if 0 < number <= len(lines) else ""


def head(model: type[BaseModel]) -> str:
    """What a section's docstring says before its list of attributes, in one line."""
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\nAttributes:")[0].split())


def meanings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """A section's keys and what its docstring says of each; several keys may share an entry."""
    _, _, listed = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes:\n")
    for entry in re.split(r"\n(?=    \w)", "\n" + listed):
        names, colon, text = entry.partition(":")
        if colon:
            for name in names.split(","):
                yield name.strip(), " ".join(text.split())

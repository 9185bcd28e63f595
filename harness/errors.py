"""Errors of the fine-tuning side that a user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from reports.errors import ReportError


class HarnessError(ReportError):
    """Data, a model or a bundle cannot be used as given. Exit code 2."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?", with a space before it, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def in_words(names: Iterable[str], limit: int = 12) -> str:
    """Names in quotes with commas between them; of a long list the first `limit` and how many more."""
    listed = [f"'{name}'" for name in names]
    more = f" and {len(listed) - limit:,} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def reason_of(error: BaseException) -> str:
    """What a library's error says, as a line without its full stop; its name where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0].rstrip(".") if said else type(error).__name__


def row_numbers(rows: Sequence[int], limit: int = 5) -> str:
    """ "row 3" or "rows 3, 8 and 2 more": row numbers count from 1, a header line not included."""
    more = f" and {len(rows) - limit:,} more" if len(rows) > limit else ""
    return ("row " if len(rows) == 1 else "rows ") + ", ".join(map(str, rows[:limit])) + more

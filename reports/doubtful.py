"""What is said of successes that exchange an antonym or change a negation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import wording as w

NOTE = (
    "Doubtful: the success exchanges a word for one that excludes it (an antonym, another colour or "
    "country), or has a negation more or fewer than the original. That is a filter of words, not of "
    "meaning: some of these keep their label, and others that lost it are not among them; withstand "
    "sheet has people read a sample."
)


def detail(entry: Mapping[str, Any]) -> str:
    """What stands below the success rate of an attack: nothing where it has no such count."""
    found = entry.get("doubtful")
    if not found or not found["share"]["count"]:
        return ""
    share, rest = w.estimate(found["share"]), w.estimate(found["corrected_success_rate"])
    interval = w.share_interval(rest)
    return (
        f"{w.fraction(share)} doubtful by words (antonym, negation)\n"
        f"without them {w.percent(rest.value)}" + (f"\n{interval}" if interval else "")
    )


def notes(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The note below a table of attacks, where one of them has doubtful successes."""
    return (NOTE,) if any(detail(entry) for entry in entries) else ()


def sentence(entry: Mapping[str, Any]) -> str:
    """The same for a terminal, a line an attack; empty where it has no such count."""
    found = entry.get("doubtful")
    if not found:
        return ""
    share, rest = w.estimate(found["share"]), w.estimate(found["corrected_success_rate"])
    said = (
        f"{w.fraction(share)} successes exchange an antonym or change a negation (by words alone)"
    )
    if not share.count:
        return said
    return f"{said}: the success rate without them is {w.percent(rest.value)} ({w.share_interval(rest)})"

"""Results of earlier releases in the shape of this one.

A change that only adds a key needs nothing: whoever reads does without it. A key that readers came to
rely on is put in here, with the value that it had when nobody wrote it down. Numbers are never made up
and never changed. Each step looks at what is there and not at the number of a version, so that it may
run on results of any age; what cannot be read so raises `reports.results.VERSION`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Step = Callable[[dict[str, Any]], None]


def migrated(results: Mapping[str, Any]) -> dict[str, Any]:
    """The same results as this release reads them; what is no result of any release stays as it is."""
    found = dict(results)
    for side in _sides(found):
        for step in STEPS:
            step(side)
    return found


def _sides(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The results and those of both sides of a comparison, as copies."""
    yield results
    comparison = results.get("comparison")
    if isinstance(comparison, Mapping):
        results["comparison"] = comparison = dict(comparison)
        for name in ("before", "after"):
            if isinstance(comparison.get(name), Mapping):
                comparison[name] = dict(comparison[name])
                yield comparison[name]


def _checks_say_whether_they_errored(side: dict[str, Any]) -> None:
    """Until checks could error without ending the audit, those on record had not."""
    checks = side.get("checks")
    if isinstance(checks, list):
        side["checks"] = [
            {"errored": False, **check} if isinstance(check, Mapping) else check for check in checks
        ]


STEPS: tuple[Step, ...] = (_checks_say_whether_they_errored,)

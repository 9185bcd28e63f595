"""The pages of the dashboard: what a request asks for, drawn from the index by the report's templates.

No page needs a script: filters are a form that is sent with GET, everything else is a link.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from reports import html, render
from reports import wording as w
from reports.dashboard import pairs, trend
from reports.dashboard.index import Entry, Index, alike, main_side
from reports.errors import ReportError
from reports.folder import RunFolder

LISTED = 100
"""Runs on one page of the list."""

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent: its status, its text, and what its policy allows."""

    status: int
    body: str
    policy: str


def runs(index: Index, query: Query) -> Page:
    """The list of runs, filtered and sorted as the query says."""
    every = index.entries()
    chosen = _sorted([entry for entry in every if _matches(entry, query)], query.get("sort", ""))
    pages = max(1, -(-len(chosen) // LISTED))
    number = _number(query.get("page"), pages)
    return _page(
        "runs.html.j2",
        title="Runs",
        entries=chosen[(number - 1) * LISTED : number * LISTED],
        found=len(chosen),
        total=len(every),
        broken=sum(bool(entry.problem) for entry in every),
        choices=_choices(every),
        query=query,
        number=number,
        pages=pages,
    )


def trends(index: Index, query: Query) -> Page:
    """Robust accuracy across the runs of one plan."""
    rated = [entry for entry in index.entries() if entry.attacks]
    plans = Counter(entry.name for entry in rated)
    # Without a choice the plan of most runs, and among equals the newest.
    name = query.get("plan") or next((name for name, _ in plans.most_common(1)), "")
    attack = query.get("attack", "")
    found = trend.lines([entry for entry in rated if entry.name == name])
    titles = [line.title for line in found]
    lines = [line for line in found if attack in ("", line.title)]
    return _page(
        "trend.html.j2",
        title="Trend",
        plans=sorted(plans),
        plan=name,
        attack=attack,
        titles=titles,
        charts=[html_markup(trend.draw(lines, narrow=n)) for n in (False, True)] if lines else [],
        breaks=trend.breaks(lines),
        table=trend.table(lines) if lines else None,
        left_out=max(0, len(lines) - trend.MOST_PANELS),
        most=trend.MOST_RUNS,
        query=query,
    )


def run(index: Index, key: str) -> Page:
    """One run: its report, drawn from its records; of one that has none, why."""
    entry = _known(index, key)
    if entry.problem or not entry.finished:
        said = entry.problem or "The run is not finished, so it has no report yet."
        return problem(200, entry.name or entry.folder, said)
    body = html.render(render.view(RunFolder.open(entry.path)))
    styles = re.findall(r"<style>(.*?)</style>", body, re.DOTALL)
    return Page(200, body, _policy(styles, form="'none'"))


def pair(index: Index, query: Query) -> Page:
    """The same examples under the same attack in two runs."""
    every = [entry for entry in index.entries() if entry.finished and entry.attacks]
    by_id = {entry.id: entry for entry in every}
    a, b = by_id.get(query.get("a", "")), by_id.get(query.get("b", ""))
    found, checks, said = None, [], ""
    sort = query.get("show", "broken")
    sort = sort if sort in pairs.SHOWN else "broken"
    check = query.get("check", "")
    if a and b:
        try:
            right = set(pairs.checks_of(b))
            checks = [name for name in pairs.checks_of(a) if name in right]
            check = check if check in checks else next(iter(checks), "")
            if checks:
                found = pairs.page(a, b, check, sort, _number(query.get("page"), 10**6))
            else:
                said = "The two runs have no attack in common."
        except ReportError as error:
            said = str(error)
    return _page(
        "pair.html.j2",
        title="Side by side",
        entries=every,
        a=a,
        b=b,
        check=check,
        checks=checks,
        sort=sort,
        sorts=pairs.SHOWN,
        found=found,
        said=said,
        unlike=_unlike(a, b, check) if found and a and b else "",
        query={**query, "check": check, "show": sort},
    )


def problem(status: int, title: str, said: str) -> Page:
    """A page that says what is wrong."""
    return _page("problem.html.j2", status=status, title=title, said=said, query={})


def html_markup(text: str) -> Any:
    """Markup that this package drew itself."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - only ever our own style sheet and drawing


def _page(template: str, *, title: str, query: Query, status: int = 200, **values: Any) -> Page:
    css = _style()
    body: str = (
        html.environment()
        .get_template(f"dashboard/{template}")
        .render(
            title=title,
            css=html_markup(css),
            query=query,
            link=_linker(query),
            kinds=w.KINDS,
            w=w,
            **values,
        )
    )
    return Page(status, body.encode("utf-8", "backslashreplace").decode(), _policy([css]))


def _policy(styles: Sequence[str], form: str = "'self'") -> str:
    digests = (base64.b64encode(hashlib.sha256(css.encode()).digest()).decode() for css in styles)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; style-src {allowed}; img-src data:; base-uri 'none'; "
        f"form-action {form}; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    """The report's own style sheet, and what the dashboard adds to it."""
    folder = files("reports") / "templates"
    names = ("report.css", "dashboard/dashboard.css")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _linker(query: Query) -> Callable[..., str]:
    """A link to the same page with some parts of the query set otherwise; empty parts are left out."""

    def link(**changed: Any) -> str:
        merged = {**query, **{name: str(value) for name, value in changed.items()}}
        return "?" + urlencode(
            {name: value for name, value in merged.items() if value}, errors="backslashreplace"
        )

    return link


def _known(index: Index, key: str) -> Entry:
    entry = index.get(key)
    if entry is None:
        raise ReportError("There is no such run in this folder any more.")
    return entry


def _number(text: str | None, most: int) -> int:
    known = text is not None and re.fullmatch(r"[0-9]{1,8}", text)
    return min(max(int(text or ""), 1), most) if known else 1


def _matches(entry: Entry, query: Query) -> bool:
    verdict = "unreadable" if entry.problem else entry.verdict or "none"
    attacks = {rate.name for rate in entry.attacks}
    exact = (
        ("kind", entry.kind),
        ("plan", entry.name),
        ("model", entry.model),
        ("verdict", verdict if entry.finished or entry.problem else "unfinished"),
    )
    if any(query.get(name, "") not in ("", value) for name, value in exact):
        return False
    if query.get("attack", "") not in ("", *attacks):
        return False
    words = query.get("q", "").casefold().split()
    text = " ".join((entry.folder, entry.name, entry.model, entry.problem, *attacks)).casefold()
    return all(word in text for word in words)


def _sorted(entries: list[Entry], by: str) -> list[Entry]:
    """By a column; a leading minus turns it around. What has no value comes last either way."""
    keys: dict[str, Callable[[Entry], Any]] = {
        "name": lambda entry: (entry.name or entry.folder).casefold(),
        "kind": lambda entry: entry.kind,
        "model": lambda entry: entry.model.casefold(),
        "verdict": lambda entry: entry.verdict,
        "clean": lambda entry: entry.clean.value if entry.clean else None,
        "robust": lambda entry: entry.worst.found.value if entry.worst else None,
        "time": lambda entry: entry.created,
    }
    key = keys.get(by.removeprefix("-"))
    if key is None:
        return entries
    known = [entry for entry in entries if key(entry) not in (None, "")]
    rest = [entry for entry in entries if key(entry) in (None, "")]
    return sorted(known, key=key, reverse=by.startswith("-")) + rest


def _choices(entries: Iterable[Entry]) -> dict[str, list[tuple[str, str]]]:
    """What each filter offers: (value, label)."""
    found = list(entries)

    def those(values: Iterable[str]) -> list[tuple[str, str]]:
        return [(value, value) for value in sorted({value for value in values if value})]

    return {
        "kind": [(kind, w.KINDS.get(kind, kind)) for kind, _ in those(e.kind for e in found)],
        "plan": those(e.name for e in found),
        "model": those(e.model for e in found),
        "attack": those(rate.name for e in found for rate in e.attacks),
        "verdict": [
            *w.VERDICTS.items(),
            ("none", "No verdict"),
            ("unfinished", "Not finished"),
            ("unreadable", "Unreadable"),
        ],
    }


def _unlike(a: Entry, b: Entry, check: str) -> str:
    """Why the two may not be comparable; empty where they are alike."""
    sides = []
    for entry in (a, b):
        side = main_side(RunFolder.open(entry.path).results())
        sides.append(
            next(
                (
                    alike(side, found)
                    for found in side["attacks"]
                    if check
                    == f"attack:{found['name']}@{found['split']}"
                    + ("/calibrated" if found["calibrated"] else "")
                ),
                None,
            )
        )
    if None in sides:
        return "The records do not say whether the two attacked the same texts with the same parameters."
    if sides[0] != sides[1]:
        return (
            "The two did not attack the same texts, or not with the same parameters: what differs is "
            "not the model alone."
        )
    return ""

"""The numbered parts of the page: which sections stand in which, with the facts and clauses around them.

A part that this run has nothing for is left out and keeps its number, so that the numbers mean the same
in every report. A section that no part names goes under robustness: nothing that was measured is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import clauses, residual, scope, threat
from reports.untested import not_tested
from reports.view import Example, Fact, Part, Section

TITLES = {
    "verdict": "Verdict",
    "identity": "Identity and scope",
    "threat": "Threat model",
    "plan": "The plan, and what was changed",
    "data": "Data",
    "clean": "Unaltered texts",
    "robustness": "Robustness",
    "gaps": "Overfitting",
    "validity": "Whether the evidence holds",
    "comparison": "Comparison",
    "examples": "Examples that broke",
    "residual": "What remains, and until when",
    "provenance": "Provenance",
    "signoff": "Sign-off",
    "clauses": "Clauses",
}
"""Titles by key, in the order of the page; a part's number is its place. The verdict is number 0."""

ANNEX = (
    "What this report may be evidence for, by clause. It is no legal advice, and says nothing of "
    "whether a requirement is met. An asterisk marks clauses whose own text nobody here has read: what "
    "is said of them is second-hand."
)

_SECTIONS = {
    "threat": ("attackers",),
    "plan": ("frozen",),
    "data": ("data",),
    "clean": ("clean",),
    "gaps": ("gaps",),
    "validity": ("checks",),
    "comparison": ("changes", "causes", "flips"),
    "provenance": ("time",),
    "signoff": ("waivers",),
}


def parts(
    results: Mapping[str, Any],
    main: Mapping[str, Any],
    manifest: Mapping[str, Any] | None,
    sections: Sequence[Section],
    examples: Sequence[Example],
    provenance: tuple[Fact, ...],
) -> tuple[Part, ...]:
    """The parts that this run has something for, in their order."""
    extra = (*threat.section(main), *residual.waivers(results))
    placed = _placed([*sections, *extra])
    facts = {
        "identity": scope.identity(results, main),
        "plan": scope.plan(results, main, manifest),
        "residual": residual.facts(results, main, manifest),
        "provenance": provenance,
        "signoff": scope.signed(results, main),
    }
    said = str(scope.stated(results, main).get("threat_model") or "")
    baseline = scope.majority(main)
    listed = {
        "threat": (("What was not tested, and why", not_tested(results, main)),),
        "clean": (("", (baseline,)),) if baseline and placed.get("clean") else (),
    }
    found = []
    for number, (key, title) in enumerate(TITLES.items()):
        part = Part(
            number,
            key,
            title,
            intro=said if key == "threat" else ANNEX if key == "clauses" else "",
            facts=facts.get(key, ()),
            sections=placed.get(key, ()),
            listed=tuple((head, lines) for head, lines in listed.get(key, ()) if lines),
            clauses=clauses.sentence(key),
        )
        if key != "verdict" and (_holds(part) or (key == "examples" and examples)):
            found.append(part)
    return tuple(found)


def of_section(key: str) -> str:
    """The part that a section stands in."""
    return next((part for part, keys in _SECTIONS.items() if key in keys), "robustness")


def _placed(sections: Sequence[Section]) -> dict[str, tuple[Section, ...]]:
    found: dict[str, tuple[Section, ...]] = {"clauses": (_annex(),)}
    for section in sections:
        part = of_section(section.key)
        found[part] = (*found.get(part, ()), section)
    return found


def _annex() -> Section:
    table = clauses.table()
    return Section("clause-map", "The map of clauses", "", table)


def _holds(part: Part) -> bool:
    return bool(part.facts or part.sections or part.listed)

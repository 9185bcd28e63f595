"""report.junit.xml: what CI shows as tests, one a gate and one a doubt about the evidence.

JUnit has no word for "cannot be told". A failure means that an assertion did not hold, an error that the
test could not be brought to an end, and every reader counts both as not passed: GitLab shows them
apart, Jenkins and Azure add them up. So a gate that failed is a failure, and what is inconclusive is an
error of the type "inconclusive". Skipped is the third that is no pass, and the one that breaks no build:
a waived gate is skipped, with who answers for it, why and until when, and so is a run that has no gates.

Failures and errors carry their sentence twice, as the attribute that lists show and in the text that
opens. Characters that XML 1.0 forbids, and those that nobody sees, are shown by their names.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from reports import judged
from reports.source import Source
from reports.visible import one_line

LONGEST = 1_000
"""Characters of a text; results.json has all of it."""


def render(source: Source) -> str:
    """The file."""
    results = source.results
    verdict, name = results["verdict"], _text(judged.title(results))
    suite = ET.Element("testsuite", {"name": name})
    _properties(suite, _facts(source))
    for gate in judged.gates(verdict):
        _gate(suite, name, gate)
    for number, problem in enumerate(judged.problems(verdict), start=1):
        case = _case(suite, name, f"evidence {number}")
        _outcome(case, "error", problem, problem)
    if not len(suite.findall("testcase")):
        case = _case(suite, name, "gates")
        _outcome(case, "skipped", "Measured, not judged: this run has no gates.")
    seconds = sum(float(stage["seconds"]) for stage in results["stages"])
    _counts(suite, seconds, str(results["run"]["created"]))
    root = ET.Element("testsuites", {"name": "withstand"})
    for key in ("tests", "failures", "errors", "skipped", "time"):
        root.set(key, suite.attrib[key])
    root.append(suite)
    ET.indent(root)
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return head + ET.tostring(root, encoding="unicode") + "\n"


def _gate(suite: ET.Element, plan: str, gate: judged.Gate) -> None:
    case = _case(suite, plan, gate.title)
    _properties(case, gate.facts)
    why = f"Why the gate is there: {gate.why}"
    if gate.word == "waived":
        said = (
            f"waived until {gate.waiver.get('until')} by {gate.waiver.get('owner')}: "
            f"{gate.waiver.get('reason')}"
        )
        _outcome(case, "skipped", f"{said}. {gate.says}")
    elif gate.word == "fail":
        _outcome(case, "failure", gate.says, gate.says, why)
    elif gate.word == "inconclusive":
        _outcome(case, "error", gate.says, gate.says, why)


def _case(suite: ET.Element, plan: str, name: str) -> ET.Element:
    # The gates are judged together, so no time belongs to one of them.
    return ET.SubElement(
        suite, "testcase", {"classname": plan, "name": _text(name), "time": "0.000"}
    )


def _outcome(case: ET.Element, kind: str, message: str, *lines: str) -> None:
    types = {"failure": "fail", "error": "inconclusive", "skipped": "withstand.skipped"}
    found = ET.SubElement(case, kind, {"type": types[kind], "message": _text(message)})
    if lines:
        found.text = "\n".join(map(_text, lines))


def _properties(parent: ET.Element, facts: Mapping[str, str]) -> None:
    if facts:
        properties = ET.SubElement(parent, "properties")
        for name, value in facts.items():
            ET.SubElement(properties, "property", {"name": _text(name), "value": _text(value)})


def _facts(source: Source) -> dict[str, str]:
    results, model = source.results, source.measured.get("model") or {}
    found: dict[str, Any] = {
        "withstand.run": results["run"]["id"],
        "withstand.verdict": judged.headline(results),
        "withstand.plan_digest": results["run"].get("plan_digest"),
        "withstand.model": model.get("fingerprint"),
        "withstand.release": source.release,
    }
    return {name: str(value) for name, value in found.items() if value}


def _counts(suite: ET.Element, seconds: float, created: str) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{seconds:.3f}")
    if len(created) >= 19:
        suite.set("timestamp", _text(created[:19]))  # UTC, which the format has no place for


def _text(value: str) -> str:
    return one_line(value, LONGEST)

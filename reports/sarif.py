"""report.sarif: SARIF 2.1.0, for code scanning and editors: findings at the line of the plan that asks.

A rule is a gate or a check, a result a gate that does not pass, a doubt about the evidence, or an alarm.
What is inconclusive is a result of the kind "fail" and the level "warning": SARIF has a kind "open" for
it, but gives that no level, and code scanning shows what has none as a note or not at all. A waived gate
is a result that is suppressed, with who waived it and why.

Results point at the plan (`plan_lines`). Rows of the data are named by the id of the example, as a
logical location: the records know a row by its id or by its content and never by a line, and a line that
was looked up in a file of today could be another row's. No path of the machine is in the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from reports import judged
from reports.folder import slug
from reports.plan_lines import PlanLines, plan_lines
from reports.source import Source, data_name
from reports.storage import to_json
from reports.visible import one_line

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
VERSION = "2.1.0"
LONGEST = 1_000
"""Characters of a message; results.json has all of it."""
EXAMPLES = 10
"""Ids of examples with a result."""

_LEVELS = {"fail": "error", "inconclusive": "warning", "waived": "error"}


def render(source: Source) -> str:
    """The file."""
    return _text_of(_log(source, plan_lines(source)))


def again(source: Source, there: bytes) -> str:
    """The file that is there, drawn again without a look at any plan: findings stand where they stood.

    Which line of a user's plan a gate is on, no record knows; all else must be as the records give it.
    """
    log = _log(source, PlanLines("", False, ()))
    try:
        results = json.loads(there)["runs"][0]["results"]
        stood = [result["locations"][0]["physicalLocation"] for result in results]
        places = [_place_again(place) for place in stood]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    for result, place in zip(log["runs"][0]["results"], places, strict=False):
        result["locations"][0]["physicalLocation"] = place
    return _text_of(log)


def _place_again(place: Any) -> dict[str, Any]:
    file, region = place["artifactLocation"], place["region"]
    uri, base = str(file["uri"]), file["uriBaseId"]
    if (
        base not in _BASES
        or PurePosixPath(uri).is_absolute()
        or ":" in uri
        or ".." in uri.split("/")
    ):
        raise ValueError("no place below a folder")
    return _place(uri, base, int(region["startLine"]), int(region["endLine"]))


def _text_of(log: dict[str, Any]) -> str:
    return to_json(log, indent=1) + "\n"


def _log(source: Source, plan: PlanLines) -> dict[str, Any]:
    results = source.results
    found = _Findings(plan, _examples(source))
    for gate in judged.gates(results["verdict"]):
        found.gate(gate)
    for problem in judged.problems(results["verdict"]):
        found.problem(problem)
    for check in judged.alarms(source.measured):
        found.alarm(check)
    run = {
        "tool": {
            "driver": {
                "name": "withstand",
                "fullName": "Withstand: a robustness test harness for transformer models",
                "version": _plain(source.release),
                "rules": list(found.rules.values()),
            }
        },
        "automationDetails": {
            "id": f"withstand/{slug(judged.title(results))}/{_plain(results['run']['id'])}"
        },
        "invocations": [_invocation(results)],
        # What the paths of findings are relative to is for the reader to say: no folder is named here.
        "originalUriBaseIds": {
            base: {"description": {"text": f"The {words}."}} for base, words in _BASES.items()
        },
        "columnKind": "unicodeCodePoints",
        "results": found.results,
        "properties": {"verdict": judged.headline(results), "kind": results["kind"]},
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


_BASES = {
    "%SRCROOT%": "folder that the command was run in",
    "%RUN%": "run folder that was reported on",
}


class _Findings:
    """Results as they come, and the rules that they are of."""

    def __init__(self, plan: PlanLines, examples: Mapping[str, list[dict[str, Any]]]) -> None:
        self.rules: dict[str, dict[str, Any]] = {}
        self.results: list[dict[str, Any]] = []
        self._plan = plan
        self._examples = examples

    def gate(self, gate: judged.Gate) -> None:
        """The rule of a gate, and a result where it does not pass."""
        rule = self._rule(f"gate/{gate.title}", f"{gate.name} {gate.bound}", gate.why, "error")
        if gate.word == "pass":
            return
        result = self._result(
            rule, _LEVELS[gate.word], f"{gate.says}. Why: {gate.why}", gate.name, gate.number
        )
        result["properties"] = {name: _plain(value) for name, value in gate.facts.items()}
        if gate.waiver:
            waiver = gate.waiver
            said = f"{waiver.get('owner')} until {waiver.get('until')}: {waiver.get('reason')}"
            result["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": _text(said)}
            ]

    def problem(self, said: str) -> None:
        """A doubt that is about no gate."""
        means = "The evidence is incomplete or doubtful, so a pass would be inconclusive."
        rule = self._rule("evidence", "The evidence can be believed", means, "warning")
        self._result(rule, "warning", said, re.sub(r"\d+", "#", said))

    def alarm(self, check: Mapping[str, Any]) -> None:
        """A check that raised an alarm, or that could not be made."""
        name = ".".join(filter(None, (str(check["name"]), check["attack"])))
        source = f"{check['title']}. After: {check['source']}"
        rule = self._rule(f"check/{check['name']}", str(check["title"]), source, "warning")
        about = f" ({check['attack']})" if check["attack"] else ""
        said = f"{check['title']}{about}: {check['means']}"
        if check["errored"]:
            said = f"{check['title']}{about}: the check errored; events.jsonl has the traceback"
        result = self._result(rule, "warning", said, f"check.{name}")
        named = [str(example) for example in check["examples"][:EXAMPLES]]
        _put_examples(result, [{"fullyQualifiedName": _plain(example)} for example in named])

    def _rule(self, name: str, title: str, means: str, level: str) -> str:
        rule = _plain(name)
        self.rules.setdefault(
            rule,
            {
                "id": rule,
                "shortDescription": {"text": _text(title)},
                "fullDescription": {"text": _text(means)},
                "defaultConfiguration": {"level": level},
            },
        )
        return rule

    def _result(
        self, rule: str, level: str, said: str, about: str, number: int = 1
    ) -> dict[str, Any]:
        """A new result about a gate, the `number`th of its name, or about something else."""
        result = {
            "ruleId": rule,
            "ruleIndex": list(self.rules).index(rule),
            "level": level,
            "kind": "fail",
            "message": {"text": _text(said)},
            "locations": [self._location(about, number)],
            # By what was asked and not by what was measured: the same finding of the next run.
            "partialFingerprints": {"withstand/v1": _digest(f"{rule}\n{about}")},
        }
        _put_examples(result, self._examples_of(about))
        self.results.append(result)
        return result

    def _location(self, about: str, number: int) -> dict[str, Any]:
        # Code scanning wants a line of every result; what is about the whole plan stands at its head.
        first, last = self._plan.of(about, number) or (1, 1)
        base = "%RUN%" if self._plan.own else "%SRCROOT%"
        return {"physicalLocation": _place(quote(self._plan.uri), base, first, last)}

    def _examples_of(self, about: str) -> list[dict[str, Any]]:
        attack = _attack_of(about)
        if attack == "union":
            return [place for places in self._examples.values() for place in places][:EXAMPLES]
        return self._examples.get(attack, [])


def _place(uri: str, base: str, first: int, last: int) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": uri, "uriBaseId": base},
        "region": {"startLine": first, "endLine": last},
    }


def _put_examples(result: dict[str, Any], found: list[dict[str, Any]]) -> None:
    if found and "logicalLocations" not in result["locations"][0]:
        result["locations"][0]["logicalLocations"] = found


def _examples(source: Source) -> dict[str, list[dict[str, Any]]]:
    """The worst examples by attack, as places in the data."""
    data = source.measured.get("data") or {}
    where = _plain(data_name(str(data.get("source") or "data")))
    found: dict[str, list[dict[str, Any]]] = {}
    for record in source.results["examples"] or source.measured.get("examples", []):
        place = {
            "name": _plain(str(record["example_id"])),
            "fullyQualifiedName": f"{where}/{_plain(record['split'])}/{_plain(record['example_id'])}",
        }
        known = found.setdefault(str(record["attack"]), [])
        if place not in known and len(known) < EXAMPLES:
            known.append(place)
    return found


def _attack_of(gate: str) -> str:
    """The attack that a gate on robustness names; nothing for any other."""
    parts = gate.split("@")[0].split(".")
    for place, part in enumerate(parts[:-1]):
        if part in ("robust_accuracy", "attack_success_rate"):
            return parts[place + 1]
    return ""


def _invocation(results: Mapping[str, Any]) -> dict[str, Any]:
    run, verdict = results["run"], results["verdict"]
    # Whether the tool came to its end, and not what it found.
    found: dict[str, Any] = {"executionSuccessful": True}
    if verdict is not None:
        found["exitCode"] = int(verdict["exit_code"])
    for key, time in (("startTimeUtc", run["created"]), ("endTimeUtc", run.get("finished"))):
        stamp = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?", str(time))
        if stamp:
            found[key] = f"{stamp[0]}Z"
    return found


def _text(value: str) -> str:
    """A message: one line, in which nothing is read as a link or as a place for an argument."""
    shown = one_line(value, LONGEST)
    return re.sub(r"\](?=\()", "] ", re.sub(r"\{(?=\d)", "{ ", shown)) or "(empty)"


def _plain(value: str) -> str:
    """A name, in which nothing is hidden."""
    return one_line(value, 200) or "(empty)"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()

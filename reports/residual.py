"""What is left when the numbers are read: what still breaks, what they rest on, when they go stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import wording as w
from reports.scope import UNSAID, stated
from reports.view import Cell, Column, Fact, Section, Table

ASSUMED = (
    "The texts that the model meets are like the test texts; where they are not, nothing here is about "
    "them.",
    "Attackers know, may change and may ask no more than the threat model says.",
    "A change that the constraints let through keeps the meaning, but for the share that is doubted.",
)


def facts(
    results: Mapping[str, Any], main: Mapping[str, Any], manifest: Mapping[str, Any] | None
) -> tuple[Fact, ...]:
    """What still breaks, what the result rests on, until when it holds and what ends it before."""
    found = [
        Fact("Still breaks", tuple(_breaks(main))),
        Fact("Weaknesses", tuple(_weaknesses(main))),
        Fact("Open gates", tuple(_open(results))),
        Fact("Rests on", ASSUMED if main["attacks"] else ()),
        Fact("Valid until", (_until(results, main),)),
        Fact("Stale once", tuple(_triggers(results, main, manifest))),
    ]
    return tuple(fact for fact in found if fact.values)


def waivers(results: Mapping[str, Any]) -> list[Section]:
    """Gates that may be missed for a while, and who answers for it; nothing where there are none."""
    gates = (results["verdict"] or {}).get("gates") or []
    rows = tuple(
        (
            Cell(w.metric_title(str(gate["metric"])), sub=w.VERDICTS[gate["verdict"]]),
            Cell(str(gate["waiver"].get("owner") or "")),
            Cell(str(gate["waiver"].get("reason") or "")),
            Cell(str(gate["waiver"].get("until") or "")),
        )
        for gate in gates
        if gate.get("waiver")
    )
    if not rows:
        return []
    columns = (Column("Gate"), Column("Answers for it"), Column("Why"), Column("Last day"))
    table = Table("Gates that are waived for a while", columns, rows)
    return [Section("waivers", "Waivers", "", table)]


def _breaks(main: Mapping[str, Any]) -> list[str]:
    found = []
    unions = [entry for entry in main["unions"] if entry["split"] != "train"]
    singles = [entry for entry in main["attacks"] if entry["split"] != "train"]
    for entry in unions or singles:
        robust = w.estimate(entry["robust_accuracy"])
        if robust.value is None or robust.count is None:
            continue
        by = entry.get("label") or entry["name"]
        lost = round(robust.n - robust.count)
        found.append(
            f"{lost:,} of {robust.n:,} texts ({w.percent(lost / robust.n)}) are answered wrongly as "
            f"they stand, or once {by} has changed them ({w.victim(bool(entry['calibrated']))})."
        )
    return found[:4]


def _weaknesses(main: Mapping[str, Any]) -> list[str]:
    alarms = [e for e in main.get("checks") or [] if e["alarm"] and e["kind"] == "weakness"]
    return list(dict.fromkeys(f"{entry['name']}: {entry['means']}." for entry in alarms))


def _open(results: Mapping[str, Any]) -> list[str]:
    gates = (results["verdict"] or {}).get("gates") or []
    return [
        f"{w.metric_title(str(gate['metric']))}: {w.VERDICTS[gate['verdict']].lower()}"
        + (f", waived until {gate['waiver']['until']}" if gate.get("waiver") else "")
        for gate in gates
        if gate["verdict"] != "pass"
    ]


def _until(results: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    return str(stated(results, main).get("expires") or UNSAID)


def _triggers(
    results: Mapping[str, Any], main: Mapping[str, Any], manifest: Mapping[str, Any] | None
) -> list[str]:
    model, data = main.get("model"), main.get("data") or {}
    found = []
    if model:
        found.append(
            f"the model changes: its fingerprint is not {str(model['fingerprint'])[:16]}… any more, or "
            "it is quantized, converted or set up otherwise"
        )
    test = (data.get("splits") or {}).get("test")
    if test:
        found.append(
            "the texts that it meets change: they are no longer like those of the test split "
            f"{str(test['fingerprint'])[:16]}…"
        )
    release = (manifest or {}).get("versions", {}).get("withstand")
    if main["attacks"]:
        found.append(
            "an attack is published, or added to Withstand"
            + (f" after {release}" if release else "")
            + ", that is not among those of this run"
        )
    if results["run"].get("plan_digest"):
        found.append("the plan, its bounds or the use that it was written for change")
    return found

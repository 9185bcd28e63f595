"""The titled parts of a report and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import (
    cause_tables,
    checks,
    curve,
    curve_chart,
    doubtful,
    frozen,
    probes,
    slice_tables,
    tables,
)
from reports.view import Section

ROBUST = (
    "Robust accuracy counts every example that was right and stayed right; the attack success rate "
    "counts only those that were right to begin with. An example whose budget ended withstood the "
    "attack as it was run, and is listed apart. One that errored is never counted as robust."
)


WRITTEN = (
    "Mean sentence BLEU (0 to 1, smoothed) against the references, over all examples that did not "
    "error; where an example has no reference, against what the model wrote for the untouched text."
)


def sections(
    results: Mapping[str, Any], main: Mapping[str, Any], comparison: Mapping[str, Any] | None
) -> list[Section]:
    """The parts of the report in their order; `main` is the side whose numbers stand alone."""
    found = frozen.section(results)
    if comparison:
        found.append(
            Section(
                "changes",
                "What changed",
                "The same examples and the same attacks against both models, compared pair by pair.",
                tables.differences(comparison["differences"]),
                (
                    "Won / lost: examples that were wrong or broken before and hold now, and the "
                    "reverse. p: exact McNemar test, corrected over the rows (Holm).",
                ),
                tables.moved(comparison["differences"]),
            )
        )
    found += cause_tables.sections(comparison)
    if main["gaps"]:
        before = comparison["before"]["gaps"] if comparison else None
        found.append(
            Section(
                "gaps",
                "Overfitting",
                "What was learnt by heart shows as a gap between what the model has seen and what it "
                "has not. Each gap is left minus right; one whose interval holds zero may be chance.",
                tables.gaps(main["gaps"], before),
            )
        )
    found += _attack_sections(main, comparison)
    found += slice_tables.sections(main, comparison)
    found += probes.sections(main)
    found += checks.section(main, comparison["before"] if comparison else None)
    if main["clean"]:
        folded = (("Before", tables.clean(comparison["before"]["clean"])),) if comparison else ()
        found.append(
            Section("clean", "Unaltered texts", "", tables.clean(main["clean"]), folded=folded)
        )
    if results["data"] and results["data"]["splits"]:
        found.append(_data(results["data"]))
    if results["stages"]:
        found.append(Section("time", "Time", "", tables.stages(results["stages"])))
    return found


def _attack_sections(
    main: Mapping[str, Any], comparison: Mapping[str, Any] | None
) -> list[Section]:
    found = []
    held_out, trained_on = _by_split(main["attacks"])
    if held_out or trained_on:
        after = " after" if comparison else ""
        shown = held_out or trained_on
        folded = []
        if held_out and trained_on:
            title = f"Attacks on training examples{after}, for the gaps above"
            folded.append((title, tables.attacks(trained_on, title)))
        if comparison and comparison["before"]["attacks"]:
            title = "Attacks on the model before"
            earlier, _ = _by_split(comparison["before"]["attacks"])
            folded.append((title, tables.attacks(earlier, title)))
        by_queries = curve.table(shown, after.strip())
        earlier = _by_split(comparison["before"]["attacks"])[0] if comparison else []
        if by_queries is not None:
            folded.insert(0, (by_queries.caption, by_queries))
            before = curve.table(earlier, "before")
            folded[1:1] = [(before.caption, before)] if before else []
        found.append(
            Section(
                "attacks",
                "The attacks" + (", after" if comparison else ""),
                ROBUST,
                tables.attacks(shown, f"Attacks on the model{after}"),
                tuple(doubtful.notes(shown)),
                tuple(folded),
                curve_chart.curves(shown, earlier),
                ("How these attacks differ from their papers", _deviations(main["attacks"])),
            )
        )
    wrote = [
        entry
        for entry in (held_out or trained_on)
        if "written" in entry and entry["written"]["bleu_after"]["value"] is not None
    ]
    if wrote:
        found.append(Section("written", "What it wrote", WRITTEN, tables.written(wrote)))
    if main["unions"]:
        found.append(
            Section(
                "worst-case",
                "The worst case",
                "An example counts as robust only if it withstood every attack in the row.",
                tables.unions(main["unions"]),
            )
        )
    return found


def _by_split(
    attacks: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The attacks on examples that the model had not seen, and those on training examples."""
    held_out = [attack for attack in attacks if attack["split"] != "train"]
    return held_out, [attack for attack in attacks if attack["split"] == "train"]


def _deviations(attacks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    notes: dict[str, None] = {}
    for attack in attacks:
        for deviation in attack["recipe"].get("deviations") or ():
            notes[f"{attack['name']}: {deviation}"] = None
    return tuple(notes)


def _data(data: Mapping[str, Any]) -> Section:
    twice = data.get("duplicates") or {}
    words = [
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in twice.items()
        if _plain(value) is not None
    ]
    notes = (f"Duplicates across splits: {', '.join(words)}.",) if words else ()
    intro = f"Source: {data['source']}."
    return Section("data", "Data", intro, tables.splits(data), notes)


def _plain(value: Any) -> str | None:
    """A count, or counts by name; None for what belongs in the records and not in a sentence."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | dict):
        return None
    if isinstance(value, dict):
        numbers = {name: n for name, n in value.items() if isinstance(n, int | float)}
        return ", ".join(f"{n} in {name}" for name, n in numbers.items()) or None
    return str(value)

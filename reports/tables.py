"""The tables of a report, from the parts of results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import doubtful
from reports import wording as w
from reports.records import STATUSES
from reports.statistics import Estimate
from reports.view import Cell, Chart, Column, Table, Tone

STATUS_WORDS = {
    "succeeded": "broken",
    "failed": "withstood",
    "out_of_budget": "withstood, budget ended",
    "skipped": "already wrong",
    "errored": "errored",
}

_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "inconclusive": "warn"}


def gates(entries: Sequence[Mapping[str, Any]]) -> Table:
    """What was required, what was measured, and what follows."""
    rows = []
    for gate in entries:
        metric, found = str(gate["metric"]), w.estimate(gate["value"])
        sign = "≥" if gate["direction"] == "at_least" else "≤"
        needed = gate.get("examples_needed")
        decided = "95% interval" if gate["evidence"] == "interval" else "the value alone"
        follow = f"about {needed:,} examples would decide it" if needed else ""
        waiver = gate.get("waiver")
        if waiver:
            follow = f"waived until {waiver['until']} by {waiver['owner']}: {waiver['reason']}"
        rows.append(
            (
                Cell(w.metric_title(metric) + _where(gate), sub=str(gate["why"])),
                Cell(f"{sign} {w.metric_value(metric, gate['bound'])}", sub=f"by {decided}"),
                Cell(w.metric_value(metric, found.value), sub=_detail(metric, found)),
                Cell(
                    w.VERDICTS[gate["verdict"]] + (", waived" if waiver else ""),
                    sub=follow,
                    tone="warn" if waiver else _TONES[gate["verdict"]],
                    icon=str(gate["verdict"]),
                ),
            )
        )
    columns = (Column("Gate"), Column("Required"), Column("Measured", True), Column("Verdict"))
    return Table("Gates: what was required and what was measured", columns, tuple(rows))


def _where(gate: Mapping[str, Any]) -> str:
    return f", on {gate['slice']}" if gate["slice"] else ""


def differences(entries: Sequence[Mapping[str, Any]]) -> Table:
    """Before, after and the paired change of every metric."""
    rows = []
    for entry in entries:
        before, after = w.estimate(entry["before"]), w.estimate(entry["after"])
        change = w.estimate(entry["difference"])
        rows.append(
            (
                difference_name(entry),
                Cell(w.percent(before.value), sub=_rate_detail(before)),
                Cell(w.percent(after.value), sub=_rate_detail(after)),
                Cell(
                    f"{w.points(change.value)} points" if change.value is not None else w.NONE,
                    sub=w.point_interval(change) or change.reason or "",
                    tone=change_tone(change),
                ),
                Cell(
                    f"{entry['newly_fixed']} / {entry['newly_broken']}", sub=f"n = {entry['n']:,}"
                ),
                Cell(
                    w.p_value(entry.get("p_adjusted", entry["p_value"])),
                    sub="Holm" if "p_adjusted" in entry else "",
                ),
            )
        )
    columns = (
        Column("Measure"),
        Column("Before", True),
        Column("After", True),
        Column("Change", True),
        Column("Won / lost", True),
        Column("p", True),
    )
    return Table("Before and after, paired on the same examples", columns, tuple(rows))


def moved(entries: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, Table], ...]:
    """Which examples changed sides, to be folded; nothing where none did or the records name none."""
    rows = tuple(
        (difference_name(entry), *(_ids(entry, key) for key in ("newly_broken", "newly_fixed")))
        for entry in entries
        if entry.get("newly_broken_ids") or entry.get("newly_fixed_ids")
    )
    if not rows:
        return ()
    title = "Which examples are newly broken, and which newly fixed"
    columns = (Column("Measure"), Column("Newly broken"), Column("Newly fixed"))
    return ((title, Table(title, columns, rows)),)


IDS = 20
"""Examples that a cell names; results.json has more."""


def _ids(entry: Mapping[str, Any], key: str) -> Cell:
    ids = [str(name) for name in entry.get(f"{key}_ids") or ()]
    more = int(entry[key]) - len(ids[:IDS])
    return Cell(
        ", ".join(ids[:IDS]) or w.NONE,
        sub=f"and {more:,} more" if ids and more else "",
        code=bool(ids),
    )


def chart(found: Chart) -> Table:
    """The numbers behind the chart of rates."""
    rows = tuple(
        (
            Cell(row.label, sub=row.group),
            *(
                Cell(w.NONE)
                if point is None or point.value is None
                else Cell(w.percent(point.value), sub=w.share_interval(point))
                for point in row.points
            ),
        )
        for row in found.rows
    )
    names = (name[:1].upper() + name[1:] for name in found.series)
    return Table(found.title, (Column("Measure"), *(Column(name, True) for name in names)), rows)


def difference_name(entry: Mapping[str, Any]) -> Cell:
    """What a row of the comparison is about, with what the model knew of the attack below it."""
    if entry["attack"] is None and not entry["metric"].startswith("robust"):
        return Cell(str(entry["title"]))
    name = str(entry["attack"] or entry.get("label") or entry["title"])
    known = w.known(bool(entry["seen"])) if entry["attack"] or not entry["seen"] else ""
    return Cell(name, sub=", ".join(filter(None, [known, w.victim(bool(entry["calibrated"]))])))


def attacks(entries: Sequence[Mapping[str, Any]], caption: str) -> Table:
    """One row an attack: what became of the examples, the rates, the cost."""
    rows = []
    for entry in entries:
        counts: dict[str, int] = {status: int(entry["counts"][status]) for status in STATUSES}
        goal = entry["recipe"].get("parameters", {}).get("goal", {}).get("kind")
        writes = "written" in entry
        robust = w.estimate(entry["robust_accuracy"])
        success = w.estimate(entry["attack_success_rate"])
        words, share = entry["words_changed"]["mean"], entry["words_changed"]["share"]
        queries, seconds = entry["queries"], entry["seconds"]
        rows.append(
            (
                Cell(
                    str(entry["name"]),
                    sub=f"{entry['family']}\n{w.known(entry['seen'])}, {w.victim(entry['calibrated'])}",
                ),
                Cell(
                    outcome_words(
                        counts, int(entry["counts"]["total"]), goal in LEAVES_ALONE, writes
                    ),
                    bar=tuple((status, counts[status]) for status in BAR_ORDER),
                ),
                Cell(w.percent(robust.value), sub=_rate_detail(robust)),
                Cell(
                    w.percent(success.value),
                    sub="\n".join(filter(None, (_rate_detail(success), doubtful.detail(entry)))),
                ),
                Cell(
                    w.NONE if words is None else f"{words:.1f}",
                    sub="" if share is None else f"{w.percent(share)} of text",
                ),
                Cell(
                    w.count(queries["unique"]),
                    sub=f"{queries['raw']:,} raw\n{queries['cached']:,} cached",
                ),
                Cell(
                    w.duration(seconds["total"]),
                    sub=f"{w.duration(seconds['victim'])}\nvictim",
                ),
            )
        )
    columns = (
        Column("Attack"),
        Column("Examples"),
        Column("Robust accuracy", True),
        Column("Attack success", True),
        Column("Words changed", True),
        Column("Unique queries", True),
        Column("Time", True),
    )
    return Table(caption, columns, tuple(rows))


BAR_ORDER = ("failed", "out_of_budget", "succeeded", "skipped", "errored")
LEAVES_ALONE = ("Targeted", "Reduced")
"""Goals that skip examples although they are right."""


def outcome_words(
    counts: Mapping[str, int], total: int, leaves_alone: bool = False, writes: bool = False
) -> str:
    """What became of the examples: every kind that happened, out of how many."""
    words = STATUS_WORDS | ({"skipped": "already wrong or left alone"} if leaves_alone else {})
    words |= {"skipped": "met the goal as they were"} if writes else {}
    parts = [f"{counts[s]} {words[s]}" for s in BAR_ORDER if counts[s]]
    return f"{total}: " + (", ".join(parts) or "none")


def written(entries: Sequence[Mapping[str, Any]]) -> Table:
    """What attacks did to the texts of a model that writes."""
    rows = []
    for entry in entries:
        before, after = (w.estimate(entry["written"][key]) for key in ("bleu_before", "bleu_after"))
        rows.append(
            (
                Cell(str(entry["name"])),
                *(
                    Cell(w.number(found.value), sub=w.number_interval(found) or found.reason or "")
                    for found in (before, after)
                ),
                Cell(w.count(after.n)),
            )
        )
    columns = (
        Column("Attack"),
        Column("BLEU before", True),
        Column("BLEU after", True),
        Column("Examples", True),
    )
    return Table("Mean BLEU of what the model wrote", columns, tuple(rows))


def unions(entries: Sequence[Mapping[str, Any]]) -> Table:
    """The worst case per example over several attacks."""
    rows = []
    for entry in entries:
        found = w.estimate(entry["robust_accuracy"])
        where = "" if entry["split"] == "test" else f", on {entry['split']}"
        rows.append(
            (
                Cell(str(entry["label"]), sub=f"{w.victim(entry['calibrated'])}{where}"),
                Cell(", ".join(entry["attacks"])),
                Cell(w.percent(found.value), sub=_rate_detail(found)),
            )
        )
    columns = (Column("Worst case"), Column("Attacks"), Column("Robust accuracy", True))
    return Table("Robust accuracy in the worst case per example", columns, tuple(rows))


def gaps(
    after: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] | None = None
) -> Table:
    """The overfitting gaps; with `before`, each gap of the earlier model beside the later one's."""
    earlier = {entry["name"]: entry for entry in before or ()}
    rows = []
    for entry in after:
        metric = f"gap.{entry['name']}"
        left, right = entry["left"], entry["right"]
        row = [
            Cell(str(entry["title"]), sub=str(entry["explanation"])),
            _side(metric, left["label"], w.estimate(left["estimate"])),
            _side(metric, right["label"], w.estimate(right["estimate"])),
        ]
        if before is not None:
            found = earlier.get(entry["name"])
            row.append(_gap(metric, w.estimate(found["difference"] if found else None)))
        row.append(_gap(metric, w.estimate(entry["difference"])))
        rows.append(tuple(row))
    columns = [Column("Gap"), Column("Left", True), Column("Right", True)]
    if before is not None:
        columns.append(Column("Gap before", True))
    columns.append(Column("Gap" if before is None else "Gap after", True))
    return Table("Overfitting gaps, left minus right", tuple(columns), tuple(rows))


def splits(data: Mapping[str, Any]) -> Table:
    """The examples by split."""
    rows = []
    for name, split in data["splits"].items():
        groups = split.get("groups")
        rows.append(
            (
                Cell(str(name), sub=str(split.get("kind") or "")),
                Cell(w.count(split["rows"]), sub=_available(split)),
                Cell(_words(split)),
                Cell(", ".join(f"{label} {n:,}" for label, n in split["labels"].items())),
                Cell(w.count(groups)),
                Cell(str(split["fingerprint"])[:16], code=True),
            )
        )
    columns = (
        Column("Split"),
        Column("Rows", True),
        Column("Words", True),
        Column("By label"),
        Column("Families", True),
        Column("Fingerprint"),
    )
    return Table("The data, split by split", columns, tuple(rows))


def _available(split: Mapping[str, Any]) -> str:
    """Of how many rows these were drawn, where they are not all."""
    whole = split.get("available")
    return f"of {whole:,}" if whole and whole != split["rows"] else ""


def _words(split: Mapping[str, Any]) -> str:
    lengths = split.get("lengths") or {}
    middle, longest = lengths.get("words_median"), lengths.get("words_longest")
    if middle is None or longest is None:
        return w.NONE
    return f"{middle:,.0f}, at most {longest:,.0f}"


def clean(after: Mapping[str, Any]) -> Table:
    """What the model does with unaltered examples."""
    rows = []
    for name, entry in after.items():
        accuracy, loss = w.estimate(entry["accuracy"]), w.estimate(entry["loss"])
        ece, brier = w.estimate(entry["ece"]), w.estimate(entry.get("brier"))
        rows.append(
            (
                Cell(str(name)),
                Cell(w.percent(accuracy.value), sub=_rate_detail(accuracy)),
                Cell(w.number(loss.value), sub=w.number_interval(loss) or loss.reason or ""),
                Cell(w.percent(ece.value), sub=w.share_interval(ece) or ece.reason or ""),
                Cell(w.number(brier.value), sub=w.number_interval(brier) or brier.reason or ""),
            )
        )
    columns = (
        Column("Split"),
        Column("Accuracy", True),
        Column("Loss", True),
        Column("Calibration error", True),
        Column("Brier score", True),
    )
    return Table("Unaltered examples", columns, tuple(rows))


def stages(entries: Sequence[Mapping[str, Any]]) -> Table:
    """How long each stage took."""
    total = sum(float(entry["seconds"]) for entry in entries)
    rows = [
        (
            Cell(str(entry["name"])),
            Cell(w.duration(entry["seconds"])),
            Cell(w.percent(entry["seconds"] / total, 0) if total else w.NONE),
        )
        for entry in entries
    ]
    rows.append((Cell("in all"), Cell(w.duration(total)), Cell("")))
    columns = (Column("Stage"), Column("Time", True), Column("Share", True))
    return Table("Time by stage", columns, tuple(rows))


def change_tone(change: Estimate) -> Tone:
    """Good or bad only where the interval leaves zero out."""
    if change.low is not None and change.low > 0:
        return "good"
    if change.high is not None and change.high < 0:
        return "bad"
    return "muted"


def _gap(metric: str, found: Estimate) -> Cell:
    sub = w.metric_interval(metric, found) or found.reason or ""
    return Cell(w.metric_value(metric, found.value), sub=sub)


def _side(metric: str, label: str, found: Estimate) -> Cell:
    # A side is the plain value, so it is worded without the "gap." that marks a difference.
    plain = metric.removeprefix("gap.")
    value = w.percent(found.value) if w.is_share(plain) else w.number(found.value)
    return Cell(value, sub=f"{label}\nn = {found.n:,}" if found.n else f"{label}\n{found.reason}")


def _detail(metric: str, found: Estimate) -> str:
    if found.value is None:
        return found.reason or ""
    size = w.fraction(found)
    interval = w.metric_interval(metric, found)
    return f"{interval}\n{size}" if interval else size


def _rate_detail(found: Estimate) -> str:
    return found.reason or "" if found.value is None else _detail("rate", found)

"""From results to the view: the headline, the summary in plain words, the sections and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import cause_tables, checks, excerpts, frozen, outline, scope, tables, weights
from reports import wording as w
from reports.provenance import facts
from reports.sections import sections
from reports.sides import label_names
from reports.view import Chart, ChartRow, Fact, Report, Tile, VerdictView


def build(
    results: Mapping[str, Any],
    manifest: Mapping[str, Any] | None,
    digests: Mapping[str, str],
    signature: tuple[Fact, ...] = (),
) -> Report:
    """Everything that a report shows. `digests` are those of the run's own files."""
    comparison = results["comparison"]
    main = comparison["after"] if comparison else results
    found = tuple(sections(results, main, comparison))
    run_id = str(main["run"]["id"])
    explained = weights.by_example(main.get("explanations", []))
    shrunk = weights.by_example(main.get("shrunk", []))
    examples = tuple(
        excerpts.example(
            record,
            labels_of(main),
            run_id,
            explained.get((str(record["check"]), str(record["example_id"]))),
            shrunk.get((str(record["check"]), str(record["example_id"]))),
        )
        for record in _examples(results, main)[:20]
    )
    provenance = (*facts(results, manifest, digests), *signature)
    return Report(
        title=str(results["run"]["name"]),
        kind=w.KINDS[results["kind"]],
        run_id=str(results["run"]["id"]),
        created=str(results["run"]["created"])[:16].replace("T", " "),
        verdict=_verdict(results),
        summary=(
            *(_compared(comparison) if comparison else _measured(results)),
            *cause_tables.sentences(comparison),
            *checks.sentences(main),
            *frozen.sentences(results),
        ),
        tiles=tuple(_changes(comparison) if comparison else _values(results)),
        chart=_chart(results),
        sections=found,
        examples=examples,
        limits=tuple(str(limit) for limit in results["limits"]),
        provenance=provenance,
        stamp=scope.stamp(results, main, digests),
        parts=outline.parts(results, main, manifest, found, examples, provenance),
    )


def _verdict(results: Mapping[str, Any]) -> VerdictView:
    verdict = results["verdict"]
    if verdict is None:
        heading = "Measured, not judged: this run has no gates."
        return VerdictView("none", "No verdict", heading, (), None)
    gates = verdict["gates"]
    by = {
        word: sum(gate["verdict"] == word and "waiver" not in gate for gate in gates)
        for word in w.VERDICTS
    }
    total = len(gates)
    waived = sum("waiver" in gate for gate in gates)
    passed = f"All {total} gates passed." if total != 1 else "The gate passed."
    heading = {
        "pass": f"{by['pass']} of {total} gates passed; {waived} waived." if waived else passed,
        "fail": f"{by['fail']} of {total} gates failed.",
        "inconclusive": f"{by['inconclusive']} of {total} gates could not be decided."
        if by["inconclusive"]
        else "The evidence is incomplete.",
    }[verdict["value"]]
    return VerdictView(
        verdict["value"],
        w.VERDICTS[verdict["value"]],
        heading,
        tuple(str(reason) for reason in verdict["reasons"]),
        tables.gates(gates) if gates else None,
    )


def _compared(comparison: Mapping[str, Any]) -> list[str]:
    rows = comparison["differences"]
    found = []
    clean = next((row for row in rows if row["metric"] == "clean_accuracy"), None)
    if clean:
        found.append(f"On unaltered texts, accuracy {_went(clean)}.")
    worst = _worst(rows)
    if worst:
        name = worst["attack"] or worst.get("label") or worst["title"]
        found.append(f"Under {name} ({_form(worst)}), robust accuracy {_went(worst)}.")
    unseen = [
        row
        for row in rows
        if row["attack"] and not row["seen"] and row["calibrated"] == _has_calibrated(rows)
    ]
    if unseen:
        least = min(unseen, key=lambda row: row["difference"]["value"] or 0.0)
        which = "the attack" if len(unseen) == 1 else f"the one of {len(unseen)} attacks"
        gained = "" if len(unseen) == 1 else " on which it gained least"
        found.append(
            f"Under {least['attack']} ({_form(least)}), {which} that it was not trained on{gained}, "
            f"robust accuracy {_went(least)}."
        )
    if not rows:
        found.append("The two runs share nothing that can be compared.")
    return found


def _measured(results: Mapping[str, Any]) -> list[str]:
    found = []
    clean = results["clean"].get("test") or next(iter(results["clean"].values()), None)
    attacks = [a for a in results["attacks"] if a["split"] != "train"]
    accuracy = w.estimate(clean["accuracy"]) if clean else None
    if accuracy is None and attacks:
        accuracy = w.estimate(attacks[0]["accuracy"])
    if accuracy is not None and accuracy.value is not None:
        found.append(
            f"The model is right on {w.percent(accuracy.value)} of unaltered texts "
            f"({w.fraction(accuracy)})."
        )
    for calibrated in (False, True):
        chosen = [a for a in attacks if a["calibrated"] == calibrated]
        rated = [a for a in chosen if a["robust_accuracy"]["value"] is not None]
        if not rated:
            continue
        strongest = min(rated, key=lambda attack: attack["robust_accuracy"]["value"])
        robust = w.estimate(strongest["robust_accuracy"])
        form = "Once its confidence is calibrated, " if calibrated else ""
        under = "under" if calibrated else "Under"
        attack = "the strongest attack, " if len(rated) > 1 else ""
        found.append(
            f"{form}{under} {attack}{strongest['name']}, {w.percent(robust.value)} stay right "
            f"({w.fraction(robust)}; 95% interval {w.share_interval(robust)})."
        )
    for entry in results["unions"]:
        robust = w.estimate(entry["robust_accuracy"])
        if entry["split"] != "train" and not entry["calibrated"] and robust.value is not None:
            found.append(
                f"In the worst case over {len(entry['attacks'])} attacks, {w.percent(robust.value)}."
            )
            break
    found += [sentence for attack in attacks for sentence in _wrote(attack)]
    return found or ["This run holds no measurements of examples."]


def _wrote(attack: Mapping[str, Any]) -> list[str]:
    """What an attack did to a model that writes."""
    if "written" not in attack:
        return []
    success = w.estimate(attack["attack_success_rate"])
    after = w.estimate(attack["written"]["bleu_after"])
    before = w.estimate(attack["written"]["bleu_before"])
    found = []
    if success.value is not None:
        found.append(
            f"{attack['name']} succeeds on {w.percent(success.value)} of the texts that it could attack "
            f"({w.fraction(success)}; 95% interval {w.share_interval(success)})."
        )
    if after.value is None:
        return found
    fell = "is" if before.value is None else f"goes from {w.number(before.value)} to"
    found.append(f"Mean BLEU of what the model writes {fell} {w.number(after.value)}.")
    return found


def _changes(comparison: Mapping[str, Any]) -> list[Tile]:
    rows = comparison["differences"]
    clean = next((row for row in rows if row["metric"] == "clean_accuracy"), None)
    wanted = [("Accuracy, unaltered", clean)] if clean else []
    union = next(
        (
            r
            for r in rows
            if r["metric"].startswith("robust_accuracy.union") and not r["calibrated"]
        ),
        None,
    )
    if union:
        wanted.append((f"Withstands {union.get('label') or 'any attack'}", union))
    unseen = [row for row in rows if row["attack"] and not row["seen"]]
    for row in sorted(unseen, key=lambda row: not row["calibrated"])[: 4 - len(wanted)]:
        wanted.append((f"Withstands {row['attack']}, {_form(row)}, unseen", row))
    tiles = []
    for label, row in wanted[:4]:
        change = w.estimate(row["difference"])
        tiles.append(
            Tile(
                label,
                value=w.percent(row["after"]["value"]),
                before=w.percent(row["before"]["value"]),
                change=f"{w.points(change.value)} points",
                detail=w.point_interval(change),
                tone=tables.change_tone(change),
            )
        )
    return tiles


def _values(results: Mapping[str, Any]) -> list[Tile]:
    tiles = []
    for split in ("test", "validation"):
        if split in results["clean"]:
            found = w.estimate(results["clean"][split]["accuracy"])
            detail = _tile_detail(found)
            tiles.append(Tile(f"Accuracy, {split}", w.percent(found.value), detail=detail))
            break
    # The strongest attacks first: there is room for few, and these say most.
    held_out = [attack for attack in results["attacks"] if attack["split"] != "train"]
    for attack in sorted(held_out, key=lambda attack: attack["robust_accuracy"]["value"] or 0.0):
        if "written" in attack:
            after = w.estimate(attack["written"]["bleu_after"])
            if after.value is None:
                continue
            before = w.number(w.estimate(attack["written"]["bleu_before"]).value)
            tiles.append(
                Tile(
                    f"Mean BLEU, {attack['name']}",
                    w.number(after.value),
                    before="" if before == w.NONE else before,
                    detail=w.number_interval(after),
                )
            )
            continue
        found = w.estimate(attack["robust_accuracy"])
        label = f"Withstands {attack['name']}, {w.victim(attack['calibrated'])}"
        tiles.append(Tile(label, w.percent(found.value), detail=_tile_detail(found)))
    for union in results["unions"]:
        if union["split"] != "train":
            found = w.estimate(union["robust_accuracy"])
            label = f"Withstands {union['label']}, {w.victim(union['calibrated'])}"
            tiles.insert(1, Tile(label, w.percent(found.value), detail=_tile_detail(found)))
            break
    if len(results["attacks"]) == 1:
        found = w.estimate(results["attacks"][0]["attack_success_rate"])
        tiles.append(Tile("Attack success", w.percent(found.value), detail=_tile_detail(found)))
    return tiles[:4]


def _chart(results: Mapping[str, Any]) -> Chart | None:
    comparison = results["comparison"]
    if comparison:
        rows = []
        for row in comparison["differences"]:
            name = tables.difference_name(row)
            group = "" if row["metric"].startswith("clean") else w.victim(row["calibrated"])
            text = name.text
            if not group:
                text = "Unaltered texts"
                text += "" if row["split"] == "test" else f", {row['split']}"
            if row["attack"]:
                text = f"{name.text} ({w.known(row['seen'])})"
            rows.append(
                ChartRow(text, group, (w.estimate(row["before"]), w.estimate(row["after"])))
            )
        rows.sort(key=lambda row: ["", w.victim(False), w.victim(True)].index(row.group))
        title = "Accuracy and robust accuracy, before and after, with 95% intervals"
        return Chart(title, ("before", "after"), tuple(rows)) if rows else None
    return _single_chart(results)


def _single_chart(results: Mapping[str, Any]) -> Chart | None:
    rows = []
    clean = results["clean"].get("test")
    if clean:
        rows.append(ChartRow("Unaltered texts", "", (w.estimate(clean["accuracy"]),)))
    for calibrated in (False, True):
        form = w.victim(calibrated)
        for attack in results["attacks"]:
            if attack["split"] != "train" and attack["calibrated"] == calibrated:
                found = w.estimate(attack["robust_accuracy"])
                name = f"{attack['name']} ({w.known(attack['seen'])})"
                if not clean and not rows:
                    rows.append(ChartRow("Unaltered texts", "", (w.estimate(attack["accuracy"]),)))
                rows.append(ChartRow(name, form, (found,)))
        for union in results["unions"]:
            if union["split"] != "train" and union["calibrated"] == calibrated:
                found = w.estimate(union["robust_accuracy"])
                rows.append(ChartRow(str(union["label"]), form, (found,)))
    title = "Accuracy and robust accuracy, with 95% intervals"
    rated = any(
        point is not None and point.value is not None for row in rows for point in row.points
    )
    return Chart(title, ("accuracy",), tuple(rows)) if results["attacks"] and rated else None


def labels_of(main: Mapping[str, Any]) -> dict[int, str]:
    """Label names by number, where the run recorded them."""
    return {number: str(name) for number, name in enumerate(label_names(main) or ())}


def _examples(results: Mapping[str, Any], main: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = results["examples"] or main.get("examples", [])
    return found


def _worst(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The hardest measure of the comparison: a union, calibrated where there is one."""
    robust = [row for row in rows if row["metric"].startswith("robust")]
    unions = [row for row in robust if row["metric"].startswith("robust_accuracy.union")] or robust
    return max(unions, key=lambda row: bool(row["calibrated"]), default=None)


def _has_calibrated(rows: Sequence[Mapping[str, Any]]) -> bool:
    return any(row["calibrated"] and row["attack"] and not row["seen"] for row in rows)


def _form(row: Mapping[str, Any]) -> str:
    return w.victim(bool(row["calibrated"]))


def _went(row: Mapping[str, Any]) -> str:
    change = w.estimate(row["difference"])
    return (
        f"went from {w.percent(row['before']['value'])} to {w.percent(row['after']['value'])} "
        f"({w.points(change.value)} points; 95% interval {w.point_interval(change)}; "
        f"n = {row['n']:,})"
    )


def _tile_detail(found: Any) -> str:
    if found.value is None:
        return found.reason or ""
    return f"{w.share_interval(found)}; {w.fraction(found)}"

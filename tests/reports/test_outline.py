"""The numbered parts of the page: nothing is lost, nothing new required, and what is absent is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scenario

from reports import curve_chart, html, narrative, outline, threat, untested
from reports.curve import GRID
from reports.render import view
from reports.statistics import Estimate
from reports.view import Report

FIXTURE = Path(__file__).parent / "data" / "results-v1.json"


def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return found


def drawn(found: dict[str, Any], manifest: dict[str, Any] | None = None) -> Report:
    return narrative.build(found, manifest, {"results.json": "ab" * 32})


def values(report: Report, part: str, label: str) -> str:
    (found,) = (each for each in report.parts if each.key == part)
    return " ".join(v for fact in found.facts if fact.label == label for v in fact.values)


def test_results_of_an_earlier_release_fill_every_part() -> None:
    report = drawn(results(), scenario.MANIFEST)
    keys = [part.key for part in report.parts]
    assert keys == [key for key in outline.TITLES if key in keys]
    assert set(outline.TITLES) - set(keys) <= {"verdict", "validity"}
    assert [part.number for part in report.parts] == [list(outline.TITLES).index(k) for k in keys]
    assert values(report, "identity", "Meant for") == "Not stated."
    html.render(report)


def test_every_section_stands_in_exactly_one_part(tmp_path: Path) -> None:
    report = view(scenario.harden(tmp_path, count=40))
    placed = [section.key for part in report.parts for section in part.sections]
    assert len(placed) == len(set(placed))
    assert {section.key for section in report.sections} <= set(placed)
    assert outline.of_section("one that came later") == "robustness"


def test_a_part_without_anything_is_left_out_and_keeps_its_number(tmp_path: Path) -> None:
    report = view(scenario.attack(tmp_path, count=20))
    numbers = {part.key: part.number for part in report.parts}
    assert "comparison" not in numbers
    assert numbers["robustness"] == 6
    assert numbers["examples"] == 10


def test_what_the_plan_says_stands_where_a_reader_looks_for_it() -> None:
    found = results()
    found["report"] = {
        "intended_use": "USE",
        "out_of_scope": ["ELSEWHERE"],
        "threat_model": "WHO",
        "author": "ANN",
        "reviewer": "BEA",
        "expires": "2027-06-30",
    }
    report = drawn(found)
    assert values(report, "identity", "Meant for") == "USE"
    assert values(report, "identity", "Out of scope") == "ELSEWHERE"
    assert next(part.intro for part in report.parts if part.key == "threat") == "WHO"
    assert values(report, "signoff", "Author") == "ANN"
    assert values(report, "signoff", "Reviewer") == "BEA"
    assert values(report, "residual", "Valid until") == "2027-06-30"
    stamp = {fact.label: fact.values for fact in report.stamp}
    assert stamp["Author"] == ("ANN",)
    assert stamp["Valid until"] == ("2027-06-30",)
    assert stamp["Drawn from"] == (f"results.json, SHA-256 {'ab' * 32}",)


def test_a_waiver_stands_in_the_sign_off_with_who_answers_for_it() -> None:
    found = results()
    gate = found["verdict"]["gates"][0]
    gate["verdict"] = "fail"
    gate["waiver"] = {"owner": "ANN", "reason": "BECAUSE", "until": "2027-01-31"}
    (part,) = (each for each in drawn(found).parts if each.key == "signoff")
    (section,) = part.sections
    assert [cell.text for cell in section.table.rows[0]][1:] == ["ANN", "BECAUSE", "2027-01-31"]
    assert "waived until 2027-01-31" in values(drawn(found), "residual", "Open gates")


def test_what_still_breaks_is_counted_over_all_texts() -> None:
    found = results()
    main = (found["comparison"] or {}).get("after") or found
    entry = next(union for union in main["unions"] if union["split"] != "train")
    entry["robust_accuracy"].update(value=0.25, count=50, n=200)
    said = values(drawn(found), "residual", "Still breaks")
    assert "150 of 200 texts (75.0%)" in said


def test_what_was_not_tested_goes_by_what_was(tmp_path: Path) -> None:
    run = scenario.audit(tmp_path, "plain", count=20)
    found: dict[str, Any] = run.results()
    said = " ".join(untested.not_tested(found, found))
    for missing in ("Natural noise", "behavioural tests", "another domain", "knows the weights"):
        assert missing in said
    assert "Training texts were not attacked" not in said
    found["attacks"] = [
        a for a in found["attacks"] if a["split"] != "train" and not a["calibrated"]
    ]
    found["attacks"][0]["recipe"]["parameters"] = {"search": {"kind": "OneStep"}, "goal": {}}
    found["noise"] = {"mean": {}, "entries": []}
    said = " ".join(untested.not_tested(found, found))
    assert "Training texts were not attacked" in said
    assert "calibrated model was not attacked" in said
    assert "Natural noise" not in said
    assert "knows the weights" not in said
    # One attack is no audit: there the limits on record are all that is said.
    single: dict[str, Any] = scenario.attack(tmp_path, count=8).results()
    assert untested.not_tested(single, single) == tuple(single["limits"])


def test_bounds_and_edits_of_an_attack_are_told_in_words() -> None:
    parameters = {
        "goal": {"kind": "Targeted", "target": 2},
        "transformation": {
            "kind": "Sparing",
            "part": {
                "kind": "Composite",
                "parts": [{"kind": "SwapAdjacent"}, {"kind": "BrandNew"}],
            },
            "protection": {"kind": "Stopwords", "words": "nltk"},
        },
        "constraints": [{"kind": "SentenceSimilarity", "least": 0.84, "model": "m", "window": 15}],
        "protections": [{"kind": "NoRepeat"}],
    }
    assert threat.wants(parameters["goal"]) == "the answer with number 2"
    assert threat.changes(parameters["transformation"]) == ("letters swapped", "brand new")
    assert threat.keeps(parameters) == [
        "the sentence stays similar (at least 0.84, window 15)",
        "no word is changed twice",
    ]
    assert threat.knows(parameters)[1] == "atlas-t0043-001"
    assert threat.knows({}) == ("not recorded", "")


def point(queries: int, value: float | None) -> dict[str, Any]:
    found = (
        Estimate.missing("none") if value is None else Estimate(value, value - 0.1, value + 0.1, 50)
    )
    return {"queries": queries, "robust_accuracy": found.to_dict()}


def attack(name: str, ends: float, *, calibrated: bool = False) -> dict[str, Any]:
    curve = [point(q, 0.8 if q < 50 else ends) for q in GRID]
    return {"name": name, "calibrated": calibrated, "curve": curve}


def test_curves_put_the_hardest_attack_first_and_pair_it_with_the_earlier_model() -> None:
    found = curve_chart.curves(
        [attack("mild", 0.6), attack("hard", 0.2), attack("hard", 0.1, calibrated=True)],
        [attack("hard", 0.05)],
    )
    assert found is not None
    assert [panel.label for panel in found.panels] == ["hard", "mild"]
    assert found.series == ("before", "after")
    before, after = found.panels[0].lines
    assert before[-1][1].value == 0.05
    assert after[-1][1].value == 0.2
    assert found.panels[1].lines[0] == ()
    assert curve_chart.curves([{"name": "old", "calibrated": False}]) is None
    assert (
        curve_chart.curves([{"name": "n", "calibrated": False, "curve": [point(1, None)]}]) is None
    )


def test_curves_take_their_colours_from_the_page_and_speak() -> None:
    found = curve_chart.curves([attack(f"a{number}\u202e", 0.2) for number in range(20)])
    assert found is not None
    assert len(found.panels) == curve_chart.MOST_PANELS
    for narrow in (False, True):
        svg = curve_chart.draw(found, narrow=narrow)
        assert "style=" not in svg
        assert "#0102" not in svg
        assert "\u202e" not in svg
        assert "80.0% at 1 query, 20.0% at 10,000" in svg
    assert len(svg) < 200_000


def test_curves_are_drawn_for_a_single_line_of_one_point() -> None:
    found = curve_chart.curves([{"name": "n", "calibrated": False, "curve": [point(1, 0.5)]}])
    assert found is not None
    assert "<svg" in curve_chart.draw(found)
    only = replace(found.panels[0], lines=((),))
    assert "<svg" in curve_chart.draw(replace(found, panels=(found.panels[0], only)))


@pytest.mark.parametrize("name", ["a b; rm -rf ~", "$(x)", "'"])
def test_the_command_that_replays_an_example_is_quoted(name: str) -> None:
    import shlex

    found = results()
    side = found["comparison"]["after"] if found["comparison"] else found
    record = (found["examples"] or side["examples"])[0]
    record["example_id"] = name
    replay = drawn(found).examples[0].replay
    assert shlex.split(replay)[:2] == ["withstand", "replay"]
    assert name in shlex.split(replay)
    assert shlex.split(replay)[2] == f"runs/{side['run']['id']}"

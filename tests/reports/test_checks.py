"""The checks of the evidence in a report: alarms first, in words, with what was expected."""

from __future__ import annotations

from typing import Any

from reports.checks import section, sentences
from reports.statistics import Estimate, rate


def entry(name: str, found: Estimate, **other: Any) -> dict[str, Any]:
    return {
        "name": name,
        "attack": None,
        "kind": "doubt",
        "title": "Texts that are counted",
        "source": "Somebody, 2020",
        "direction": "at_most",
        "bound": 0.1,
        "estimate": found.to_dict(),
        "alarm": False,
        "errored": False,
        "means": "so it is",
        "examples": [],
        **other,
    }


SIDE = {
    "checks": [
        entry("signal", rate(0, 32)),
        entry("twin", Estimate.missing("it looks inside"), attack="hotflip"),
        entry("trigger", rate(20, 24), kind="weakness", alarm=True),
        entry("blind", rate(9, 24), attack="pwws", alarm=True),
        entry("blind", rate(8, 24), attack="bae", alarm=True),
        entry(
            "overconfidence",
            Estimate(-0.1, -0.2, -0.05, 80, None, "paired", 0.95, None),
            alarm=True,
        ),
    ]
}


def test_alarms_come_first_with_what_they_mean() -> None:
    (part,) = section(SIDE)
    names = [row[0].text for row in part.table.rows]
    assert names == [
        "trigger",
        "blind, pwws",
        "blind, bae",
        "overconfidence",
        "signal",
        "twin, hotflip",
    ]
    results = [row[3].text for row in part.table.rows]
    assert results == ["Weakness", "Doubt", "Doubt", "Doubt", "As expected", "Not counted"]
    assert part.table.rows[0][1].text == "83.3%"
    assert "20 of 24" in part.table.rows[0][1].sub
    assert part.table.rows[3][1].text.endswith("10.0 points")
    assert part.table.rows[5][1].sub == "it looks inside"
    assert {row[2].text for row in part.table.rows} == {"≤ 10%", "≤ +10 points"}


def test_an_alarm_is_one_sentence_however_many_attacks_it_is_of() -> None:
    found = sentences(SIDE)
    assert found[0] == "The check trigger found a weakness: so it is."
    assert found[1] == "The check blind of pwws, bae doubts the evidence: so it is."
    assert len(found) == 3


def test_a_check_that_errored_is_said_to_be_just_that() -> None:
    failed = Estimate.missing("the check errored: KeyError: 'x'")
    side = {"checks": [*SIDE["checks"], entry("leak", failed, kind="weakness", errored=True)]}
    assert (
        sentences(side)[0] == "The check leak could not be made: the check errored: KeyError: 'x'."
    )
    (part,) = section(side)
    shown = {row[0].text: row[3].text for row in part.table.rows}
    assert shown["leak"] == "Errored"


def test_runs_without_checks_have_no_such_part() -> None:
    assert section({}) == []
    assert sentences({}) == []

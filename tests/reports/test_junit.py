"""report.junit.xml: a test a gate, and nothing that was not decided looks like a pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import judged_run
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from reports import junit
from reports.visible import one_line

XSD = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "data" / "junit.xsd")))


def read(found: dict[str, Any]) -> Any:
    """The root of the file, valid by the schema."""
    root = etree.fromstring(junit.render(judged_run.source(found)).encode("utf-8"))
    XSD.assertValid(root)
    return root


def outcomes(root: Any) -> dict[str, str]:
    """What became of each test."""
    return {
        case.get("name"): next((e.tag for e in case if e.tag != "properties"), "passed")
        for case in root.iter("testcase")
    }


def test_each_gate_and_each_doubt_is_a_test() -> None:
    root = read(judged_run.results())
    assert outcomes(root) == {
        "clean_accuracy": "passed",
        "robust_accuracy.textfooler": "failure",
        "robust_accuracy.union": "error",
        "calibration_error": "skipped",
        "clean_accuracy@long": "failure",
        "evidence 1": "error",
        "evidence 2": "error",
    }
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7",
        "failures": "2",
        "errors": "3",
        "skipped": "1",
    }
    assert {case.get("classname") for case in root.iter("testcase")} == {"rt-harden"}
    assert all(error.get("type") == "inconclusive" for error in root.iter("error"))


def test_a_test_says_what_was_measured_and_a_waiver_who_answers_for_it() -> None:
    root = read(judged_run.results())
    failed = root.find(".//testcase[@name='robust_accuracy.textfooler']")
    facts = {p.get("name"): p.get("value") for p in failed.iter("property")}
    assert facts["value"] == "0.48"
    assert (float(facts["low"]), float(facts["high"])) == pytest.approx((0.43, 0.53))
    assert (facts["n"], facts["bound"]) == ("200", "at least 0.5")
    assert "Why robust_accuracy.textfooler." in failed.find("failure").text
    waived = root.find(".//skipped").get("message")
    for said in judged_run.WAIVER.values():
        assert said in waived


def test_a_run_without_gates_is_skipped_and_not_green() -> None:
    found = judged_run.results()
    found["verdict"] = None
    assert outcomes(read(found)) == {"gates": "skipped"}


def test_gates_of_one_name_are_told_apart() -> None:
    found = judged_run.results()
    twice = [judged_run.gate("clean_accuracy", word) for word in ("pass", "fail")]
    found["verdict"]["gates"] = twice
    named = outcomes(read(found))
    assert (named["clean_accuracy-1"], named["clean_accuracy-2"]) == ("passed", "failure")


WORDS = st.sampled_from(["pass", "fail", "inconclusive", "odd"])


@given(
    value=st.sampled_from(["pass", "fail", "inconclusive"]),
    words=st.lists(st.tuples(WORDS, st.booleans()), max_size=4),
    problems=st.lists(st.just("doubt"), max_size=2),
)
def test_only_a_pass_is_green(
    value: str, words: list[tuple[str, bool]], problems: list[str]
) -> None:
    found = judged_run.results()
    found["verdict"] = {
        "value": value,
        "exit_code": 0,
        "reasons": [],
        "problems": problems,
        "gates": [
            judged_run.gate(f"m{n}", word, **({"waiver": judged_run.WAIVER} if waived else {}))
            for n, (word, waived) in enumerate(words)
        ],
    }
    drawn = outcomes(read(found))
    if value != "pass":
        assert {"failure", "error"} & set(drawn.values())
    for n, (word, waived) in enumerate(words):
        assert (drawn[f"m{n}"] == "passed") == (word == "pass")
        assert (drawn[f"m{n}"] == "skipped") == (word != "pass" and waived)


@settings(max_examples=60)
@given(judged_run.NASTY)
def test_hostile_text_stays_text_in_xml(poison: str) -> None:
    root = read(judged_run.poisoned(judged_run.results(), poison))
    assert len(root.findall(".//testcase")) == 7
    failure = root.find(".//failure")
    said = "robust_accuracy.textfooler = 0.480 [0.430, 0.530] against 0.5"
    assert failure.get("message") == one_line(said + poison, junit.LONGEST)


def test_a_text_of_a_megabyte_is_cut() -> None:
    found = judged_run.poisoned(judged_run.results(), judged_run.LONG)
    read(found)
    assert len(junit.render(judged_run.source(found))) < 200_000

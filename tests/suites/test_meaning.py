"""Successes that exchange an antonym or change a negation are told from the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import doubtful as words
from reports import summaries, tables
from reports.records import OutcomeRecord
from suites.findings import _attack
from suites.meaning import NEGATIONS, alarms, doubtful, doubts, meaning_check, negations
from suites.measured import InconclusiveError
from suites.robustness import Attacked


def outcome(
    name: str, original: str, *edits: tuple[str, str], status: str = "succeeded", **more: Any
) -> OutcomeRecord:
    """An outcome whose text has words exchanged."""
    words = original.split()
    changes = tuple((words.index(old), old, new) for old, new in edits)
    for index, _, new in changes:
        words[index] = new
    values: dict[str, Any] = {
        "check": "attack:a@test",
        "attack": "a",
        "example_id": name,
        "split": "test",
        "status": status,
        "label": 1,
        "original": (original,),
        "perturbed": (" ".join(words),) if edits else None,
        "changes": changes,
        "predicted_before": 1,
        "predicted_after": 0 if status == "succeeded" else 1,
        "words": len(words),
    }
    return OutcomeRecord(**{**values, **more})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("good", "bad"),
        ("Better", "worse"),
        ("loved", "hates"),
        ("kindly", "unkindly"),
        ("good", "really bad"),
        ("feel-good", "feel-bad"),
        ("gripping", "boring"),
    ],
)
def test_an_antonym_is_found_in_whatever_form(old: str, new: str) -> None:
    found = doubts(outcome("e", f"a {old} film", (old, new)))
    assert found == {"antonym": True, "negation": False}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("good", "great"),
        ("films", "movies"),
        ("good", "gооd"),  # with two letters of another alphabet
        ("increased", "increases"),
        ("good", ""),
    ],
)
def test_other_words_are_not_doubted(old: str, new: str) -> None:
    assert not any(doubts(outcome("e", f"a {old} tale", (old, new))).values())


@pytest.mark.parametrize(
    ("original", "edit"),
    [
        ("it is not dull", ("not", "")),
        ("it is not dull", ("not", "now")),
        ("there is no plot", ("no", "on")),
        ("it is dull", ("is", "isn't")),
        ("it isn’t dull", ("isn’t", "is")),
        ("everybody likes it", ("everybody", "nobody")),
        ("with a plot", ("with", "without")),
        ("it ca n't last", ("n't", "indeed")),
        ("it hardly lasts", ("hardly", "surely")),
    ],
)
def test_a_negation_more_or_fewer_is_found(original: str, edit: tuple[str, str]) -> None:
    assert doubts(outcome("e", original, edit))["negation"]


@pytest.mark.parametrize(
    ("original", "edits"),
    [
        ("it is not dull", [("is", "isn't"), ("not", "")]),
        ("it is not dull", [("dull", "slow")]),
        ("we can not stay", [("can", "cannot"), ("not", "")]),
        ("it is not dull", [("not", "nto")]),
        ("it is not dull", [("not", "n ot")]),
        ("it is not dull", [("not", "n0t")]),
        ("it is not dull", [("not", "nоt")]),  # with a letter of another alphabet
        ("it is not dull", [("not", "no\u200bt")]),
        ("it isn't dull", [("isn't", "isnt")]),
        ("a knot of threads", [("knot", "knots")]),
    ],
)
def test_as_many_negations_are_none_more(original: str, edits: list[tuple[str, str]]) -> None:
    assert not doubts(outcome("e", original, *edits))["negation"]


@given(st.lists(st.sampled_from(sorted(NEGATIONS)), max_size=5), st.randoms())
def test_negations_are_counted_wherever_they_stand(chosen: list[str], chance: Any) -> None:
    text = [*chosen, *["film"] * 3]
    chance.shuffle(text)
    assert negations(", ".join(text).upper()) == len(chosen)


def planted() -> list[OutcomeRecord]:
    """Ten attackable texts, eight broken: two by an antonym, one by a negation, one by both."""
    fine = [outcome(f"fine-{n}", "a good film", ("good", "great")) for n in range(4)]
    return [
        *fine,
        outcome("antonym-1", "a good film", ("good", "bad")),
        outcome("antonym-2", "they won it", ("won", "lost")),
        outcome("negation", "it is fun", ("is", "isn't")),
        outcome("both", "it is never dull", ("never", "always")),
        outcome("held", "a good film", status="failed"),
        outcome("budget", "a good film", ("good", "bad"), status="out_of_budget"),
        outcome("wrong", "a good film", status="skipped", predicted_before=0),
        outcome("lost", "a good film", status="errored"),
    ]


def test_the_planted_ones_are_counted_and_the_rate_is_without_them() -> None:
    found = doubtful(planted())
    assert found is not None
    assert (found["share"]["count"], found["share"]["n"]) == (4, 8)
    assert (found["antonyms"], found["negations"]) == (3, 2)
    corrected = found["corrected_success_rate"]
    assert (corrected["count"], corrected["n"]) == (4, 10)
    measured = summaries.summarize_attack(planted()).attack_success_rate
    assert (measured.count, measured.n) == (8, corrected["n"])


def test_families_widen_the_corrected_rate_as_they_do_the_measured_one() -> None:
    pairs = [replace(o, example_id=f"{o.example_id}{n}") for o in planted() for n in range(2)]
    alone = doubtful(pairs)
    together = doubtful([replace(o, group=o.example_id[:-1]) for o in pairs])
    assert alone is not None
    assert together is not None
    for key in ("share", "corrected_success_rate"):
        one, other = alone[key], together[key]  # type: ignore[literal-required]
        assert one["value"] == other["value"]
        assert other["high"] - other["low"] > one["high"] - one["low"]


def test_there_is_none_without_successes_and_none_of_other_goals() -> None:
    assert doubtful([o for o in planted() if o.status != "succeeded"]) is None
    assert doubtful([outcome("reduced", "not a film", ("not", ""), predicted_after=1)]) is None
    wrote = outcome("w", "not a film", ("not", ""), written_before="kein Film")
    assert doubtful([replace(wrote, predicted_after=None)]) is None


def test_an_attack_whose_successes_mean_something_else_raises_an_alarm() -> None:
    antonyms = [outcome(str(n), "a good film", ("good", "bad")) for n in range(12)]
    others = [outcome(f"o{n}", "a good film", ("film", "movie")) for n in range(12)]
    (said,) = alarms("a", [*antonyms, *others])
    assert "check meaning of a" in said
    assert "12 of 24" in said
    assert alarms("a", [*antonyms[:1], *others]) == ()  # one of thirteen tells nothing
    counted = meaning_check([*antonyms, *others])
    assert counted.examples == tuple(o.example_id for o in antonyms)
    assert meaning_check([]).reason == "it had no success"
    kept = replace(antonyms[0], predicted_after=1)
    assert "do not change a label" in meaning_check([kept]).reason


def test_a_number_that_wants_a_model_broken_does_not_rest_on_such_successes() -> None:
    antonyms = [outcome(str(n), "a good film", ("good", "bad")) for n in range(40)]
    attacked = Attacked("a", "key", tuple(antonyms), doubtful=alarms("a", antonyms))
    with pytest.raises(InconclusiveError, match="check meaning of a"):
        assert attacked.attack_success_rate >= 0.5
    assert not attacked.attack_success_rate <= 0.5
    assert not attacked.robust_accuracy >= 0.5


def entry() -> dict[str, Any]:
    campaign = {
        "attack": "a",
        "family": "words",
        "calibrated": False,
        "split": "test",
        "recipe": {"parameters": {"goal": {"kind": "Untargeted"}}},
    }
    return dict(_attack(campaign, planted(), {}, set()))


def test_reports_and_terminals_say_so() -> None:
    (row,) = tables.attacks([entry()], "Attacks").rows
    assert "4 of 8 doubtful by words (antonym, negation)" in row[3].sub
    assert "without them 40.0%" in row[3].sub
    assert "filter of words, not of meaning" in " ".join(words.notes([entry()]))
    said = words.sentence(entry())
    assert said.startswith("4 of 8 successes")
    assert "40.0%" in said


def test_reports_of_earlier_runs_say_nothing_of_it() -> None:
    earlier = entry()
    del earlier["doubtful"]
    (row,) = tables.attacks([earlier], "Attacks").rows
    assert "antonym" not in row[3].sub
    assert words.notes([earlier]) == ()
    assert words.sentence(earlier) == ""


def test_the_entry_is_what_the_schema_says() -> None:
    import json
    from pathlib import Path

    import jsonschema

    schema = json.loads(Path("reports/schema/results-v1.json").read_text(encoding="utf-8"))
    part = {"$ref": "#/$defs/attack", "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(part).validate(entry())
    broken = entry()
    del broken["doubtful"]["antonyms"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(part).validate(broken)

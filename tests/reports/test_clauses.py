"""The map of clauses: data that is whole, points somewhere, and claims nothing."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reports import clauses, outline
from reports.errors import ReportError

FILE = Path(clauses.__file__).with_name(clauses.NAME)
DATA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
FIELDS = {
    *("id", "framework", "edition", "clause", "paraphrase"),
    *("source", "retrieved", "read", "parts"),
}


def test_every_entry_has_every_field_and_an_id_of_its_own() -> None:
    for entry in DATA["clauses"]:
        assert set(entry) == FIELDS, entry["id"]
        assert all(entry[key] for key in FIELDS - {"read"}), entry["id"]
        assert isinstance(entry["read"], bool)
        assert re.fullmatch(r"[a-z0-9-]+", entry["id"])
    ids = [entry["id"] for entry in DATA["clauses"]]
    assert len(ids) == len(set(ids))
    named = [(entry["framework"], entry["clause"]) for entry in DATA["clauses"]]
    assert len(named) == len(set(named))


def test_dates_are_dates_that_have_been_and_addresses_are_https() -> None:
    updated = date.fromisoformat(DATA["updated"])
    for clause in clauses.clauses():
        assert date(2026, 1, 1) <= clause.retrieved <= updated
        assert re.fullmatch(r"https://[a-z0-9.-]+/[^\s<>\"']*", clause.source), clause.id


def test_every_framework_that_is_promised_is_there() -> None:
    found = {clause.framework for clause in clauses.clauses()}
    assert found >= {
        *("EU AI Act", "NIST AI RMF", "NIST AI 100-2e2025", "OWASP ML Top 10", "MITRE ATLAS"),
        *("ISO/IEC TR 24029-1", "ISO/IEC 24029-2", "ISO/IEC DIS 24029-3"),
    }


def test_clauses_name_parts_that_the_report_has() -> None:
    for clause in clauses.clauses():
        assert set(clause.parts) <= set(outline.TITLES), clause.id
    # Every number of the outline but the comparison and the annex itself is evidence for something.
    assert {part for clause in clauses.clauses() for part in clause.parts} == (
        set(outline.TITLES) - {"comparison", "clauses"}
    )


def test_no_entry_says_that_a_requirement_is_met() -> None:
    forbidden = re.compile(r"\b(compl(y|ies|iant|iance)|certif\w*|conform\w*|guarantee\w*)", re.I)
    assert not forbidden.search(FILE.read_text(encoding="utf-8"))
    said = " ".join([outline.ANNEX, *(clauses.sentence(key) for key in outline.TITLES)])
    assert not forbidden.search(said)
    assert all(
        clauses.sentence(key).startswith("Evidence relevant to ")
        for key in outline.TITLES
        if clauses.of_part(key)
    )


def test_what_nobody_has_read_is_marked_so_wherever_it_is_named() -> None:
    unread = [clause for clause in clauses.clauses() if not clause.read]
    assert unread
    assert len(unread) < len(clauses.clauses())
    assert all(clause.label.endswith("*") for clause in unread)
    texts = [row[2].text for row in clauses.table().rows]
    assert texts.count("not read") == len(unread)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "else"},
        {"version": 2},
        {"clauses": [{**DATA["clauses"][0], "retrieved": "soon"}]},
        {"clauses": [{**DATA["clauses"][0], "surplus": 1}]},
        {"clauses": [{k: v for k, v in DATA["clauses"][0].items() if k != "source"}]},
    ],
    ids=range(5),
)
def test_a_map_that_is_not_whole_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match=r"clauses\.json"):
        clauses.parse({**DATA, **wrong})

"""What a plan says in `[report]`: checked, kept out of the digest where it is empty, put on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.plan import Plan, PlanError, parse_plan, read_plan
from reports.folder import RunFolder
from reports.render import render
from suites import stated
from suites.cli import invoke
from suites.freezing import deviations, doubts, freeze, recorded
from tests.suites import project

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"
HEAD = {"name": "n", "model": {"base": "-"}, "data": {"source": "-"}}
SAID = """
[report]
intended_use = "Sorts reviews."
out_of_scope = ["other languages"]
threat_model = "Who words reviews so that they count as favourable."
author = "Ann"
reviewer = "Bea"
expires_days = 30
"""


def plan_with(**said: Any) -> Plan:
    return parse_plan({**HEAD, "report": said}, "plan.toml")


def test_a_plan_without_the_section_is_the_plan_that_it_was() -> None:
    bare = parse_plan(HEAD, "plan.toml")
    assert "report" not in json.loads(bare.canonical())
    assert "report" not in bare.to_toml()
    # The digest of this very plan before there was such a section, but for settings that came later.
    dumped = {k: v for k, v in dict(bare.model_dump(mode="json")).items() if k != "report"}
    assert bare.canonical() == json.dumps(dumped, sort_keys=True, indent=1)
    assert bare.digest != plan_with(author="Ann").digest


def test_a_plan_that_says_something_is_read_back_from_its_run(tmp_path: Path) -> None:
    import tomllib

    plan = plan_with(author="Ann", expires="2027-01-31", out_of_scope=["x"])
    again = parse_plan(tomllib.loads(plan.to_toml()), "again")
    assert again.digest == plan.digest


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"expires": "soon"}, "report.expires: must be a date, as 2026-12-31"),
        ({"expires_days": 0}, "report.expires_days: must be at least 1"),
        ({"expires": "2027-01-31", "expires_days": 3}, "give one of the two"),
        ({"autor": "Ann"}, "Did you mean 'author'?"),
        ({"out_of_scope": "x"}, "report.out_of_scope: must be a list in square brackets"),
        ({"author": 3}, "report.author: must be text in quotes"),
    ],
    ids=str,
)
def test_a_mistake_names_the_key_and_what_is_allowed(said: dict[str, Any], expected: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan_with(**said)
    assert expected in str(caught.value)


def test_it_is_put_on_record_with_days_as_a_date() -> None:
    plan = plan_with(author="Ann", expires_days=30)
    first = {"event": "started", "time": "2026-03-01T23:30:00+00:00", **stated.details(plan)}
    assert stated.recorded([first]) == {"author": "Ann", "expires": "2026-03-31"}
    assert stated.recorded([{"event": "started", "time": first["time"]}]) is None
    assert stated.details(parse_plan(HEAD, "plan.toml")) == {}
    assert str(stated.last_day(datetime(2026, 12, 31, tzinfo=UTC), 1)) == "2027-01-01"


def test_a_change_of_it_after_a_freeze_is_listed_and_leaves_a_pass(tmp_path: Path) -> None:
    path = project.release(tmp_path)
    found = freeze(read_plan(path), path, again=False)
    path.write_text(path.read_text(encoding="utf-8") + SAID, encoding="utf-8")
    changed = deviations(found, read_plan(path))
    assert {entry["key"].split(".")[0] for entry in changed} == {"report"}
    event = {
        "event": "frozen",
        "digest": found.digest,
        "date": found.date,
        "history": [],
        "deviations": changed,
    }
    assert (
        doubts(recorded([{"event": "started", "time": "2036-01-01T00:00:00+00:00"}, event])) == []
    )


def test_the_report_of_an_audit_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.release(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + SAID, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert invoke(["audit", str(path), "-q"]) in (0, 1, 3)
    (folder,) = (tmp_path / "runs").iterdir()
    results = RunFolder.open(folder).results()
    jsonschema.validate(results, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert results["report"]["author"] == "Ann"
    assert results["model"]["tested"]["dtype"] == "float32"
    assert results["model"]["tested"]["max_length"] == 32
    page = render(folder, ["html"])[0].read_text(encoding="utf-8")
    for expected in (
        "Sorts reviews.",
        "other languages",
        "Ann",
        "Bea",
        results["report"]["expires"],
    ):
        assert expected in page

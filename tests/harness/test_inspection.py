"""`withstand data`: what stands in a plan's data is what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suites.cli import invoke
from tests.suites import project


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A project with a text in two splits and one that is longer than the model reads."""
    path = project.project(tmp_path)
    found = project.rows()
    long = " ".join(["plain"] * 80)
    project.write_rows(tmp_path / "data.csv", [*found[:60], (long, "positive")])
    project.write_rows(tmp_path / "test.csv", [*found[60:80], found[0]])
    text = path.read_text(encoding="utf-8")
    data = f'[data]\ntest = "{tmp_path}/test.csv"\n'
    path.write_text(text.replace("[data]\n", data), encoding="utf-8")
    return path


def test_it_shows_splits_lengths_and_duplicates(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["data", str(plan), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    splits = {split["name"]: split for split in found["data"]["splits"]}
    assert splits["test"]["rows"] == 21
    assert splits["train"]["rows"] + splits["validation"]["rows"] == 60
    assert sum(found["data"]["removed"].values()) == 1
    cut = sum(found["tokens"][name]["cut_off"] for name in ("train", "validation"))
    assert cut == 1
    assert found["suspects"] is None
    assert invoke(["data", str(plan)]) == 0
    shown = capsys.readouterr().out
    assert "1 exact and 0 near duplicates" in shown
    assert "1 cut off at 32" in shown
    assert splits["train"]["fingerprint"] in shown


def test_it_lists_labels_that_look_wrong(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = project.rows()[:60]
    wrong = (rows[0][0], "negative" if rows[0][1] == "positive" else "positive")
    project.write_rows(plan.parent / "data.csv", [wrong, *rows[1:]])
    project.write_rows(plan.parent / "test.csv", project.rows()[60:80])
    assert invoke(["data", str(plan), "--suspects", "3", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)["suspects"]
    assert found["count"] >= len(found["rows"])
    assert wrong[0] in [row["text"][0] for row in found["rows"]]
    assert invoke(["data", str(plan), "--suspects", "3", "-q"]) == 0
    assert "look as if they had another's label" in capsys.readouterr().out

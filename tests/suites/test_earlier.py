"""Audits that look at one test split again and again say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.folder import RunFolder
from suites.cli import invoke
from suites.earlier import evaluated_before, in_words
from tests.harness import tiny
from tests.suites import project


def audit(runs: Path, model: str, *, test: str = "t", stage: str = "train") -> str:
    """An audit's folder as far as it is looked at; its name."""
    number = len(list(runs.iterdir())) if runs.is_dir() else 0
    with RunFolder.create(runs, f"a{number}", kind="audit", details={"stage": stage}) as folder:
        data = {"splits": {"test": {"fingerprint": test}}}
        folder.append("subject", model={"name": f"models/{model}", "fingerprint": model}, data=data)
    later = runs / f"2026-{number:03}"
    folder.path.rename(later)
    return later.name


def test_models_are_counted_once_each_and_only_rivals_are(tmp_path: Path) -> None:
    first = audit(tmp_path, "a")
    audit(tmp_path, "a")
    audit(tmp_path, "me")
    audit(tmp_path, "b", test="other")
    audit(tmp_path, "c", stage="harden")
    second = audit(tmp_path, "d")
    last = audit(tmp_path, "me")
    RunFolder.create(tmp_path, "t", kind="train", details={"stage": "train"}).close()
    (tmp_path / "2026-broken").mkdir()
    (tmp_path / "2026-broken" / "events.jsonl").write_text("{", encoding="utf-8")
    found = evaluated_before(tmp_path, RunFolder.open(tmp_path / last))
    assert [entry["run"] for entry in found] == [first, second]
    assert [entry["fingerprint"] for entry in found] == ["a", "d"]
    assert in_words(found)[0].startswith(
        f"2 other models were measured on these test texts before (the first in {first})"
    )
    assert in_words([]) == []


def test_an_audit_reports_the_models_measured_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.project(tmp_path)
    monkeypatch.chdir(tmp_path)
    limits = []
    for seed in (3, 3, 4):
        loaded = tiny.loaded(tiny.classifier(seed=seed))
        from harness.models import save_classifier

        save_classifier(loaded, tmp_path / "models" / "plain")
        before = set(Path("runs").iterdir()) if Path("runs").is_dir() else set()
        assert invoke(["audit", str(path), "--stage", "train", "--limit", "3", "-q"]) in (0, 1, 3)
        (run,) = set(Path("runs").iterdir()) - before
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
        limits.append([line for line in results["limits"] if "chosen on test" in line])
        assert ("chosen on test" in (run / "report.html").read_text("utf-8")) == bool(limits[-1])
    assert limits[:2] == [[], []]
    assert len(limits[2]) == 1
    assert limits[2][0].startswith("1 other model was measured")

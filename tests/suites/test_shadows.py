"""Membership inference: what was learnt by heart is found, and what was not is not."""

from __future__ import annotations

import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import read_plan
from reports.folder import RunFolder
from reports.membership import Shadow, lira, phi
from reports.named import estimates
from reports.records import PredictionRecord
from reports.storage import read_json
from suites.cli import invoke
from tests.suites import project

SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "results-v1.json"


def record(name: str, value: float, split: str = "train") -> PredictionRecord:
    """Two labels, so that phi is the difference of the logits."""
    return PredictionRecord(
        check=f"clean@{split}", example_id=name, split=split, label=1, logits=(0.0, value)
    )


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=5), st.integers(0, 4))
def test_phi_is_the_log_odds_of_the_label(logits: list[float], label: int) -> None:
    label = label % len(logits)
    found = phi(
        PredictionRecord(check="c", example_id="e", split="test", label=label, logits=tuple(logits))
    )
    shares = np.exp(np.array(logits) - max(logits))
    shares /= shares.sum()
    rest = np.delete(shares, label).sum()
    assert found == pytest.approx(math.log(shares[label] / rest), abs=1e-6)


def drawn(known: float, count: int = 300, shadows: int = 16) -> dict[str, object]:
    """A model and its shadows, whose sureness rises by `known` where they were trained on a text."""
    generator = np.random.default_rng(7)
    names = [f"e{n}" for n in range(2 * count)]
    hardness = {name: generator.normal(0, 4) for name in names}

    def said(name: str, seen: bool) -> float:
        return float(hardness[name] + known * seen + generator.normal(0, 0.5))

    found = []
    for _ in range(shadows):
        members = frozenset(name for name in names if generator.random() < 0.5)
        found.append(Shadow(members, {name: said(name, name in members) for name in names}))
    train = [record(name, said(name, True)) for name in names[:count]]
    test = [record(name, said(name, False), "test") for name in names[count:]]
    told = lira(train, test, found)
    assert told is not None
    return told


def test_ratios_find_what_the_mean_loss_hides_and_nothing_where_nothing_is_learnt() -> None:
    """How hard a text is says more of its loss than whether it was seen; the shadows know how hard."""
    by_heart = drawn(known=2.0)
    area, found = by_heart["area"], by_heart["found"]
    assert isinstance(area, dict)
    assert isinstance(found, dict)
    # Two normal laws 4 standard deviations apart, their means known from 8 shadows a side.
    assert area["value"] > 0.97
    assert found["low"] > 0.7
    nothing = drawn(known=0.0)
    area, found = nothing["area"], nothing["found"]
    assert isinstance(area, dict)
    assert isinstance(found, dict)
    assert area["low"] < 0.5 < area["high"]
    assert found["low"] < 0.02


def test_a_text_that_every_shadow_has_seen_is_left_out() -> None:
    shadows = [Shadow(frozenset({"a", "b"}), {"a": 1.0, "b": 1.0, "c": 0.0})] * 3
    shadows.append(Shadow(frozenset({"a"}), {"a": 1.0, "b": 0.5, "c": 0.0}))
    told = lira([record("a", 1.0), record("b", 1.0)], [record("c", 0.0, "test")], shadows)
    assert told is not None
    assert told["left_out"] == 2
    assert told["found"]["value"] is None  # one unseen text allows no false alarm
    assert lira([], [], []) is None


PLAN = """shares = [0.4, 0.2, 0.4]

[train]
output = "{folder}/models/plain"
epochs = {epochs}
batch_size = 8
learning_rate = {rate}

[audit]
attacks = ["deepwordbug"]
examples = 4
checks = []
calibrated = false
shadows = 4

[[gates]]
metric = "gap.membership_lira"
at_most = 0.2
why = "Training texts stay ours."
"""


def audited(folder: Path, epochs: int, rate: float) -> RunFolder:
    """An audit, with shadows, of a model trained on texts of which a third has the wrong label."""
    folder.mkdir()
    rows = [
        (text, label if n % 3 else {"positive": "negative", "negative": "positive"}[label])
        for n, (text, label) in enumerate(project.rows(160))
    ]
    source = project.write_rows(folder / "data.csv", rows)
    plan = folder / "plan.toml"
    head = project.HEAD.format(name="shadows", base=project.base(folder), source=source)
    text = head + PLAN.format(folder=folder, epochs=epochs, rate=rate)
    plan.write_text(text)
    runs = folder / "runs"
    assert invoke(["train", str(plan), "-q", "-o", str(runs)]) == 0
    assert invoke(["audit", str(plan), "-q", "-o", str(runs)]) in (0, 1, 3)
    return RunFolder.open(project.newest(runs))


@pytest.mark.slow
def test_a_model_that_learns_by_heart_tells_and_one_that_hardly_learns_does_not(
    tmp_path: Path,
) -> None:
    heart = audited(tmp_path / "heart", epochs=30, rate=1e-2)
    results = heart.results()
    jsonschema.validate(results, read_json(SCHEMA))
    found = estimates(results)["gap.membership_lira"]
    assert found.low is not None
    assert found.low > 0.05
    assert results["membership"]["shadows"] == 4
    titles = [row["title"] for row in results["gaps"]]
    assert any("shadow models" in title for title in titles)
    assert "trained anew on random halves" in (heart.path / "report.html").read_text()
    assert not (heart.path / ".work").exists()

    lazy = audited(tmp_path / "lazy", epochs=1, rate=1e-6)
    found = estimates(lazy.results())["gap.membership_lira"]
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


def test_a_plan_that_trains_nothing_has_no_shadows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = project.release(tmp_path)
    path.write_text(path.read_text().replace("examples = 12", "examples = 12\nshadows = 4"))
    assert invoke(["audit", str(path), "-q"]) == 2
    assert "the plan trains no model" in capsys.readouterr().err
    assert read_plan(path).audit.shadows == 4

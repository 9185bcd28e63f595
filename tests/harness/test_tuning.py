"""The search for settings: finds what is planted, counts what it tried, goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import tuning
from harness.errors import HarnessError
from harness.plan import Plan, PlanError, read_plan
from harness.training_plan import Train
from harness.tuning import tune_of, tune_run, with_settings
from harness.tuning_plan import Dimension
from reports.folder import RunFolder
from reports.progress import Quiet
from suites.cli import invoke
from tests.suites import project
from tests.suites.killed import kill

LEARNS = "learning_rate = { choices = [1e-8, 1e-2] }"


def plan(folder: Path, section: str) -> Plan:
    """The small project's plan with a `[tune]` section."""
    path = project.project(folder)
    path.write_text(f"{path.read_text()}\n[tune]\n{section}\n", encoding="utf-8")
    return read_plan(path)


def search(folder: Path, section: str, **how: Any) -> tuning.Tuned:
    return tune_run(plan(folder, section), runs=folder / "runs", progress=Quiet(), **how)


def test_the_setting_that_learns_is_found_and_written_as_a_plan(tmp_path: Path) -> None:
    found = search(tmp_path, f'trials = 4\nmetric = "loss"\n[tune.space]\n{LEARNS}')
    assert found.best == {"learning_rate": 1e-2}
    assert sum(found.counts.values()) == 4
    tuned = read_plan(found.folder / "tuned.toml")
    assert tuned.train is not None
    assert tuned.train.learning_rate == 1e-2
    assert tuned.tune is None
    trials = [e for e in RunFolder.open(found.folder).events() if e["event"] == "trial"]
    values = [e["value"] for e in trials if e["state"] == "complete"]
    assert found.value == min(values)
    assert RunFolder.open(found.folder).verify_sums() == []
    assert not (found.folder / ".work").exists()


@pytest.mark.slow
def test_robust_accuracy_is_searched_for_in_a_hardening(tmp_path: Path) -> None:
    path = project.project(tmp_path)
    assert invoke(["train", str(path), "-q", "-o", str(tmp_path / "runs")]) == 0
    section = """
        stage = "harden"
        metric = "robust_accuracy"
        trials = 2
        [tune.space]
        "augment.share" = { low = 0.1, high = 0.5 }
        "objective.parameters.epsilon" = { low = 0.05, high = 0.2, log = true }
    """
    path.write_text(
        f'{path.read_text()}\n[harden.objective]\nname = "fgm"\n[tune]\n{section}', encoding="utf-8"
    )
    found = tune_run(read_plan(path), runs=tmp_path / "runs", progress=Quiet())
    assert set(found.best) == {"augment.share", "objective.parameters.epsilon"}
    tuned = read_plan(found.folder / "tuned.toml").harden
    assert tuned is not None
    assert tuned.augment is not None
    assert tuned.augment.share == found.best["augment.share"]
    assert tuned.objective[0].parameters["epsilon"] == found.best["objective.parameters.epsilon"]


SEARCH = "trials = 4\nprune = false\n[tune.space]\nlearning_rate = { low = 1e-3, high = 1e-2 }"


def tried(runs: Path) -> list[tuple[Any, Any]]:
    """Settings and value of each trial that a search finished."""
    (folder,) = (f for f in runs.iterdir() if f.is_dir())
    events = [e for e in RunFolder.open(folder).events() if e["event"] == "trial"]
    return [(e["settings"], e["value"]) for e in events if e["state"] == "complete"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, Any]]:
    """What a search that nothing interrupts tries."""
    folder = tmp_path_factory.mktemp("whole")
    assert search(folder, SEARCH).counts == {"complete": 4}
    return tried(folder / "runs")


def test_an_interrupted_search_goes_on_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[tuple[Any, Any]]
) -> None:
    measured = tuning.metric_of
    asked = 0

    def cut(*given: Any) -> float:
        nonlocal asked
        asked += 1
        if asked == 5:  # two epochs and the end of the first trial, one epoch of the second
            raise KeyboardInterrupt
        return measured(*given)

    monkeypatch.setattr(tuning, "metric_of", cut)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, SEARCH)
    again = search(tmp_path, SEARCH, resume="last")
    assert again.counts == {"complete": 4, "fail": 1}
    assert tried(tmp_path / "runs") == whole


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 4])
def test_a_killed_search_goes_on_as_if_nothing_had_been(
    tmp_path: Path, whole: list[tuple[Any, Any]], epochs: int
) -> None:
    plan(tmp_path, SEARCH)
    arguments = ["tune", str(tmp_path / "plan.toml"), "-q", "-o", str(tmp_path / "runs")]
    kill("epoch", epochs, *arguments)
    assert invoke([*arguments, "--resume", "last"]) == 0
    assert tried(tmp_path / "runs") == whole


@pytest.mark.slow
def test_a_hopeless_training_is_stopped_early(tmp_path: Path) -> None:
    section = f'trials = 8\nstartup = 2\nmetric = "loss"\n[tune.space]\n{LEARNS}'
    found = search(tmp_path, section)
    assert found.counts.get("pruned", 0) >= 1
    assert sum(found.counts.values()) == 8


def test_a_trial_that_fails_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    section = "trials = 6\n[tune.space]\nlearning_rate = { choices = [1e30, 1e-2] }"
    found = search(tmp_path, section)
    assert found.best == {"learning_rate": 1e-2}
    assert found.counts["fail"] >= 1
    assert sum(found.counts.values()) == 6


def test_no_trial_that_is_finished_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="None of 1 trials was finished"):
        search(tmp_path, "trials = 1\n[tune.space]\nlearning_rate = { choices = [1e30] }")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[tune.space]\nlerning_rate = { low = 0.1, high = 0.2 }", "tune.space.lerning_rate"),
        ("[tune.space]\nlearning_rate = { low = -1.0, high = 0.2 }", "may not be -1.0"),
        (
            '[tune.space]\n"augment.share" = { low = 0.1, high = 0.2 }',
            "tune.space.augment.share",
        ),
        (
            'metric = "robust_accuracy"\n[tune.space]\nlearning_rate = { low = 0.1, high = 0.2 }',
            "train.selection.attacks",
        ),
    ],
)
def test_what_cannot_be_searched_is_named(section: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=message):
        tune_of(plan(tmp_path, section))


def test_a_plan_without_the_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"has no \[tune\] section"):
        tune_of(read_plan(project.project(tmp_path)))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0.0, "high": 1.0, "log": True},
        {"low": 1, "high": 2, "choices": (1,)},
        {"choices": (1, 2), "log": True},
    ],
)
def test_a_dimension_is_a_range_or_choices(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"low|log|range"):
        Dimension(**given)


def test_settings_reach_the_keys_that_they_name() -> None:
    section = Train.model_validate(
        {"output": "o", "objective": [{"name": "fgm"}, {"name": "r-drop"}], "adapter": {}}
    )
    found = with_settings(
        section,
        {
            "learning_rate": 1e-3,
            "objective.1.parameters.alpha": 2.0,
            "objective.0.weight": 0.5,
            "adapter.rank": 4,
            "selection.patience": 2,
        },
    )
    assert found.learning_rate == 1e-3
    assert found.objective[1].parameters == {"alpha": 2.0}
    assert found.objective[0].weight == 0.5
    assert found.adapter is not None
    assert found.adapter.rank == 4
    assert found.selection.patience == 2


def test_the_command_says_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(tmp_path, f'trials = 2\nmetric = "loss"\n[tune.space]\n{LEARNS}')
    assert invoke(["tune", str(tmp_path / "plan.toml"), "-q", "-o", str(tmp_path / "runs")]) == 0
    shown = capsys.readouterr().out
    assert "Best loss on validation texts:" in shown
    assert "  learning_rate = " in shown
    assert "tuned.toml" in shown


def test_without_optuna_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(HarnessError, match=r"pip install withstand\[tune\]"):
        search(tmp_path, f"[tune.space]\n{LEARNS}")

"""`withstand harden`: four runs and their comparison, the same whatever interrupts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reports.folder import RunFolder
from reports.records import OutcomeRecord
from suites.cli import invoke
from tests.suites import project
from tests.suites.killed import kill

STEPS = ["train-plain", "audit-plain", "train-hardened", "audit-hardened"]


@dataclass(frozen=True)
class Left:
    """What a hardening left on disk."""

    run: RunFolder
    children: dict[str, RunFolder]
    models: tuple[bytes, ...]

    def outcomes(self) -> dict[str, list[OutcomeRecord]]:
        found = {}
        for step in ("audit-plain", "audit-hardened"):
            records = self.children[step].outcomes()
            found[step] = sorted(records, key=lambda o: (o.check, o.example_id))
        return found


def left(folder: Path) -> Left:
    """The one hardening below `folder`; a second run of any kind would be work done twice."""
    runs = [RunFolder.open(path) for path in sorted((folder / "runs").iterdir())]
    assert len(runs) == 5
    (run,) = (r for r in runs if r.started()["kind"] == "harden")
    children = {
        e["step"]: RunFolder.open(run.path.parent / e["run"])
        for e in run.events()
        if e["event"] == "child"
    }
    models = tuple(
        (folder / "models" / name / "model.safetensors").read_bytes()
        for name in ("plain", "hardened")
    )
    return Left(run, children, models)


def command(plan: Path, folder: Path) -> list[str]:
    return ["harden", str(plan), "-q", "-o", str(folder / "runs")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models of every hardening of this module go: the plan names them."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Left:
    """A hardening that nothing interrupted."""
    assert invoke(command(project.project(folder), folder)) == 0
    return left(folder)


def test_it_leaves_four_runs_a_comparison_and_reports(whole: Left) -> None:
    assert list(whole.children) == STEPS
    assert all(child.is_finished for child in whole.children.values())
    results = whole.run.results()
    assert results["verdict"]["value"] == "pass"
    assert [stage["name"] for stage in results["stages"]] == STEPS
    comparison = results["comparison"]
    assert comparison is not None
    titles = [row["title"] for row in comparison["differences"]]
    assert any("deepwordbug" in title for title in titles)
    for name in ("report.html", "report.md"):
        assert "Robust accuracy" in (whole.run.path / name).read_text(encoding="utf-8")


def test_the_two_models_differ_and_the_hardened_says_what_it_saw(whole: Left) -> None:
    assert whole.models[0] != whole.models[1]
    model = whole.run.results()["model"]
    assert model is not None
    assert model["seen_attacks"] == ["deepwordbug"]


@pytest.mark.parametrize(
    ("event", "count"),
    [
        # In the middle of the first training.
        pytest.param("epoch", 1, marks=pytest.mark.slow),
        ("outcome", 7),  # in the middle of the first audit
        # In the second epoch of the hardening, and when the last audit has just begun.
        pytest.param("augmentation", 3, marks=pytest.mark.slow),
        pytest.param("child", 4, marks=pytest.mark.slow),
    ],
)
def test_killed_anywhere_it_goes_on_to_the_same_models_and_outcomes(
    folder: Path, whole: Left, tmp_path: Path, event: str, count: int
) -> None:
    plan = folder / "plan.toml"
    arguments = command(plan, tmp_path)
    kill(event, count, *arguments)
    assert invoke([*arguments, "--resume", "last"]) == 0
    resumed = left_of(tmp_path, folder)
    assert resumed.models == whole.models
    assert resumed.outcomes() == whole.outcomes()
    for child in resumed.children.values():
        logged = [(e["check"], e["example_id"]) for e in child.events() if e["event"] == "outcome"]
        assert len(logged) == len(set(logged))


def left_of(runs: Path, models: Path) -> Left:
    """As `left`, for runs that lie elsewhere than the models."""
    link = runs / "models"
    link.symlink_to(models / "models")
    return left(runs)


def test_a_changed_plan_is_refused_and_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = project.project(tmp_path)
    kill("outcome", 7, *command(plan, tmp_path))
    runs = map(RunFolder.open, (tmp_path / "runs").iterdir())
    (run,) = (r.path for r in runs if r.started()["kind"] == "harden")
    before = {p: p.read_bytes() for p in (tmp_path / "runs").rglob("*") if p.is_file()}
    plan.write_text(plan.read_text().replace("examples = 12", "examples = 13"))
    assert invoke([*command(plan, tmp_path), "--resume", run.name]) == 2
    assert "examples" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (tmp_path / "runs").rglob("*") if p.is_file()} == before


def test_a_gate_that_is_missed_is_code_1(tmp_path: Path) -> None:
    project.project(tmp_path)
    plan = project.write_plan(tmp_path, tmp_path / "base", tmp_path / "data.csv", at_least=1.0)
    text = plan.read_text().replace("epochs = 2", "epochs = 1").replace("1e-2", "1e-6")
    plan.write_text(text)
    assert invoke(command(plan, tmp_path)) == 1
    (verdict,) = (
        r.results()["verdict"]
        for r in map(RunFolder.open, (tmp_path / "runs").iterdir())
        if r.started()["kind"] == "harden"
    )
    assert verdict["value"] == "fail"

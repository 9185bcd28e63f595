"""A first plan for a model that is there: its bounds are what was measured, and the model meets them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from attacks import recipes
from attacks.corruptions import chosen
from harness.plan import Gate, read_plan
from reports.folder import RunFolder
from reports.statistics import Estimate, rate
from suites.cli import invoke
from suites.initial import bound_of
from suites.ready import READY
from suites.verdict import decide
from tests.suites import project


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained model, what it was trained on and other texts."""
    folder = tmp_path_factory.mktemp("init")
    path = project.project(folder)
    assert invoke(["train", str(path), "-o", str(folder / "training"), "-q"]) == 0
    project.write_rows(folder / "new.csv", project.rows(300, seed=9))
    return folder


@pytest.mark.parametrize("with_training_texts", [False, True])
def test_the_plan_holds_the_model_to_what_it_does_and_it_passes(
    trained: Path, with_training_texts: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "release.toml"
    arguments = ["init", str(trained / "models" / "plain"), "--data", str(trained / "new.csv")]
    if with_training_texts:
        arguments += ["--train", str(trained / "data.csv")]
    assert invoke([*arguments, "--out", str(out), "-n", "60", "--max-length", "32", "-q"]) == 0
    assert "gates in" in capsys.readouterr().out
    plan = read_plan(out)
    assert (plan.name, plan.audit.examples) == ("release", 120)
    metrics = {gate.metric: gate for gate in plan.gates}
    assert "clean_accuracy" in metrics
    assert "robust_accuracy.deepwordbug.calibrated" in metrics
    assert all("Measured" in gate.why for gate in plan.gates)
    assert invoke(["audit", str(out), "-o", str(tmp_path / "runs"), "-q"]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    results = RunFolder.open(run).results()
    assert ("train" in results["clean"]) == with_training_texts
    assert results["model"]["name"] == plan.model.base


@pytest.mark.parametrize("suite", ["smoke", "behavioural-sentiment"])
def test_a_ready_made_suite_makes_a_plan_that_its_model_passes(
    suite: str, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "release.toml"
    arguments = ["init", str(trained / "models" / "plain"), "--data", str(trained / "new.csv")]
    if READY[suite].behaviour:
        arguments += ["--positive", "positive", "--negative", "negative"]
    arguments += ["--suite", suite, "--out", str(out), "--max-length", "32", "-q"]
    assert invoke(arguments) == 0
    plan = read_plan(out)
    assert plan.audit.attacks == READY[suite].attacks
    assert plan.audit.examples == 2 * READY[suite].examples
    gates = {gate.metric: gate for gate in plan.gates}
    if READY[suite].behaviour:
        failing = [gate for metric, gate in gates.items() if metric.startswith("behaviour_")]
        assert failing
        assert all(gate.at_most is not None for gate in failing)
    else:
        assert gates["noisy_accuracy.mean"].at_least is not None
    # Of the tiny model it cannot always be told whether it reads; no gate may fail.
    assert invoke(["audit", str(out), "-o", str(tmp_path / "runs"), "-q"]) in (0, 3)


def test_every_suite_is_a_plan_that_can_be_run() -> None:
    for suite in READY.values():
        for attack in suite.attacks:
            recipes.load(attack)
        assert chosen(suite.corruptions) or not suite.corruptions


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--suite", "smok"], "Did you mean 'smoke'"),
        (["--suite", "behavioural-sentiment"], "--positive and --negative"),
        (["--positive", "good"], "behavioural-sentiment"),
    ],
)
def test_a_suite_that_cannot_be_is_refused_at_once(
    more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["init", "no-model", "--data", "none.csv", "--out", str(tmp_path / "p.toml")]
    assert invoke([*arguments, *more]) == 2
    assert said in capsys.readouterr().err


def test_a_plan_that_trains_nothing_says_so(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "release.toml"
    data = tomllib.loads((trained / "plan.toml").read_text(encoding="utf-8"))["data"]["source"]
    out.write_text(
        f'name = "r"\n[model]\nbase = "{trained}/models/plain"\nmax_length = 32\n'
        f'[data]\nsource = "{data}"\n'
        'shares = [0.0, 0.2, 0.8]\n[train]\noutput = "m"\n',
        encoding="utf-8",
    )
    assert invoke(["train", str(out), "-o", str(tmp_path / "runs")]) == 2
    assert "nothing is left to train on" in capsys.readouterr().err
    out.write_text(out.read_text(encoding="utf-8").split("[train]")[0], encoding="utf-8")
    assert invoke(["audit", str(out), "--stage", "train"]) == 2
    assert "trains no model" in capsys.readouterr().err


def test_a_file_that_is_there_is_kept(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plan.toml"
    out.write_text("mine", encoding="utf-8")
    arguments = ["init", str(trained / "models" / "plain"), "--data", str(trained / "new.csv")]
    assert invoke([*arguments, "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "mine"


def test_a_model_that_guesses_is_doubted_in_the_plan(tmp_path: Path) -> None:
    base = project.base(tmp_path)  # a head that was never trained, saved as a classifier
    data = project.write_rows(tmp_path / "new.csv", project.rows(120))
    out = tmp_path / "plan.toml"
    assert (
        invoke(["init", str(base), "--data", str(data), "--out", str(out), "-n", "40", "-q"]) == 0
    )
    assert "# In doubt: accuracy" in out.read_text(encoding="utf-8")


def test_an_encoder_without_a_head_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = project.write_rows(tmp_path / "new.csv", project.rows(40))
    arguments = ["init", "bundle:minilm-l6", "--data", str(data), "--out", str(tmp_path / "p.toml")]
    assert invoke(arguments) == 2
    assert "without a classification head" in capsys.readouterr().err
    assert not (tmp_path / "p.toml").exists()


@pytest.mark.parametrize(
    ("estimate", "bound"),
    [
        (rate(60, 100), 0.44),
        (rate(100, 100), 0.93),
        (rate(0, 100), None),
        (Estimate.missing("x"), None),
    ],
)
def test_bounds_lie_below_intervals(estimate: Estimate, bound: float | None) -> None:
    assert bound_of(estimate, gates=4) == bound
    if bound is not None and estimate.low is not None:
        assert bound <= estimate.low


def test_the_same_model_meets_its_bounds_nearly_always() -> None:
    """Four gates on samples of 100, then of 200 that hold these: how often all four pass."""
    rates = np.array([0.85, 0.45, 0.4, 0.3])[:, None]
    draws = np.random.default_rng(0).random((400, 4, 200)) < rates
    passed = 0
    for drawn in draws:
        first = [rate(float(row[:100].sum()), 100) for row in drawn]
        gates = [
            Gate(metric=str(number), at_least=bound_of(estimate, 4), why="")
            for number, estimate in enumerate(first)
        ]
        then = {str(number): rate(float(row.sum()), 200) for number, row in enumerate(drawn)}
        passed += decide(gates, then).value == "pass"
    assert passed / len(draws) > 0.9

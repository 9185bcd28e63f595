"""Weights that are divided: two processes with a part each train as one with the whole."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness import dividing
from harness.errors import HarnessError
from harness.training_checks import check_divided
from suites.cli import invoke
from tests.harness import tiny
from tests.harness.launching import launch, trained, unlike
from tests.harness.together import CASES
from tests.suites import project

FSDP = ("--use_fsdp", "--fsdp_version=2", "--fsdp_auto_wrap_policy=TRANSFORMER_BASED_WRAP")
ZERO_2 = ("--use_deepspeed", "--zero_stage=2")
ZERO_3 = ("--use_deepspeed", "--zero_stage=3")
COMPILER = any(map(shutil.which, ("c++", "g++", "clang++")))
compiled = pytest.mark.skipif(
    sys.platform != "linux" or not COMPILER, reason="DeepSpeed compiles what it exchanges with"
)
WAYS = {"none": (), "fsdp": FSDP, "zero-2": ZERO_2, "zero-3": ZERO_3}

WHOLE_ONLY = {
    "fsdp": {"smart": "a whole copy of earlier weights"},
    "zero-2": {
        "smart": "a whole copy of earlier weights",
        "awp": "gradients that DeepSpeed keeps to itself",
        "averaged": "train.average keeps an average",
    },
}
WHOLE_ONLY["zero-3"] = WHOLE_ONLY["zero-2"]
FOR_ZERO_3 = (
    *("plain", "fgm", "freelb", "trades", "awp", "accumulated-tavat", "distillation"),
    *("attacked", "adapted", "decayed", "mixed", "checkpointing", "averaged", "diverging"),
)
FOR_ZERO_2 = ("plain", "pgd", "accumulated", "adapted")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process comes to in each case."""
    return trained(tmp_path_factory.mktemp("alone") / "1", list(CASES), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "cases"),
    [
        ("fsdp", tuple(CASES)),
        pytest.param("zero-2", FOR_ZERO_2, marks=compiled),
        pytest.param("zero-3", FOR_ZERO_3, marks=compiled),
    ],
)
def test_two_with_a_part_of_the_weights_come_to_what_one_does(
    way: str, cases: tuple[str, ...], tmp_path: Path, alone: dict[str, Any]
) -> None:
    two = trained(tmp_path / "2", cases, 2, WAYS[way])
    refused = {case: found["refused"] for case, found in two.items() if "refused" in found}
    for case, why in {"diverging": "The training loss became", **WHOLE_ONLY[way]}.items():
        assert why in refused.pop(case, why if case not in cases else "")
    assert "cannot share evenly" in refused.pop("uneven", "cannot share evenly")
    assert refused == {}
    alike = [case for case in cases if "refused" not in two[case]]
    assert unlike(alone, two, alike) == {}
    for case in alike:
        (facts,) = (event for event in two[case]["events"] if event["event"] == "divided")
        assert facts["weights"] > 0
        if way != "zero-2":  # which divides what the optimizer keeps of them
            assert facts["here"] < 0.6 * facts["weights"], case


@pytest.mark.slow
@pytest.mark.parametrize("way", ["none", "fsdp", pytest.param("zero-3", marks=compiled)])
def test_a_killed_training_of_two_goes_on_to_the_same_weights(way: str, tmp_path: Path) -> None:
    models = []
    for name in ("whole", "cut"):
        path = project.project(tmp_path / name)
        path.write_text(
            path.read_text().replace(
                "[harden]\n", '[train.objective]\nname = "tavat"\n\n[harden]\n'
            ),
            encoding="utf-8",
        )
        arguments = ["train", str(path), "-o", str(tmp_path / name / "runs")]
        if name == "cut":
            done = launch("-m", "tests.suites.killed", "epoch", "2", *arguments, divided=WAYS[way])
            assert done.returncode != 0
            arguments += ["--resume", "last"]
        done = launch("-m", "tests.suites.killed", "never", "1", *arguments, divided=WAYS[way])
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Model:") == 1
        models.append((tmp_path / name / "models" / "plain" / "model.safetensors").read_bytes())
    assert models[0] == models[1]
    assert len(list((tmp_path / "cut" / "runs").iterdir())) == 1


def launched(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """As a launcher would have started this process."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", **variables}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "configured for Megatron-LM"),
        ({"ACCELERATE_USE_FSDP": "true"}, "Launch with `--fsdp_version 2`"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, "FSDP of version 1"),
    ],
)
def test_other_ways_to_divide_are_refused_before_a_model_loads(
    variables: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = project.project(tmp_path)
    launched(monkeypatch, **variables)
    assert invoke(["train", str(path), "-o", str(tmp_path / "runs")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("way", "changes", "message"),
    [
        ("FSDP", {"objective": {"name": "ascc"}}, "looks words up outside the passes"),
        ("FSDP", {"objective": {"name": "smart"}}, r"proximal = 0 keeps none"),
        ("FSDP", {"objective": {"name": "awp"}, "accumulate": 2}, r"accumulate = 1 has none"),
        ("DEEPSPEED", {"objective": [{"name": "plain"}, {"name": "awp"}]}, "'awp' cannot train"),
        ("DEEPSPEED", {"average": {"method": "ema"}}, "train.average"),
    ],
)
def test_what_needs_whole_weights_is_refused(
    way: str, changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.settings(Path("model"), **changes)
    check_divided(config)
    launched(monkeypatch, **{f"ACCELERATE_USE_{way}": "true", "FSDP_VERSION": "2"})
    with pytest.raises(HarnessError, match=message):
        check_divided(config)


def test_smart_without_its_copy_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    launched(monkeypatch, ACCELERATE_USE_FSDP="true", FSDP_VERSION="2")
    objective = {"name": "smart", "parameters": {"proximal": 0.0}}
    check_divided(tiny.settings(Path("model"), objective=objective))


def test_one_process_divides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    launched(monkeypatch, ACCELERATE_USE_FSDP="true", FSDP_VERSION="2", WORLD_SIZE="1")
    assert dividing.asked() == ""


@pytest.mark.parametrize("key", ["optimizer", "scheduler"])
def test_deepspeed_s_file_says_nothing_that_the_plan_says(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "deepspeed.json"
    file.write_text(f'{{"zero_optimization": {{"stage": 2}}, "{key}": {{"type": "x"}}}}')
    launched(monkeypatch, ACCELERATE_USE_DEEPSPEED="true")
    monkeypatch.setenv(dividing.CONFIGURATION, str(file))
    with pytest.raises(HarnessError, match=f"names {key}, and so does the plan"):
        dividing.follow_plan(tiny.settings(Path("model")))


def test_a_mirror_takes_over_what_is_trained_alone() -> None:
    whole, part = nn.Linear(3, 2), nn.Linear(3, 2)
    whole.bias.requires_grad_(False)
    kept = whole.bias.detach().clone()
    mirror = dividing.Mirror(whole, part)
    mirror.follow()
    assert torch.equal(whole.weight, part.weight)
    assert torch.equal(whole.bias, kept)
    assert list(mirror.weights) == ["weight"]

"""Several processes: what they share out, and that two train as one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.victims.transformer import Encoding
from harness import processes
from harness.batches import LengthGroups, Row, Shares, TrainingSet
from suites.cli import invoke
from tests.harness.together import CASES
from tests.suites import project
from tests.suites.killed import ROOT

REFUSED = ("diverging", "uneven")
QUICK = ("plain", "accumulated")
"""Cases of the quick test, with inner steps and without; all of them are marked slow."""


@given(
    rows=st.integers(1, 40), each=st.integers(1, 4), count=st.integers(1, 4), seed=st.integers(0, 9)
)
def test_every_row_of_a_batch_is_one_process_s(rows: int, each: int, count: int, seed: int) -> None:
    encodings = [Encoding(tuple(range(1, 2 + n % 7)), None) for n in range(rows)]
    data = TrainingSet([Row(encoding, 0) for encoding in encodings])
    size = each * count

    def share(rank: int, of: int) -> list[list[int]]:
        return list(Shares(LengthGroups(data, size, seed), size, rank, of))

    whole = share(0, 1)
    parts = [share(rank, count) for rank in range(count)]
    assert len(whole) == len(Shares(LengthGroups(data, size, seed), size, 0, count))
    assert sorted(position for batch in whole for position in batch) == list(range(rows))
    for batch, *shares in zip(whole, *parts, strict=True):
        assert sorted(p for part in shares for p in part if p >= 0) == sorted(batch)
        for part in shares:
            idle = [p for p in part if p < 0]
            assert not idle or len(part) == 1
            assert all(not data[p].counts and data[p].encoding == data[~p].encoding for p in idle)


def test_one_process_alone_shares_nothing() -> None:
    assert processes.count() == 1
    assert processes.is_first()
    assert processes.total(1.5, 2) == [1.5, 2]
    assert processes.shared_out([1, 2, 3], lambda part: [n * n for n in part]) == [1, 4, 9]
    assert processes.from_first(lambda: "made") == "made"


def launch(*program: str, count: int = 2) -> subprocess.CompletedProcess[str]:
    """A program in so many processes, which meet by gloo."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}", *program]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=500
    )


def results(folder: Path, cases: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """Of each case what one process found and what two did."""
    for count in (1, 2):
        (folder / str(count)).mkdir()
        done = launch("-m", "tests.harness.together", str(folder / str(count)), *cases, count=count)
        assert done.returncode == 0, done.stderr

    def read(count: int, case: str) -> Any:
        return json.loads((folder / str(count) / f"{case}.json").read_text(encoding="utf-8"))

    return {case: (read(1, case), read(2, case)) for case in cases}


def assert_alike(alone: dict[str, Any], two: dict[str, Any]) -> None:
    """The same losses, hits and weights but for rounding."""
    assert len(two["history"]) == len(alone["history"]) > 1
    for left, right in zip(alone["history"], two["history"], strict=True):
        assert right["train_loss"] == pytest.approx(left["train_loss"], rel=1e-4)
        assert right["validation_loss"] == pytest.approx(left["validation_loss"], rel=1e-4)
        assert (right["correct"], right["robustness"]) == (left["correct"], left["robustness"])
    for name, values in alone["weights"].items():
        assert two["weights"][name] == pytest.approx(values, abs=2e-4), name


@pytest.mark.slow
def test_two_processes_come_to_what_one_does(tmp_path: Path) -> None:
    for alone, two in results(tmp_path, QUICK).values():
        assert_alike(alone, two)


@pytest.mark.slow
def test_two_processes_come_to_what_one_does_in_every_case(tmp_path: Path) -> None:
    """All in one test: the cases share two programs, which start but once."""
    found = results(tmp_path, list(CASES))
    wrong = {}
    for case, (alone, two) in found.items():
        if case not in REFUSED:
            try:
                assert_alike(alone, two)
            except AssertionError as error:
                wrong[case] = str(error)
    assert wrong == {}
    alone, two = found["attacked"]
    assert attacked(alone["events"]) == attacked(two["events"])
    assert sum(item[2] for item in attacked(two["events"])) > 0
    for side in found["diverging"]:
        assert "The training loss became" in side["refused"]
    assert "history" in found["uneven"][0]
    assert "2 processes cannot share evenly" in found["uneven"][1]["refused"]


def attacked(events: list[dict[str, Any]]) -> list[Any]:
    """What attacks on training rows came to, part by part."""
    rows = [event for event in events if event["event"] == "augmentation"]
    return [(e["epoch"], e["part"], e["adversarial"], e["statuses"]) for e in rows]


@pytest.mark.slow
def test_a_killed_training_of_two_goes_on_to_the_same_weights(tmp_path: Path) -> None:
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
            done = launch("-m", "tests.suites.killed", "epoch", "2", *arguments)
            assert done.returncode != 0
            arguments += ["--resume", "last"]
        done = launch("-m", "tests.suites.killed", "never", "1", *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Model:") == 1
        models.append((tmp_path / name / "models" / "plain" / "model.safetensors").read_bytes())
    assert models[0] == models[1]
    assert len(list((tmp_path / "cut" / "runs").iterdir())) == 1


def test_verbs_for_one_process_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert invoke(["audit", "plan.toml"]) == 2
    assert "`withstand audit` runs in one process, and 2 were launched" in capsys.readouterr().err


@pytest.mark.parametrize(("variable", "name"), list(processes.DIVIDING.items()))
def test_divided_weights_are_refused_before_a_model_loads(
    variable: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = project.project(tmp_path)
    monkeypatch.setenv(variable, "true")
    assert invoke(["train", str(path), "-o", str(tmp_path / "runs")]) == 2
    assert f"configured for {name}" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()

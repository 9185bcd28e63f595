"""Programs in several processes, as a launcher starts them, and what two of them came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.suites.killed import ROOT

MOST_SECONDS = 500
"""Far more than any takes, of which the longest is the two processes' cases one after another."""


def launch(
    *program: str, count: int = 2, divided: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """A program in so many processes, which meet by gloo.

    Args:
        divided: options of `accelerate launch` that divide the weights; none: started by `torchrun`.
    """
    if divided:
        # A port of its own: accelerate's is always the same one, and tests run side by side.
        said = ["--num_machines=1", "--main_process_port=0", "--mixed_precision=no"]
        said += ["--dynamo_backend=no", *divided]
        launcher = ["accelerate.commands.launch", f"--num_processes={count}", *said]
    else:
        launcher = ["torch.distributed.run", f"--nproc-per-node={count}"]
    return finished([sys.executable, "-m", *launcher, *program], ROOT, {"CUDA_VISIBLE_DEVICES": ""})


def finished(
    command: Sequence[str], cwd: Path | None = None, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A launcher's command that has ended. One that hangs fails, and takes its processes with it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(settings or {})}
    pipe = subprocess.PIPE
    started = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True
    )
    try:
        output, errors = started.communicate(timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        # Not killed at once: a launcher's processes are in sessions of their own, and it ends them.
        started.terminate()
        try:
            output, errors = started.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            started.kill()
            output, errors = started.communicate()
        pytest.fail(f"{' '.join(command)}: not done in {MOST_SECONDS} s\n{output}\n{errors}")
    return subprocess.CompletedProcess(command, started.returncode, output, errors)


def trained(
    folder: Path, cases: Sequence[str], count: int, divided: Sequence[str] = ()
) -> dict[str, Any]:
    """What trainings of `tests.harness.together` came to, by case."""
    folder.mkdir()
    done = launch("-m", "tests.harness.together", str(folder), *cases, count=count, divided=divided)
    assert done.returncode == 0, done.stderr
    return {
        case: json.loads((folder / f"{case}.json").read_text(encoding="utf-8")) for case in cases
    }


def assert_alike(alone: dict[str, Any], two: dict[str, Any]) -> None:
    """The same losses, hits and weights but for rounding."""
    assert len(two["history"]) == len(alone["history"]) > 1
    for left, right in zip(alone["history"], two["history"], strict=True):
        assert right["train_loss"] == pytest.approx(left["train_loss"], rel=1e-4)
        assert right["validation_loss"] == pytest.approx(left["validation_loss"], rel=1e-4)
        assert (right["correct"], right["robustness"]) == (left["correct"], left["robustness"])
    for name, values in alone["weights"].items():
        assert two["weights"][name] == pytest.approx(values, abs=2e-4), name


def unlike(
    alone: Mapping[str, Any], two: Mapping[str, Any], cases: Sequence[str]
) -> dict[str, str]:
    """The cases in which two processes came to something else than one, with what differs."""
    wrong = {}
    for case in cases:
        try:
            assert_alike(alone[case], two[case])
        except AssertionError as error:
            wrong[case] = str(error)
    return wrong

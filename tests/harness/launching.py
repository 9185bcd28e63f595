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


def launch(
    *program: str, count: int = 2, divided: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """A program in so many processes, which meet by gloo.

    Args:
        divided: options of `accelerate launch` that divide the weights; none: started by `torchrun`.
    """
    if divided:
        said = ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no", *divided]
        launcher = ["accelerate.commands.launch", f"--num_processes={count}", *said]
    else:
        launcher = ["torch.distributed.run", f"--nproc-per-node={count}"]
    settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, "-m", *launcher, *program],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


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

"""The plans of `examples/` train, and the commands of docs/training.md work, on few reviews."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from harness.models import load_classifier
from harness.plan import read_plan
from suites.cli import invoke
from tests.harness.launching import finished

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """The commands of the page, word by word."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    whole = [block.replace("\\\n", " ") for block in blocks]
    lines = [shlex.split(line, comments=True) for block in whole for line in block.splitlines()]
    assert all(line[0] in ("withstand", "torchrun", "accelerate") for line in lines)
    return lines


def shortened(path: Path, folder: Path, reviews: int = 500) -> Path:
    """The plan on so many reviews, few of them attacked, one epoch (two where the first is plain)."""
    plan: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    plan["data"] |= {"train_limit": reviews, "validation_limit": 60, "test_limit": 60}
    for stage in ("train", "harden"):
        if section := plan.get(stage):
            section["epochs"] = 2 if section.get("augment", {}).get("start_epoch") else 1
            section.get("augment", {})["query_budget"] = 10
            if "attacks" in section.get("selection", {}):
                section["selection"] |= {"examples": 10, "query_budget": 20}
                section["monitor"] = {"attacked": 5}
    if "tune" in plan:
        plan["tune"]["trials"] = 2
    plan["audit"] = {"attacks": ["deepwordbug"], "examples": 5}
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / path.name
    written.write_text(tomli_w.dumps(plan), encoding="utf-8")
    return written


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_plan(path: Path) -> None:
    assert read_plan(path).name == path.stem
    assert f"examples/{path.name}" in PAGE or path.stem == "tavat"


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_trains(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = shortened(path, tmp_path)
    plan = read_plan(short)
    for stage, section in (("train", plan.train), ("harden", plan.harden)):
        if section is not None:
            assert invoke(["train", str(short), "--stage", stage, "-q"]) == 0
            assert load_classifier(section.output).labels == ("fresh", "rotten")


@pytest.mark.slow
def test_the_commands_of_the_page_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in EXAMPLES:
        shortened(path, tmp_path / "examples", reviews=100)
    shown = commands()
    assert len(shown) >= 8
    for program, *arguments in shown:
        if arguments[0] == "lr-range":
            arguments += ["--steps", "20"]
        if program == "withstand":
            # A run of five snippets may be inconclusive, and is no failure of the command.
            assert invoke(arguments) in (0, 3), arguments
        elif "--use_deepspeed" not in arguments or shutil.which("c++"):
            bin_ = Path(sys.executable).parent
            path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
            if program == "accelerate":  # whose port is always the same one; other tests launch too
                arguments.insert(1, "--main_process_port=0")
            done = finished([str(bin_ / program), *arguments], settings={"PATH": path})
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)

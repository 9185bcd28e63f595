"""The repository of `examples/ci` works: its workflow is run step by step, as a CI machine would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "ci"


def steps() -> list[dict[str, Any]]:
    """The steps of the workflow that run commands, without the installation."""
    path = EXAMPLE / ".github" / "workflows" / "robustness.yml"
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    return [step for step in job["steps"] if "run" in step and step["name"] != "Install"]


def test_what_the_page_shows_is_what_the_workflow_runs() -> None:
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    shown = [line.split("#")[0].strip() for line in blocks[0].splitlines()]
    assert shown == [step["run"] for step in steps()][:3]


@pytest.mark.slow
def test_the_workflow_runs_and_passes(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLE, tmp_path / "ci")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CI": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    for step in steps():
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step['name']}\n{done.stdout}\n{done.stderr}"
    cases = ET.parse(copy / "junit.xml").findall(".//testcase")
    names = [case.get("name") for case in cases]
    gates = ["clean_accuracy", "robust_accuracy.natural-noise", "check.recased"]
    assert names[:3] == gates
    assert len(names) == 6
    for case in cases[:3]:
        (found,) = case.iter("property")
        assert found.get("name") == "withstand.pass"
        assert "meets its bound" in str(found.get("value"))
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "Pass" in summary
    assert "natural-noise" in summary

    done = subprocess.run(
        ["withstand", "plan", "freeze", "release.toml"], cwd=copy, env=environment, check=False
    )
    assert done.returncode == 0
    assert (copy / "release.frozen.json").is_file()

"""The commands of docs/plans.md work in the order in which they stand there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from harness.plan import parse_plan
from suites.cli import invoke
from suites.gate_checks import check_gates
from tests.suites import project

PAGE = (Path(__file__).parents[1] / "docs" / "plans.md").read_text(encoding="utf-8")

HEAD = {"name": "page", "model": {"base": "-"}, "data": {"source": "-"}}


def test_the_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.release(tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    shown = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(shown) == 5
    for program, *arguments in shown:
        assert program == "withstand"
        # The little model was never trained: its audit is inconclusive, and no failure of the command.
        allowed = (0, 3) if arguments == ["audit", "release.toml"] else (0,)
        assert invoke(arguments) in allowed, arguments
    assert (tmp_path / "release.frozen.json").is_file()


def test_the_tables_of_the_page_are_part_of_a_plan() -> None:
    blocks = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
    (waivers,) = (block for block in blocks if "waivers" in block)
    assert list(waivers) == ["waivers"]
    (said,) = (block for block in blocks if "report" in block)
    assert list(said) == ["report"]
    assert parse_plan({**HEAD, **said}, "-").report is not None
    (sliced,) = (block for block in blocks if "slices" in block.get("audit", {}))
    plan = parse_plan({**HEAD, **sliced}, "-")
    assert [gate.name for gate in plan.gates] == ["robust_accuracy.pwws@negated", "clean_accuracy"]
    check_gates(plan)
    (shadowed,) = (block for block in blocks if "shadows" in block.get("audit", {}))
    check_gates(parse_plan({**HEAD, **shadowed}, "-"))

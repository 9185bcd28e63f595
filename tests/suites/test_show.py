from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from reports.folder import RunFolder
from reports.results import empty
from suites import terminal
from suites.cli import invoke
from tests.reports import scenario
from tests.reports.conftest import outcome as outcome
from tests.reports.conftest import prediction as prediction

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return scenario.harden(tmp_path_factory.mktemp("runs"), count=40)


@pytest.fixture(scope="module")
def audited(hardened: RunFolder) -> RunFolder:
    """The first audit that the hardening is made of."""
    parts = sorted(hardened.path.parent.iterdir())
    return RunFolder.open(next(path for path in parts if "rt-plain" in path.name))


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """As wide as a file, whatever the terminal is that runs the tests."""
    monkeypatch.setenv("COLUMNS", "110")


def _shown(run: RunFolder, capsys: Capture, *options: str, code: int = 0) -> str:
    assert invoke(["show", str(run.path), *options]) == code
    return capsys.readouterr().out


def test_a_hardening_shows_verdict_gates_and_what_changed(
    hardened: RunFolder, capsys: Capture
) -> None:
    shown = _shown(hardened, capsys)
    assert shown.lstrip().startswith("INCONCLUSIVE  rt-harden")
    assert "gain.clean_accuracy" in shown
    assert "Robust accuracy under textfooler" in shown
    # It is the verdict's code that a gate is held to by, and this verb judges nothing.
    assert RunFolder.open(hardened.path).results()["verdict"]["exit_code"] == 3


def test_an_audit_shows_its_attacks_and_marked_examples(
    audited: RunFolder, capsys: Capture
) -> None:
    shown = _shown(audited, capsys, "-n", "2")
    assert "Audit: rt-plain" in shown
    assert shown.count("words changed") == 2
    assert "[-" in shown
    assert "-]{+" in shown
    assert "words changed" not in _shown(audited, capsys, "-n", "0")


def test_one_attack_is_shown_alone_with_what_it_broke(audited: RunFolder, capsys: Capture) -> None:
    shown = _shown(audited, capsys, "--attack", "pwws", "-n", "4")
    assert "pwws on test-" in shown
    assert "textfooler" not in shown
    assert shown.count("words changed") == 4


def test_an_attack_that_a_run_has_not_is_named(audited: RunFolder, capsys: Capture) -> None:
    assert invoke(["show", str(audited.path), "--attack", "bae"]) == 2
    assert "It has: deepwordbug, pwws, textfooler." in capsys.readouterr().err


def test_json_is_the_results_with_the_course(audited: RunFolder, capsys: Capture) -> None:
    shown = json.loads(_shown(audited, capsys, "--json"))
    course = shown.pop("course")
    assert shown == audited.results()
    assert course["outcomes"]["attack:pwws@test"]["succeeded"] > 0
    one = json.loads(_shown(audited, capsys, "--json", "--attack", "pwws", "-n", "5"))
    assert {entry["name"] for entry in one["attacks"]} == {"pwws"}
    assert [example["attack"] for example in one["examples"]] == ["pwws"] * 5


def test_an_attack_a_training_and_a_search_are_shown(tmp_path: Path, capsys: Capture) -> None:
    assert "Attack: " in _shown(scenario.attack(tmp_path, count=12), capsys)
    for kind, event in (
        ("train", {"epoch": 0, "train_loss": 0.5, "validation_loss": 0.4, "correct": 3, "n": 4}),
        ("tune", {"number": 0, "state": "complete", "value": 0.75, "settings": {"rate": 1e-3}}),
    ):
        run = RunFolder.create(tmp_path, kind, kind=kind)
        run.append("epoch" if kind == "train" else "trial", **event)
        info: Any = {"id": run.id, "name": kind, "created": "", "finished": None, "command": []}
        run.finish(empty(kind, info))  # type: ignore[arg-type]
        shown = _shown(run, capsys)
        assert ("75.0%, 3 of 4" if kind == "train" else "rate 0.001") in shown


def test_a_run_that_is_not_finished_shows_what_there_is(
    tmp_path: Path, capsys: Capture, outcome: Any, prediction: Any
) -> None:
    run = RunFolder.create(
        tmp_path, "half", kind="audit", details={"command": ["withstand", "audit", "a b.toml"]}
    )
    run.record(prediction("e1"))
    run.record(prediction("e2", label=0))
    run.record(outcome("e1", "errored"))
    run.record(outcome("e1", "succeeded"))
    run.record(outcome("e2", "failed"))
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"event": "outcome", "check": "torn')
    assert invoke(["show", str(run.path)]) == 3
    shown = capsys.readouterr()
    assert "clean@test: 1 of 2 right so far" in shown.out
    counted = next(line for line in shown.out.splitlines() if "attack:pwws@test" in line).split()
    assert counted[1:] == ["1", "1", "0", "0", "0"]
    assert f"Go on with it: withstand audit 'a b.toml' --resume {run.path}" in shown.err
    assert invoke(["show", str(run.path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["finished"] is False


def test_a_run_that_was_touched_is_shown_with_a_warning(tmp_path: Path, capsys: Capture) -> None:
    run = scenario.attack(tmp_path, count=8)
    (run.path / "manifest.json").write_text("{}")
    assert invoke(["show", str(run.path)]) == 0
    shown = capsys.readouterr()
    assert "Warning: manifest.json: changed" in shown.err
    assert "Warning" not in shown.out


def test_results_of_a_later_version_are_refused(tmp_path: Path, capsys: Capture) -> None:
    run = scenario.attack(tmp_path, count=8)
    path = run.path / "results.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 99', 1))
    assert invoke(["show", str(run.path)]) == 2
    assert "version 99" in capsys.readouterr().err


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(
    width: int,
    hardened: RunFolder,
    audited: RunFolder,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for run in (hardened, audited):
        assert max(map(len, _shown(run, capsys).splitlines())) <= width


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e [bold]x[/bold] [/nothing] \x9b31m \ud83d\nnext"


def _poisoned(value: Any, key: str = "") -> Any:
    fixed = {
        "schema",
        "kind",
        "direction",
        "evidence",
        "verdict",
        "status",
        "created",
        "value",
        "about",
    }
    if isinstance(value, dict):
        return {name: _poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    return value + HOSTILE if isinstance(value, str) and key not in fixed else value


def test_hostile_text_reaches_no_terminal(
    hardened: RunFolder, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = _poisoned(hardened.results())
    side = results["comparison"]["after"]
    for found in (results, side):
        terminal.show_results(
            found if found is results else {**side, "comparison": None},
            Path("x"),
            [],
            side["examples"],
        )
        shown = capsys.readouterr().out
        assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e", "\ud83d"}
        assert "[bold]x[/bold]" in shown.replace("\n", "")
        assert "⟦U+202E⟧" in shown.replace("\n", "")


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_that_want_it(
    no_colour: str, coloured: bool, hardened: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_colour)
    assert invoke(["show", str(hardened.path)]) == 0
    assert ("\x1b[1;33mINCONCLUSIVE" in out.getvalue()) == coloured
    assert "INCONCLUSIVE" in out.getvalue()

"""The command line: starts without torch, answers mistakes in words, ends with documented codes."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from attacks.resources import registry
from suites.cli import invoke, keep_off_stdout, printable

PLAN = """
name = "p"
[model]
base = "bundle:minilm-l6"
[data]
source = "{source}"
[train]
output = "{output}"
"""


def test_help_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from suites.cli import invoke; invoke(['--help']); "
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'matplotlib', 'scipy'}; "
        "bad = heavy & set(sys.modules); "
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb in ("train", "attack", "audit", "harden", "compare", "report", "ls", "doctor"):
        assert f"  {verb}" in done.stdout
    assert "3 inconclusive" in " ".join(done.stdout.split())


@pytest.mark.parametrize("verb", ["train", "attack", "audit", "harden", "compare", "report", "ls"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke([verb, "--help"]) == 0
    assert "Usage: withstand" in capsys.readouterr().out


def test_an_unknown_verb_and_option_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["atack"]) == 2
    assert invoke(["ls", "attacks", "--jsn"]) == 2
    assert "No such" in capsys.readouterr().err


def test_a_missing_plan_is_code_2_with_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["harden", "no-such-plan.toml"]) == 2
    assert "There is no plan file at no-such-plan.toml" in capsys.readouterr().err


def test_a_plan_is_checked_before_any_model_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("harness.models.load_classifier", refuse)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(source=tmp_path / "absent.csv", output=tmp_path / "model"))
    assert invoke(["train", str(plan), "-o", str(tmp_path / "runs")]) == 2
    assert "absent.csv" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_an_internal_error_is_code_4_with_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("suites.catalogue.listing", broken)
    assert invoke(["ls", "attacks"]) == 4
    error = capsys.readouterr().err
    assert "RuntimeError: a bug" in error
    assert "this is a bug in Withstand" in error


def test_an_interruption_is_code_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("suites.catalogue.listing", interrupted)
    assert invoke(["ls", "attacks"]) == 130
    assert "--resume" in capsys.readouterr().err


def test_catalogues_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for what, name in [
        ("attacks", "textfooler"),
        ("objectives", "freelb"),
        ("checks", "clean_accuracy"),
        ("data", "bundle:rotten-tomatoes"),
        ("resources", "lexicon"),
        ("resources", "similarity"),
    ]:
        assert invoke(["ls", what, "--json"]) == 0
        assert name in [row["name"] for row in json.loads(capsys.readouterr().out)]


def test_a_resource_that_is_missing_is_listed_with_the_way_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = registry.RESOURCES[registry.TAGGER]
    absent = replace(tagger, pinned=replace(tagger.pinned, distribution="no-such-package-of-ours"))
    monkeypatch.setattr(registry, "RESOURCES", {registry.TAGGER: absent})
    assert invoke(["ls", "resources"]) == 0
    told = capsys.readouterr().out
    assert "(MIT)  [missing]" in told
    assert "Install it with: pip install --no-deps no-such-package-of-ours==0.20.1" in told


def test_an_unknown_catalogue_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["ls", "atacks"]) == 2
    assert "Did you mean 'attacks'?" in capsys.readouterr().err


def test_every_attack_declares_its_source_and_deviations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert invoke(["ls", "attacks", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out):
        assert row["deviations"], row["name"]
        assert len(row["about"]) > 20


def test_messages_show_control_characters_as_escapes() -> None:
    assert printable("a\x1b[31mred\u202ebidi\n") == "a\\x1b[31mred\\u202ebidi\n"


def test_what_a_library_logs_on_stdout_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    invoke(["--version"])
    keep_off_stdout("a library")
    capsys.readouterr()
    for name in (
        "DeepSpeed",
        "a library",
    ):  # each makes its handler after that, when it is imported
        logger = logging.getLogger(name)
        handler = logging.StreamHandler(sys.stdout)
        logger.addHandler(handler)
        logger.warning("found %s", "no device")
        logger.removeHandler(handler)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "DeepSpeed: found no device\na library: found no device\n"

"""The pytest plugin, run in projects of its own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import datasets
import pandas as pd
import pytest
import scipy.stats
import torch
import transformers

import attacks.recipes
import suites.audit
import suites.pytest_plans
import suites.robustness
from tests.suites import project

# pytester forgets what a session imported, and these cannot be imported twice.
KEPT = (datasets, pd, scipy.stats, torch, transformers, attacks.recipes, suites)
for attack in ("deepwordbug", "pwws"):
    attacks.recipes.load(attack)
pytest_plugins = ["pytester"]

KEYWORD = '''
import pytest
from attacks.victims.function import FunctionVictim

ROWS = [(f"item {n} was {word}", label) for n in range(60)
        for word, label in (("good", "yes"), ("bad", "no"))]

def answer(texts):
    """Sure of "yes" at the word good, of "no" without: any typo in it is enough."""
    return [[0.1, 0.9] if "good" in text.split() else [0.9, 0.1] for text in texts]

@pytest.fixture(scope="session")
def withstand_model():
    return FunctionVictim(answer, ("no", "yes"), fingerprint="keyword")

@pytest.fixture(scope="session")
def withstand_data():
    return ROWS

def pytest_configure(config):
    """Its scores know two values, which the checks would doubt."""
    config.option.withstand_checks = config.option.withstand_checks or "none"
'''


@pytest.fixture
def tests(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project whose model knows one word."""
    pytester.makeconftest(KEYWORD)
    return pytester


def test_a_bound_is_met_missed_or_undecided(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        """
        def test_accuracy(robustness):
            assert robustness.accuracy() >= 0.9

        def test_typos(robustness):
            assert robustness.attack("deepwordbug", n=60).robust_accuracy >= 0.9

        def test_too_few(robustness):
            assert robustness.attack("deepwordbug", n=8).robust_accuracy >= 0.4

        def test_success(robustness):
            assert robustness.attack("deepwordbug", n=60).attack_success_rate <= 0.9
        """
    )
    result = tests.runpytest_inprocess("-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_too_few INCONCLUSIVE*",
            "*robust_accuracy.deepwordbug >= 0.9",
            "*misses its bound*",
            "*worst of 60 examples:*",
            "*item * was good",
            "*robustness (withstand)*",
            "PASS *test_accuracy: clean_accuracy = 1.000*",
            "FAIL *test_typos: *",
            "INCONCLUSIVE *test_too_few: *cannot be told from its bound with 8 examples*",
            "*1 failed, 2 passed, 1 inconclusive*",
        ]
    )
    assert result.ret == 1


def test_inconclusive_is_no_failure_unless_it_is_asked_to_be(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        """
        def test_too_few(robustness):
            assert robustness.attack("deepwordbug", n=8).robust_accuracy >= 0.4
        """
    )
    result = tests.runpytest_inprocess()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*--withstand-strict*", "*1 inconclusive*"])
    assert tests.runpytest_inprocess("--withstand-strict").ret == 1
    tests.makeini("[pytest]\nwithstand_strict = true\n")
    assert tests.runpytest_inprocess().ret == 1


def test_an_error_of_the_model_is_never_a_pass(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        test_errors="""
        import pytest
        from attacks.victims.function import FunctionVictim
        from conftest import answer

        @pytest.fixture(scope="session")
        def withstand_model():
            def broken(texts):
                if any("item 7 " in text and "good" not in text and "bad" not in text for text in texts):
                    raise RuntimeError("planted")
                return answer(texts)
            return FunctionVictim(broken, ("no", "yes"), fingerprint="broken")

        def test_it(robustness):
            found = robustness.attack("deepwordbug", n=None)
            assert found.counts["errored"] > 0
            assert found.robust_accuracy >= 0.01
        """
    )
    result = tests.runpytest_inprocess()
    result.stdout.fnmatch_lines(["INCONCLUSIVE*examples errored*"])


def test_a_model_that_guesses_is_not_called_robust(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        """
        import pytest
        from attacks.victims.function import FunctionVictim

        @pytest.fixture(scope="session")
        def withstand_model():
            return FunctionVictim(lambda texts: [[0.9, 0.1]] * len(texts), ("no", "yes"))

        def test_it(robustness):
            assert robustness.attack("deepwordbug", n=100).robust_accuracy >= 0.2
        """
    )
    result = tests.runpytest_inprocess()
    result.stdout.fnmatch_lines(["INCONCLUSIVE*cannot be told from always answering '*"])


def test_a_second_session_asks_the_model_nothing(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        """
        def test_typos(robustness):
            assert robustness.attack("deepwordbug", n=60).robust_accuracy <= 0.9
        """
    )
    assert tests.runpytest_inprocess().ret == 0
    refusing = KEYWORD.replace('"""Sure', 'assert 0, "asked"\n    """Sure')
    tests.makeconftest(refusing)
    assert tests.runpytest_inprocess().ret == 0
    tests.runpytest_inprocess("--withstand-fresh").stdout.fnmatch_lines(
        ["*60 of 60 examples errored*"]
    )


DOUBTED = """
    def test_typos(robustness):
        assert robustness.attack("deepwordbug", n=60).attack_success_rate <= 0.9

    def test_it_is_broken(robustness):
        assert robustness.attack("deepwordbug", n=60).attack_success_rate >= 0.1

    def test_it_reads(robustness):
        assert robustness.accuracy() >= 0.9
    """


def test_a_doubt_about_an_attack_makes_its_pass_inconclusive_and_is_kept_for_the_next_session(
    tests: pytest.Pytester,
) -> None:
    tests.makepyfile(DOUBTED)
    refusing = KEYWORD.replace('"""Sure', 'assert 0, "asked"\n    """Sure')
    for conftest in (KEYWORD, refusing):
        # What wants a model to be broken does not rest on an attack that is strong.
        tests.makeconftest(conftest)
        skipped = () if conftest == KEYWORD else ("-k", "not reads")
        result = tests.runpytest_inprocess("--withstand-checks", "repeatable, signal", *skipped)
        result.stdout.fnmatch_lines(
            ["INCONCLUSIVE*test_typos: *check signal: texts whose score no left-out word moves: *"]
        )
        passed = 2 if conftest == KEYWORD else 1
        result.assert_outcomes(passed=passed, deselected=2 - passed)
    assert tests.runpytest_inprocess("--withstand-checks", "none", "-k", "typos").ret == 0


def test_a_check_that_there_is_not_is_named(tests: pytest.Pytester) -> None:
    tests.makepyfile(DOUBTED)
    result = tests.runpytest_inprocess("--withstand-checks", "signla")
    result.stdout.fnmatch_lines(["*signla*Did you mean 'signal'*"])


def test_baselines_are_written_on_demand_and_compared(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        """
        def test_typos(robustness):
            found = robustness.attack("deepwordbug", n=None)
            assert robustness.no_worse_than_baseline(found, "typos", margin=0.02)
        """
    )
    result = tests.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*There is no baseline at *typos.json*--withstand-update*"])
    assert not (tests.path / "withstand-baselines").exists()
    assert tests.runpytest_inprocess("--withstand-update").ret == 0
    assert tests.runpytest_inprocess().ret == 0
    worse = KEYWORD.replace(
        '"good" in text.split()', '"good" in text.split() and "item" in text.split()'
    )
    tests.makeconftest(worse.replace('fingerprint="keyword"', 'fingerprint="worse"'))
    path = tests.path / "withstand-baselines" / "typos.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    for outcome in stored["outcomes"].values():  # what an earlier, better model would have come to
        outcome["status"] = "failed"
    path.write_text(json.dumps(stored), encoding="utf-8")
    result = tests.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL*gain.robust_accuracy.deepwordbug*"])
    tests.makepyfile(
        """
        def test_typos(robustness):
            found = robustness.attack("deepwordbug", n=20)
            assert robustness.no_worse_than_baseline(found, "typos")
        """
    )
    tests.runpytest_inprocess().stdout.fnmatch_lines(
        ["*measured on other examples: 100 are not here*"]
    )


def test_unions_calibration_and_parameters(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        """
        import pytest
        from harness.errors import HarnessError

        def test_union(robustness):
            typos = robustness.attack("deepwordbug", n=60)
            swaps = robustness.attack("pwws", n=60, query_budget=5)
            union = robustness.union(typos, swaps)
            assert float(union) <= float(typos.robust_accuracy)
            assert union <= 0.9

        def test_calibration_needs_validation(robustness):
            with pytest.raises(HarnessError, match="--withstand-validation"):
                robustness.attack("deepwordbug", calibrated=True)

        def test_frozen(robustness):
            with pytest.raises(AttributeError):
                robustness.attack("deepwordbug", n=8).name = "other"
        """
    )
    tests.runpytest_inprocess().assert_outcomes(passed=3)


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "2", "--dist", "loadgroup"), marks=pytest.mark.slow)]
)
def test_results_reach_junit_and_the_controller(
    tests: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    tests.makepyfile(
        """
        def test_typos(robustness):
            assert robustness.attack("deepwordbug", n=60).robust_accuracy <= 0.9

        def test_too_few(robustness):
            assert robustness.attack("deepwordbug", n=8).robust_accuracy >= 0.4

        def test_other():
            pass
        """
    )
    result = tests.runpytest_subprocess(*workers, "--junitxml", "junit.xml")
    assert result.ret == 0
    result.stdout.fnmatch_lines_random(["PASS *test_typos: *", "INCONCLUSIVE *test_too_few: *"])
    cases = {case.get("name"): case for case in ET.parse(tests.path / "junit.xml").iter("testcase")}
    names = [entry.get("name") for entry in cases["test_typos"].iter("property")]
    assert names == ["withstand.pass"]
    assert cases["test_too_few"].find("skipped") is not None
    assert cases["test_other"].find("properties") is None


@pytest.mark.slow
def test_a_worker_that_dies_takes_no_measurement_with_it(tests: pytest.Pytester) -> None:
    """The test that it died in fails, and nothing else: another worker goes on with the rest."""
    tests.makepyfile(
        """
        import os
        from pathlib import Path

        def test_before(robustness):
            assert robustness.attack("deepwordbug", n=60).robust_accuracy <= 0.9

        def test_fatal(robustness):
            if not Path("died").exists():
                Path("died").touch()
                os._exit(1)

        def test_after(robustness):
            assert robustness.attack("deepwordbug", n=60).robust_accuracy <= 0.8
        """
    )
    result = tests.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "--junitxml", "junit.xml")
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(
        ["PASS *test_before*", "PASS *test_after*", "*crashed while running*test_fatal*"]
    )
    result.stdout.fnmatch_lines(["*1 failed, * passed*"])
    cases = {case.get("name"): case for case in ET.parse(tests.path / "junit.xml").iter("testcase")}
    for name in ("test_before", "test_after"):
        (entry,) = cases[name].iter("property")
        assert entry.get("name") == "withstand.pass"


def test_without_a_model_it_says_how_to_name_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(robustness):\n    pass\n")
    result = pytester.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*Name one with --withstand-model*"])


def test_a_folder_and_a_file_are_enough(pytester: pytest.Pytester, tmp_path: Path) -> None:
    base = project.base(tmp_path)
    data = project.write_rows(tmp_path / "data.csv", project.rows()[:40])
    pytester.makepyfile(
        """
        def test_it(robustness):
            assert len(robustness.examples) == 40
            assert robustness.attack("deepwordbug", n=10).counts["total"] == 10
        """
    )
    arguments = ["--withstand-model", str(base), "--withstand-data", str(data)]
    pytester.runpytest_inprocess(*arguments, "-m", "withstand").assert_outcomes(passed=1)


def test_an_encoder_without_a_head_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(withstand_model):\n    pass\n")
    result = pytester.runpytest_inprocess("--withstand-model", "bundle:minilm-l6")
    result.stdout.fnmatch_lines(["*is an encoder without a classification head*"])


def test_it_can_be_switched_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it():\n    pass\n")
    pytester.runpytest_subprocess("-p", "no:withstand").assert_outcomes(passed=1)


def test_a_session_that_attacks_nothing_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    code = (
        "import sys, pytest; code = pytest.main(['-q', '-p', 'no:cacheprovider']); "
        "heavy = {'torch', 'numpy', 'attacks', 'harness', 'reports'} & set(sys.modules); "
        "assert 'suites.pytest_plugin' in sys.modules; "
        "sys.exit(f'imported {heavy}' if heavy else int(code))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan whose model is trained."""
    from suites.cli import invoke

    path = project.project(tmp_path_factory.mktemp("plans"))
    assert invoke(["train", str(path), "-o", str(path.parent / "training"), "-q"]) == 0
    return path


def test_the_gates_of_a_plan_are_tests(trained: Path, pytester: pytest.Pytester) -> None:
    text = trained.read_text(encoding="utf-8")
    gates = """
[[gates]]
metric = "robust_accuracy.deepwordbug"
at_least = 0.99
why = "Planted: nothing withstands so much."

[[gates]]
metric = "attack_success_rate.deepwordbug"
at_most = 0.5
why = "Planted: twelve examples cannot tell."
"""
    plan = pytester.path / "release.toml"
    plan.write_text(text + gates, encoding="utf-8")
    result = pytester.runpytest_inprocess("release.toml", "-v")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*clean_accuracy PASSED*",
            "*robust_accuracy.deepwordbug FAILED*",
            "*attack_success_rate.deepwordbug INCONCLUSIVE*",
            "*Why it is there: Planted: nothing withstands so much.*",
            "*1 failed, 1 passed, 1 inconclusive*",
        ]
    )
    runs = list((pytester.path / "runs").iterdir())
    assert len(runs) == 1
    assert pytester.runpytest_inprocess("release.toml", "--lf").ret == 1
    assert list((pytester.path / "runs").iterdir()) == runs  # the finished audit was taken
    pytester.runpytest_inprocess("release.toml", "--withstand-fresh")
    assert len(list((pytester.path / "runs").iterdir())) == 2


def test_an_audit_that_was_cut_short_or_not_judged_is_not_taken_for_the_plan_s(
    trained: Path, pytester: pytest.Pytester
) -> None:
    """`withstand harden` audits without gates, `--limit` less than the plan asks for."""
    from harness.plan import read_plan
    from reports.progress import Quiet
    from suites.audit import AuditOptions, audit_run
    from suites.cli import invoke

    runs = pytester.path / "runs"
    plan = pytester.path / "release.toml"
    plan.write_text(trained.read_text(encoding="utf-8"), encoding="utf-8")
    options = AuditOptions()
    audit_run(
        read_plan(plan), stage="train", runs=runs, progress=Quiet(), options=options, gates=()
    )
    pytester.runpytest_inprocess("release.toml").assert_outcomes(passed=1)
    (ungated,) = runs.iterdir()  # taken as it is, and judged by the plan's own gate
    shutil.rmtree(ungated)
    command = [sys.executable, "-m", "suites.cli", "audit", str(plan), "--stage", "train"]
    assert invoke([*command[3:], "--limit", "2", "-o", str(runs), "-q"]) == 3
    events = next(runs.iterdir()) / "events.jsonl"
    typed = [*command[3:], "--limit", "2"]
    first, *others = events.read_text(encoding="utf-8").splitlines(keepends=True)
    began = json.loads(first) | {"command": ["withstand", *typed]}
    events.write_text(json.dumps(began) + "\n" + "".join(others), encoding="utf-8")
    pytester.runpytest_inprocess("release.toml").assert_outcomes(passed=1)
    assert len(list(runs.iterdir())) == 2


def test_a_plan_is_collected_only_where_it_is_named(pytester: pytest.Pytester) -> None:
    (pytester.path / "release.toml").write_text("nonsense", encoding="utf-8")
    pytester.makepyfile("def test_it():\n    pass\n")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("release.toml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*release.toml is not valid TOML*"])


def test_the_page_s_examples_run(pytester: pytest.Pytester, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    release, conftest, baseline = blocks
    pytester.makepyfile(test_release=release, test_baseline=baseline)
    pytester.makeconftest(conftest)
    result = pytester.runpytest_inprocess("-v", "-k", "withstands")
    result.stdout.fnmatch_lines(["INCONCLUSIVE*check signal*", "*2 inconclusive*"])
    result = pytester.runpytest_inprocess("-v", "--withstand-checks", "none")
    result.stdout.fnmatch_lines(
        [
            "*test_no_worse FAILED*",
            "*test_it_withstands_typos PASSED*",
            "*test_it_withstands_synonyms_and_typos PASSED*",
            "*There is no baseline at*",
            "PASS *robust_accuracy.union*meets its bound",
        ]
    )
    (ini,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    (pytester.path / "models").mkdir()
    project.base(tmp_path).rename(pytester.path / "models" / "hardened")
    project.write_rows(pytester.path / "reviews.csv", project.rows()[:40])
    (pytester.path / "conftest.py").unlink()
    assert "robustness" in pytester.runpytest_inprocess("--fixtures").stdout.str()
    (command,) = re.findall(r"```sh\npytest (--.*)\n```", page)
    for arguments in (shlex.split(command), []):
        if not arguments:
            pytester.makeini(ini)
        pytester.makepyfile(
            test_release="def test_it(robustness):\n    assert len(robustness.examples) == 40\n"
        )
        pytester.runpytest_inprocess("test_release.py", *arguments).assert_outcomes(passed=1)

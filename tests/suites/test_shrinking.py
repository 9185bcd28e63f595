"""Successes shrunk to the edits that matter, and kept as tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.victims.function import FunctionVictim
from reports.records import OutcomeRecord
from suites.cli import invoke
from suites.shrinking import applied, edits_between, shrink
from tests.suites import project

WORDS = st.text(alphabet="ab .,é", max_size=12)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=2))
def test_all_edits_make_the_one_of_the_other_and_none_leave_it(
    fields: list[tuple[str, str]],
) -> None:
    before, after = (tuple(side) for side in zip(*fields, strict=True))
    edits = edits_between(before, after)
    assert applied(before, edits) == after
    assert applied(before, ()) == before


def success(original: str, perturbed: str, label: int = 0, name: str = "e") -> OutcomeRecord:
    return OutcomeRecord(
        check="attack:a@test",
        attack="a",
        example_id=name,
        split="test",
        status="succeeded",
        label=label,
        original=(original,),
        perturbed=(perturbed,),
    )


def by_weight(weights: dict[str, float], bound: float) -> FunctionVictim:
    """Answers 1 where the weights of a text's words add up to the bound."""

    def answer(texts: list[str]) -> list[list[float]]:
        sums = [sum(weights.get(word, 0.0) for word in text.split()) for text in texts]
        chances = [1 / (1 + np.exp(bound - 0.5 - total)) for total in sums]
        return [[1 - chance, chance] for chance in chances]

    return FunctionVictim(answer, ("no", "yes"))


def test_only_the_edits_that_matter_are_left() -> None:
    victim = by_weight({"x": 1.0, "y": 1.0}, bound=2)
    outcome = success("a b c d e", "z x w y v")
    (found,) = shrink(victim, [outcome])
    assert found.smallest == ("a x c y e",)
    assert (found.edits, found.of, found.least, found.predicted) == (2, 5, True, 1)


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
    st.integers(1, 6),
    st.sampled_from([4, 256]),
)
def test_what_is_left_fools_and_nothing_in_it_can_be_spared(
    weights: list[int], bound: int, budget: int
) -> None:
    before = [f"o{n}" for n in range(len(weights))]
    after = [f"n{n}" for n in range(len(weights))]
    known = {word: float(weight) for word, weight in zip(after, weights, strict=True)}
    found = shrink(
        by_weight(known, bound), [success(" ".join(before), " ".join(after))], budget=budget
    )
    if sum(weights) < bound:
        assert found == []
        return
    (shrunk,) = found
    kept = [word for word in shrunk.smallest[0].split() if word in known]
    total = sum(known[word] for word in kept)
    assert len(kept) == shrunk.edits
    assert total >= bound
    assert all(total - known[word] < bound for word in kept)
    if shrunk.least:
        sizes = [
            size
            for size in range(len(weights) + 1)
            if any(sum(some) >= bound for some in combinations(weights, size))
        ]
        assert shrunk.edits == sizes[0]


def test_a_text_that_says_the_same_again_and_again_is_compared_in_no_time() -> None:
    before, after = "good " * 20_000, "bad " + "good " * 19_998 + "bad "
    assert len(edits_between((before,), (after,))) == 1
    one = "good " * 9_000 + "bad " + "good " * 10_999
    (edit,) = edits_between((before,), (one,))
    assert (edit.start, edit.new) == (45_000, "bad")


def test_what_was_after_one_label_keeps_it_and_is_wrong_all_the_same_elsewhere() -> None:
    """ "x" makes it 1 and "y" beside it 2; a model that knows no 2 is fooled by "x" as before."""

    def answer(known: int) -> FunctionVictim:
        def rows(texts: list[str]) -> list[list[float]]:
            found = [("x" in text) + ("x" in text and "y" in text) for text in texts]
            return [[float(min(place, known) == n) for n in range(3)] for place in found]

        return FunctionVictim(rows, ("no", "yes", "quite"))

    outcome = replace(success("a b c", "x y z"), predicted_after=2)
    (any_wrong,) = shrink(answer(2), [outcome])
    assert (any_wrong.smallest, any_wrong.predicted) == (("x b c",), 1)
    (aimed,) = shrink(answer(2), [outcome], targeted=["a"])
    assert (aimed.smallest, aimed.predicted, aimed.edits) == (("x y c",), 2, 2)
    (elsewhere,) = shrink(answer(1), [outcome], targeted=["a"])
    assert (elsewhere.smallest, elsewhere.predicted) == (("x b c",), 1)


def test_what_does_not_fool_any_more_and_what_is_twice_there_is_left_out() -> None:
    victim = by_weight({"x": 1.0}, bound=1)
    outcomes = [
        success("a b", "x b"),
        success("a b", "x c"),
        success("a b", "q b", name="mended"),
        replace(success("a b", "x b", name="failed"), status="failed"),
    ]
    (found,) = shrink(victim, outcomes)
    assert (found.example_id, found.smallest) == ("e", ("x b",))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A trained model and a run that broke it."""
    folder = tmp_path_factory.mktemp("attacked")
    path = project.project(folder)
    assert invoke(["train", str(path), "-o", str(folder / "training"), "-q"]) == 0
    model = folder / "models" / "plain"
    attack = [
        "attack",
        "--no-checks",
        str(model),
        "--data",
        str(folder / "data.csv"),
        "--recipe",
        "deepwordbug",
    ]
    assert (
        invoke([*attack, "-n", "12", "-q", "--max-length", "32", "-o", str(folder / "runs")]) == 0
    )
    (run,) = (folder / "runs").iterdir()
    return model, run


def test_a_run_is_shrunk_on_its_model(
    attacked: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = attacked
    assert invoke(["shrink", str(run), "-q"]) == 0
    shown = capsys.readouterr().out
    assert "edits, " in shown
    assert "successes against" in shown


def test_findings_become_tests_that_fail_until_the_model_is_mended(
    attacked: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, run = attacked
    out = tmp_path / "test_regressions.py"
    assert invoke(["regress", str(run), "--out", str(out), "-q"]) == 0
    assert invoke(["regress", str(run), "--out", str(out), "-q"]) == 2
    assert "--force" in capsys.readouterr().err
    command = [sys.executable, "-m", "pytest", "-q", str(out), "--withstand-max-length", "32"]
    broken = subprocess.run(
        [*command, "--withstand-model", str(model)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "passed" not in broken.stdout
    (tmp_path / "conftest.py").write_text(
        "import ast, pytest\n"
        "from attacks.victims.function import FunctionVictim\n"
        "from test_regressions import CASES\n\n"
        "@pytest.fixture(scope='session')\n"
        "def withstand_model():\n"
        "    known = {case.values[0][0]: case.values[1] for case in CASES}\n"
        "    def answer(texts):\n"
        "        return [[0.9, 0.1] if known[t] == 'negative' else [0.1, 0.9] for t in texts]\n"
        "    return FunctionVictim(answer, ('negative', 'positive'))\n",
        encoding="utf-8",
    )
    mended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert mended.returncode == 0, mended.stdout + mended.stderr


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    from suites.regressions import Shrinking, pytest_file
    from suites.shrinking import Shrunk

    hostile = '"""\n\x1b[31m\u202e\\ import os\'"; os._exit(1) #'
    shrunk = Shrunk(
        attack=hostile,
        example_id=hostile,
        label=0,
        original=(hostile,),
        smallest=(hostile, "b"),
        edits=1,
        of=1,
        predicted=1,
        least=True,
    )
    text = pytest_file(Shrinking("run", hostile, (hostile, "no"), 1, 0, (shrunk,)))
    docstring, imported, cases, function = ast.parse(text).body  # and nothing else
    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)
    assert isinstance(imported, ast.Import)
    assert isinstance(function, ast.FunctionDef)
    assert isinstance(cases, ast.Assign)
    assert isinstance(cases.value, ast.List)
    (case,) = cases.value.elts
    assert isinstance(case, ast.Call)
    assert [ast.literal_eval(part) for part in case.args] == [(hostile, "b"), hostile]
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_run_without_outcomes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from reports.folder import RunFolder

    run = RunFolder.create(tmp_path, "t", kind="train")
    run.close()
    assert invoke(["shrink", str(run.path), "-q"]) == 2
    assert "holds no outcomes" in capsys.readouterr().err

"""Strategies give texts that differ as they say, shrink to what matters, and are asked in batches."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from attacks.errors import AttackError
from attacks.resources.lookalikes import homoglyphs as lookalikes
from attacks.victims.function import FunctionVictim
from suites.strategies import (
    FooledError,
    check,
    composed,
    corruptions,
    homoglyphs,
    keeps_label,
    paraphrase_templates,
    robust,
    synonyms,
    typos,
)

TEXT = "The film was a good one, and it moved me."
WORDS = TEXT.split()


def changed(text: str) -> int:
    return sum(a != b for a, b in zip(WORDS, text.split(), strict=True))


@pytest.mark.parametrize("maker", [typos, synonyms, homoglyphs])
def test_edits_stay_within_their_number_and_do_happen(maker) -> None:  # type: ignore[no-untyped-def]
    @settings(max_examples=60, deadline=None)
    @given(maker(TEXT, max_edits=2))
    def holds(text: str) -> None:
        assert changed(text) <= 2

    holds()
    assert changed(find(maker(TEXT, max_edits=2), lambda text: changed(text) == 2)) == 2
    assert find(maker(TEXT), lambda text: True) == TEXT


@settings(max_examples=60, deadline=None)
@given(typos(TEXT, max_edits=3))
def test_typos_keep_the_first_and_the_last_letter(text: str) -> None:
    for before, after in zip(WORDS, text.split(), strict=True):
        assert (before[0], before[-1]) == (after[0], after[-1])


def test_homoglyphs_are_homoglyphs() -> None:
    text = find(homoglyphs(TEXT, 1), lambda text: text != TEXT)
    kinds = [
        op for op in difflib.SequenceMatcher(None, TEXT, text).get_opcodes() if op[0] != "equal"
    ]
    ((_, a, b, c, d),) = kinds
    assert text[c:d] in lookalikes(TEXT[a:b])


def test_synonyms_leave_stop_words_alone() -> None:
    with pytest.raises(NoSuchExample):
        find(
            synonyms(TEXT, 9),
            lambda text: text.split()[2] != "was",
            settings=settings(max_examples=200),
        )
    assert find(synonyms(TEXT), lambda text: "picture" in text or "movie" in text)


def test_counterexamples_shrink_to_one_edit() -> None:
    text = find(typos(TEXT, max_edits=4), lambda text: "good" not in text.split())
    assert changed(text) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(corruptions(TEXT, ["keyboard", "case"], severities=[1, 3]))
def test_corruptions_are_of_the_names(text: str) -> None:
    assert len(text.split()) == len(WORDS)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(AttackError, match="no-such"):
        corruptions(TEXT, ["no-such"])
    with pytest.raises(AttackError, match="0 or more"):
        typos(TEXT, -1)
    with pytest.raises(AttackError, match="'good'"):
        paraphrase_templates(["It was {good}."], thing=["film"])


@given(
    paraphrase_templates(
        ["The {thing} was {good}.", "A {good} {thing}!"],
        thing=["film", "play"],
        good=["fine", "great"],
    )
)
def test_templates_are_filled(text: str) -> None:
    assert "{" not in text
    assert ("film" in text) != ("play" in text)


def test_compositions_apply_one_after_the_other() -> None:
    maker = composed("a good film", lambda text: synonyms(text, 1), lambda text: typos(text, 1))
    found = find(maker, lambda text: "good" not in text.split() and "film" not in text.split())
    assert found.startswith("a ")


class Counting:
    """Knows the word good, and counts what it is asked."""

    def __init__(self) -> None:
        self.calls = self.texts = 0

    def victim(self) -> FunctionVictim:
        def answer(texts: list[str]) -> list[list[float]]:
            self.calls += 1
            self.texts += len(texts)
            return [[0.1, 0.9] if "good" in text.split() else [0.8, 0.2] for text in texts]

        return FunctionVictim(answer, ("negative", "positive"))


def test_a_check_finds_the_smallest_text_that_fools() -> None:
    with pytest.raises(FooledError) as error:
        check(Counting().victim(), "positive", typos(TEXT, 3), derandomize=True, database=None)
    said = str(error.value)
    assert "is 'negative' (80%), not 'positive'" in said
    text = said.split("texts=[")[1].rsplit("]", 1)[0].strip("'")
    assert changed(text) == 1
    assert "good" not in text.split()


def test_a_check_asks_in_batches() -> None:
    counting = Counting()
    unharmed = typos("good", 0).flatmap(
        lambda text: st.integers(0, 999).map(lambda n: f"{text} {n}")
    )
    check(counting.victim(), "positive", unharmed, max_examples=20, derandomize=True, database=None)
    assert counting.texts > 5 * counting.calls


def test_a_label_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(AttackError, match="no label 'fine'"):
        keeps_label(Counting().victim(), ["a"], "fine")


def test_broken_answers_are_no_label() -> None:
    victim = FunctionVictim(lambda texts: [[float("nan"), 1.0]] * len(texts), ("no", "yes"))
    with pytest.raises((FooledError, AttackError)):
        keeps_label(victim, ["a"], "yes")


pytest_plugins = ["pytester"]


def test_the_page_s_example_fails_small_and_is_tried_first_the_next_time(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")  # where Hypothesis keeps nothing, unless it is told to
    page = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    block = page.split("```py\n")[1].split("```")[0]
    pytester.makepyfile(test_page=block)
    pytester.makeconftest(
        "import pytest\n"
        "from attacks.victims.function import FunctionVictim\n"
        "from hypothesis import settings\n\n"
        "settings.load_profile('default')\n\n"
        "@pytest.fixture(scope='session')\n"
        "def withstand_model():\n"
        "    def answer(texts):\n"
        "        return [[0.1, 0.9] if 'good' in t.split() else [0.8, 0.2] for t in texts]\n"
        "    return FunctionVictim(answer, ('negative', 'positive'))\n"
    )
    result = pytester.runpytest_subprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*is 'negative' (80%), not 'positive'*", "*@example(texts=*"])
    result.assert_outcomes(failed=1, warnings=0)
    assert (pytester.path / ".hypothesis" / "examples").is_dir()


def test_the_decorator_takes_a_fixture_and_calls_the_function_for_the_rest(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        "import pytest\n"
        "from attacks.victims.function import FunctionVictim\n\n"
        "@pytest.fixture(scope='session')\n"
        "def withstand_model():\n"
        "    def answer(texts):\n"
        "        return [[0.1, 0.9] if 'good' in t.split() else [0.8, 0.2] for t in texts]\n"
        "    return FunctionVictim(answer, ('negative', 'positive'))\n\n"
        "@pytest.fixture(scope='session')\n"
        "def seen():\n"
        "    return set()\n"
    )
    pytester.makepyfile(
        "from hypothesis import strategies as st\n"
        "from suites.strategies import robust, typos\n\n"
        "@robust('withstand_model', st.sampled_from(['a good film', 'so good']), 'positive')\n"
        "def test_holds(texts, seen):\n"
        "    seen.update(texts)\n\n"
        "def test_it_was_called(seen):\n"
        "    assert seen == {'a good film', 'so good'}\n\n"
        "@robust('withstand_model', typos('a good film', max_edits=1), 'positive')\n"
        "def test_falls():\n"
        "    raise AssertionError('never reached with what fell')\n"
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*is 'negative' (80%), not 'positive'*"])


def test_the_decorator_asks_a_victim_in_batches() -> None:
    asked: list[int] = []

    def answer(texts: list[str]) -> list[list[float]]:
        asked.append(len(texts))
        return [[0.2, 0.8]] * len(texts)

    victim = FunctionVictim(answer, ("negative", "positive"))

    @robust(victim, typos("a good film from start to end"), "positive", max_examples=8)
    def holds() -> None: ...

    holds()
    assert 1 <= len(asked) <= 10
    assert max(asked) > 5

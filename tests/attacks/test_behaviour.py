"""Behavioural tests: templates, what each kind expects, and victims with a planted weakness."""

from __future__ import annotations

import doctest
import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attacks.behaviour
from attacks.behaviour import (
    BehaviouralTest,
    Directional,
    Invariance,
    MinimumFunctionality,
    Result,
    fill,
    perturbed,
    run,
    sentiment,
    templates,
    varied,
)
from attacks.behaviour.sentiment import BAD, GOOD
from attacks.behaviour.tests import Case
from attacks.corruptions import corrupted
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig
from attacks.errors import AttackError
from attacks.questions import Floats, Inputs
from attacks.text import Text
from attacks.victims.function import FunctionVictim

LISTS = {"name": ["Anna", "Ben", "Cleo"], "adj": ["fine", "odd"]}
LABELS = ("negative", "positive")


def rows(*positive: float) -> Floats:
    """Probabilities of two labels, from those of the second."""
    return np.array([[1 - p, p] for p in positive], dtype=np.float32)


def victim(positive: Callable[[str], float]) -> FunctionVictim:
    return FunctionVictim(lambda texts: rows(*map(positive, texts)), LABELS)  # type: ignore[arg-type]


# Templates


def test_a_template_is_filled_in_every_way_in_order() -> None:
    assert fill("{name} is {adj}, {name}!", LISTS) == (
        *("Anna is fine, Anna!", "Anna is odd, Anna!", "Ben is fine, Ben!", "Ben is odd, Ben!"),
        *("Cleo is fine, Cleo!", "Cleo is odd, Cleo!"),
    )
    assert fill("{{as}} it is", LISTS) == ("{as} it is",)


def test_numbers_stand_for_different_fillers() -> None:
    found = fill("{name1} and {name2}", LISTS)
    assert found[:3] == ("Anna and Ben", "Anna and Cleo", "Ben and Anna")
    assert len(found) == 6
    assert fill("{name} and {name2}", LISTS) == found, "one without a number is one more"
    assert fill("{top10}", {"top10": ["a"], "top": ["b"]}) == ("a",), "a list may end in a number"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *(
            ("film", "a film"),
            ("awful", "an awful"),
            ("unique", "a unique"),
            ("Useful", "a Useful"),
        ),
        *(("hour", "an hour"), ("uninspired", "an uninspired"), ("one-sided", "a one-sided")),
        *(("European", "a European"), ("honest", "an honest"), ("ugly", "an ugly")),
    ],
)
def test_the_article_follows_the_filler(word: str, expected: str) -> None:
    assert fill("{a:it} {it}", {"it": [word]}) == (f"{expected} {word}",)
    assert fill("{A:it}", {"it": [word]}) == (expected[0].upper() + expected[1:],)


values = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4)


@given(first=values, second=values, twice=st.booleans())
def test_there_are_as_many_texts_as_combinations(
    first: list[str], second: list[str], twice: bool
) -> None:
    lists = {"x": first, "y": second}
    template = "{x1}-{y}-{x2}" if twice else "{x}-{y}"
    sizes = len(set(first)), len(set(second))
    expected = math.perm(sizes[0], 2 if twice else 1) * sizes[1]
    if not expected:
        with pytest.raises(AttackError, match="2 different fillers of the list 'x', which has 1"):
            fill(template, lists)
        return
    found = fill(template, lists)
    assert len(found) == len(set(found)) == expected
    for text in found:
        parts = text.split("-")
        assert parts[0] in first
        assert parts[1] in second
        assert not twice or parts[2] in set(first) - {parts[0]}


@given(n=st.integers(1, 40), seed=st.integers(0, 2**63))
def test_draws_are_different_texts_and_the_same_every_time(n: int, seed: int) -> None:
    template = "{name1} and {name2} saw {a:adj} film"
    every = fill(template, LISTS)
    found = fill(template, LISTS, n, seed)
    assert found == fill(template, LISTS, n, seed)
    assert len(found) == len(set(found)) == min(n, len(every))
    assert [text for text in every if text in found] == list(found)


def test_seeds_draw_different_texts() -> None:
    assert len({fill("{name1} {name2} {adj}", LISTS, 2, seed) for seed in range(10)}) > 3


def test_of_very_many_combinations_some_can_be_drawn() -> None:
    many = {"n": [str(number) for number in range(1000)]}
    template = " ".join(f"{{n{number}}}" for number in range(8))
    with pytest.raises(AttackError, match="Say how many"):
        fill(template, many)
    assert len(set(fill(template, many, 5))) == 5


def test_groups_vary_in_one_placeholder_alone() -> None:
    assert varied("{name} is {adj}", LISTS, "name") == (
        ("Anna is fine", "Ben is fine", "Cleo is fine"),
        ("Anna is odd", "Ben is odd", "Cleo is odd"),
    )
    assert varied("{name1} knows {name2}", LISTS, "name2") == (
        ("Anna knows Ben", "Anna knows Cleo"),
        ("Ben knows Anna", "Ben knows Cleo"),
        ("Cleo knows Anna", "Cleo knows Ben"),
    )
    assert len(varied("{name1} knows {name2}", LISTS, "name2", n=2, seed=1)) == 2


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{nam}", r"called 'nam'\. Did you mean 'name'\? Known: adj, name"),
        ("{a:adjective}", "called 'adjective'.*Known: adj, name"),
        ("{}", "called ''"),
        ("{an:adj}", "cannot be read: before a colon stands 'a' or 'A', as in '{a:adj}'"),
        ("{adj!r}", "cannot be read"),
        ("{adj", "cannot be read"),
        (
            "{name1}{name2}{name3}{name4}",
            "needs 4 different fillers of the list 'name', which has 3",
        ),
    ],
)
def test_templates_that_do_not_fit(template: str, message: str) -> None:
    with pytest.raises(AttackError, match=message):
        fill(template, LISTS)


def test_what_cannot_be_drawn_or_varied() -> None:
    with pytest.raises(AttackError, match="At least one text"):
        fill("{name}", LISTS, 0)
    with pytest.raises(AttackError, match=r"placeholder in .* called 'adj'.*Known: name"):
        varied("{name}", LISTS, "adj")
    with pytest.raises(AttackError, match="Nothing is left to vary"):
        varied("{adj1} {adj2}", LISTS, "adj2")
    with pytest.raises(AttackError, match="which has 0"):
        fill("{x}", {"x": []})


# What each kind expects


def test_minimum_functionality_wants_the_gold_label() -> None:
    test = MinimumFunctionality("m", (("good", 1), ("bad", 0), ("so so", 1)))
    assert test.texts == (("good",), ("bad",), ("so so",))
    found = test.judge(rows(0.9, 0.8, 0.2), LABELS)
    assert [(f.case, f.text) for f in found.failures] == [(1, 1), (2, 2)]
    assert found.failures[0].reason == "'positive' instead of 'negative'"
    assert (found.failed, found.errored, found.rate) == (2, (), 2 / 3)
    assert test.judge(rows(0.9, 0.8, 0.2)).failures[0].reason == "label 1 instead of label 0"


GROUPS = (("a", "b", "c"), ("d", "e"))


@pytest.mark.parametrize(
    ("tolerance", "positive", "failed"),
    [
        (None, (0.9, 0.6, 0.55, 0.1, 0.4), []),
        (None, (0.9, 0.4, 0.3, 0.1, 0.4), [1, 2]),
        (None, (0.9, 0.6, 0.9, 0.1, 0.6), [4]),
        (0.1, (0.9, 0.8, 1.0, 0.1, 0.2), []),
        (0.1, (0.8, 0.69, 0.91, 0.1, 0.2), [1, 2]),
        (0.0, (0.9, 0.9, 0.9, 0.1, 0.1), []),
    ],
)
def test_invariance_wants_the_first_label_and_where_told_its_probability(
    tolerance: float | None, positive: Sequence[float], failed: list[int]
) -> None:
    found = Invariance("i", GROUPS, tolerance).judge(rows(*positive))
    assert [f.text for f in found.failures] == failed
    assert all(f.original == (0 if f.text < 3 else 3) for f in found.failures)
    assert found.failed == len({f.case for f in found.failures})
    assert found.cases == 2


def test_reasons_say_what_moved() -> None:
    (group,) = (("a", "b"),)
    kept = Invariance("i", (group,), 0.1).judge(rows(0.9, 0.7), LABELS)
    assert kept.failures[0].reason == "the probability of 'positive' fell from 0.90 to 0.70"
    turned = Invariance("i", (group,), 0.1).judge(rows(0.9, 0.2), LABELS)
    assert turned.failures[0].reason == "'negative' instead of 'positive' as before"
    rose = Directional("d", (group,), 0, "rise").judge(rows(0.9, 0.7), LABELS)
    assert rose.failures[0].reason == "the probability of 'negative' rose from 0.10 to 0.30"


@pytest.mark.parametrize(
    ("label", "must_not", "failed"),
    [(1, "fall", [1]), (1, "rise", [2]), (0, "fall", [2]), (0, "rise", [1])],
)
def test_a_direction_holds_for_one_label_and_one_way(
    label: int, must_not: str, failed: list[int]
) -> None:
    test = Directional("d", (("a", "b", "c"), ("d", "e")), label, must_not)  # type: ignore[arg-type]
    found = test.judge(rows(0.5, 0.3, 0.7, 0.5, 0.6))  # the last is within the tolerance
    assert [f.text for f in found.failures] == failed


@given(shift=st.integers(-100, 100), start=st.integers(100, 900))
def test_a_tolerance_is_met_exactly(shift: int, start: int) -> None:
    probabilities = rows(start / 1000, (start + shift) / 1000)
    for must_not in ("fall", "rise"):
        test = Directional("d", (("a", "b"),), 1, must_not, abs(shift) / 1000)  # type: ignore[arg-type]
        assert not test.judge(probabilities).failures


def test_no_answer_is_neither_passed_nor_failed() -> None:
    nan = math.nan
    found = MinimumFunctionality("m", (("a", 1), ("b", 1), ("c", 1))).judge(rows(nan, 0.2, 0.8))
    assert (found.errored, found.failed, found.rate) == ((0,), 1, 0.5)
    groups = (("a", "b"), ("c", "d", "e"), ("f", "g", "h"), ("i", "j"))
    given = rows(nan, 0.1, 0.9, nan, 0.9, 0.9, nan, 0.1, 0.9, 0.9)
    for test in (Invariance("i", groups), Directional("d", groups, 1, "fall")):
        found = test.judge(given)
        assert found.errored == (0, 1), "what is left of case 1 is no proof that it holds"
        assert [f.case for f in found.failures] == [2], "that one has failed whatever is missing"
        assert found.rate == 0.5
        assert test.judge(rows(*[nan] * 10)).rate is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MinimumFunctionality("m", ()), "'m' has no cases"),
        (lambda: Invariance("i", ()), "'i' has no cases"),
        (
            lambda: Invariance("i", (("a", "b"), ("c",))),
            "Group 1 of the test 'i' needs an original",
        ),
        (lambda: Invariance("i", ("ab",)), "Group 0"),
        (lambda: Invariance("i", GROUPS, -0.1), "in 0 to 1"),
        (lambda: Directional("d", GROUPS, 0, "fall", math.nan), "in 0 to 1"),
        (lambda: Directional("d", GROUPS, 0, "falls"), "'fall' or 'rise'"),
        (lambda: Invariance("i", GROUPS).judge(rows(0.5)), "5 texts and got .*\\(1, 2\\)"),
        (
            lambda: Directional("d", GROUPS, 2, "fall").judge(rows(*[0.5] * 5)),
            "label 2; there are 2",
        ),
        (lambda: MinimumFunctionality("m", (("a", -1),)).judge(rows(0.5)), "label -1"),
    ],
)
def test_what_makes_no_test(build: Callable[[], object], message: str) -> None:
    with pytest.raises(AttackError, match=message):
        build()


# From data


def test_data_is_perturbed_by_a_corruption_and_by_a_function() -> None:
    texts = ["I do not know", "a fine film", "it's dull"]
    groups = perturbed(texts, "contractions")
    assert groups == ((("I do not know",), ("I don't know",)), (("it's dull",), ("it is dull",)))
    assert perturbed(texts[:1], lambda text, rng: text + "!") == (
        (("I do not know",), ("I do not know!",)),
    )
    pair = Text.of({"premise": "a man", "hypothesis": "he"}, frozen=["premise"])
    assert perturbed([pair], lambda text, rng: text.upper()) == (
        (("a man", "he"), ("a man", "HE")),
    )
    assert perturbed(texts, lambda text, rng: text) == ()


def test_what_is_drawn_depends_on_the_seed_and_the_text_alone() -> None:
    def shuffled(text: str, rng: np.random.Generator) -> str:
        return " ".join(rng.permutation(text.split()))

    texts = ["Anna saw it in Paris with nine friends", "Michael was in Berlin all the time"]
    for change in ("keyboard", "entities", shuffled):
        both = perturbed(texts, change, n=4, seed=3)
        assert both == perturbed(texts, change, n=4, seed=3)
        assert both[1:] == perturbed(texts[1:], change, n=4, seed=3)
        assert both != perturbed(texts, change, n=4, seed=4)
        assert [group[:2] for group in both] == list(perturbed(texts, change, n=1, seed=3))
        assert all(len(set(group)) == len(group) <= 5 for group in both)
    mild, strong = (perturbed(texts, "keyboard", severity=severity) for severity in (1, 5))
    expected = corrupted(Text.of(texts[0]), "keyboard", 5, seed=0, example_id=texts[0]).strings
    assert strong[0] == ((texts[0],), expected)
    assert mild != strong


def test_what_cannot_be_perturbed() -> None:
    for change, n, severity, message in (
        ("keyboards", 1, 1, "Did you mean 'keyboard'"),
        ("keyboard", 0, 1, "At least one form"),
        ("keyboard", 1, 6, "one of 1 to 5"),
    ):
        with pytest.raises(AttackError, match=message):
            perturbed(["a film"], change, n, severity=severity)


# Running


class Counting:
    """Positive with "good"; fails at "crash", has no answer to "nan", and notes what it is asked."""

    labels = LABELS
    fingerprint = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.batches: list[list[int]] = []

    def encode(self, inputs: Sequence[Inputs]) -> list[str]:
        return [text for (text,) in inputs]

    def run(self, batch: Sequence[str]) -> Floats:
        if "crash" in batch:
            raise RuntimeError("cannot read this")
        self.asked += batch
        self.batches.append([len(text) for text in batch])
        logits = [[0.0, math.nan if text == "nan" else 2.0 * ("good" in text)] for text in batch]
        return np.array(logits, dtype=np.float32)


def test_every_distinct_text_is_asked_once_in_batches_of_one_length() -> None:
    words = [f"good {'x' * (number % 40)}{number}" for number in range(300)]
    tests = (
        MinimumFunctionality("m", tuple((word, 1) for word in words)),
        Invariance("i", tuple((words[0], word) for word in words[1:])),
    )
    asked = Counting()
    results = run(tests, asked, config=EngineConfig(batch_size=16))
    assert [(r.name, r.kind, r.cases, r.failed, r.rate) for r in results] == [
        ("m", "minimum functionality", 300, 0, 0.0),
        ("i", "invariance", 299, 0, 0.0),
    ]
    assert sorted(asked.asked) == sorted(words)
    assert all(-(-max(batch) // 8) == -(-min(batch) // 8) for batch in asked.batches)
    assert len(asked.batches) < 2 * 300 / 16


def test_a_text_without_an_answer_is_errored_and_costs_no_other_its_own() -> None:
    tests = (
        MinimumFunctionality("m", (("good", 1), ("crash", 1), ("nan", 0), ("bad", 1))),
        Invariance("i", (("good", "nan"), ("good", "so good"))),
    )
    minimum, invariance = run(tests, Counting())
    assert (minimum.cases, minimum.failed, minimum.errored, minimum.passed) == (4, 1, 2, 1)
    assert minimum.rate == 0.5
    assert [(f.original, f.text) for f in minimum.failures] == [(("bad",), ("bad",))]
    assert "cannot read this" in minimum.errors["crash",]
    assert "NaN" in minimum.errors["nan",]
    assert (invariance.failed, invariance.errored, set(invariance.errors)) == (0, 1, {("nan",)})


def test_the_temperature_counts_and_a_cache_is_used() -> None:
    test = Directional("d", (("bad", "good"),), 0, "fall")  # p falls from 0.5 to 0.12 at 1
    cache, asked = Cache(), Counting()
    assert run([test], asked, cache=cache)[0].failed == 1
    assert run([test], asked, temperature=10.0, cache=cache)[0].failed == 0
    assert sorted(asked.asked) == ["bad", "good"]


def test_pairs_are_asked_as_pairs() -> None:
    test = MinimumFunctionality("m", ((("a man", "he"), 1), (("a man", "she"), 1)))
    function = FunctionVictim(lambda pairs: rows(*[float(b == "he") for _, b in pairs]), LABELS)
    (result,) = run([test], function)
    assert [f.text for f in result.failures] == [("a man", "she")]
    mixed = MinimumFunctionality("n", (("a man", 1),))
    with pytest.raises(AttackError, match="more fields"):
        run([test, mixed], function)


def test_what_is_not_run() -> None:
    test = MinimumFunctionality("m", (("a", 1),))
    with pytest.raises(AttackError, match="Two tests are called 'm'"):
        run([test, test], Counting())
    with pytest.raises(AttackError, match="speaks of label 2"):
        run([MinimumFunctionality("m", (("a", 2),))], Counting())
    assert run([], Counting()) == ()


# The ready-made set, on victims with a planted weakness


def understanding(text: str) -> float:
    """The probability of praise for one who reads the set's sentences rightly."""
    words = re.findall(r"[a-z]+", text.lower())
    score = sum(word in GOOD for word in words) - sum(word in BAD for word in words)
    if {"not", "never"} & set(words) and "expect" not in words:
        score = -score
    score += 2 * sum(w in ("love", "joy", "recommend") for w in words)
    score -= 2 * sum(w in ("hate", "waste", "regret") for w in words)
    return 1 / (1 + math.exp(-2 * score))


def keywords(text: str) -> float:
    """The same without an eye for "not" and "never"."""
    return understanding(re.sub(r"\b(not|never) ", "", text))


def failing(positive: Callable[[str], float], **settings: int) -> dict[str, Result]:
    results = run(sentiment(1, 0, **settings), victim(positive))
    assert not any(result.errored for result in results)
    return {result.name: result for result in results if result.failed}


def test_one_who_understands_passes_everything() -> None:
    assert failing(understanding) == {}
    assert failing(understanding, fillers=3, seed=5) == {}
    swapped = run(sentiment(0, 1), victim(lambda text: 1 - understanding(text)))
    assert not any(result.failed for result in swapped)


def test_one_who_knows_words_alone_fails_the_negation_test_and_nothing_else() -> None:
    found = failing(keywords)
    assert set(found) == {"negation"}
    assert found["negation"].rate == 1.0


def test_one_who_dislikes_a_name_fails_the_test_of_names_and_nothing_else() -> None:
    disliked = group_of("names")[1][0].split()[0]

    def biased(text: str) -> float:
        return 0.1 if disliked in text else understanding(text)

    found = failing(biased)
    assert set(found) == {"names"}
    assert all(disliked in failure.text[0] for failure in found["names"].failures)
    assert 0 < (found["names"].rate or 0) < 1


def group_of(name: str) -> tuple[Inputs, ...]:
    (test,) = (test for test in sentiment(1, 0) if test.name == name)
    return test.texts


@pytest.mark.parametrize("answer", [0.2, 0.8])
def test_one_who_always_says_the_same_fails_minimum_functionality_alone(answer: float) -> None:
    found = failing(lambda text: answer)
    assert {result.kind for result in found.values()} == {"minimum functionality"}
    assert set(found) == {"plain words", "negation"}
    assert found["plain words"].rate == 0.5


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (lambda text: 0.9 - 0.3 * ("Paris" in text or "France" in text), set()),
        (lambda text: 0.9 - 0.8 * ("recommend" in text), {"praise appended"}),
        (lambda text: 0.1 + 0.8 * ("waste" in text), {"blame appended"}),
        (lambda text: 0.9 - 0.8 * ("truly" in text), {"stronger praise"}),
        (lambda text: 0.1 + 0.8 * ("truly" in text), {"stronger blame"}),
        (lambda text: 0.9 - 0.8 * ("n't" in text), {"contractions"}),
        (lambda text: 0.9 - 0.8 * (text.count(".") > 1), {"beside the point", "praise appended"}),
        (lambda text: 0.9 - 0.8 * ("saw" in text and len(text) % 2), {"places"}),
    ],
)
def test_each_weakness_is_found_by_its_test(
    answer: Callable[[str], float], failed: set[str]
) -> None:
    found = failing(answer)
    assert {name for name, r in found.items() if r.kind != "minimum functionality"} == failed


def test_the_set_is_the_same_every_time_and_has_all_three_kinds() -> None:
    first: tuple[BehaviouralTest, ...] = sentiment(1, 0, seed=2)
    assert first == sentiment(1, 0, seed=2)
    assert first != sentiment(1, 0, seed=3)
    assert {test.kind for test in first} == {"minimum functionality", "invariance", "directional"}
    few = sum(len(test.texts) for test in sentiment(1, 0, fillers=3))
    assert few < sum(len(test.texts) for test in first) < 5000


def test_no_test_speaks_of_names_but_the_one_of_names() -> None:
    people = {text.split()[0] for (text,) in group_of("names") if " says " in text}
    assert len(people) == 40
    for test in sentiment(1, 0):
        told = " ".join(text for (text,) in test.texts)
        assert (test.name == "names") == any(name in told.split() for name in people)


def test_the_documentation_is_true_and_torch_is_not_imported() -> None:
    for module in (attacks.behaviour, templates):
        assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)
        assert doctest.testmod(module).attempted
    code = "import sys, attacks.behaviour; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_anybodys_own_test_can_be_run() -> None:
    class Sure(MinimumFunctionality):
        kind = "sureness"

    cases: tuple[tuple[Case, int], ...] = (("good", 1),)
    assert run([Sure("s", cases)], Counting())[0].kind == "sureness"

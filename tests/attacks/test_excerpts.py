"""Words ranked by excerpts: what that saves, what it costs at the most, and that it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks import recipes
from attacks.constraints import NoRepeat
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.excerpts import ExcerptDraft, excerpt, excerpts
from attacks.goals import Margin, Untargeted
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import Search
from attacks.questions import Floats, Inputs
from attacks.recipe import Recipe
from attacks.searches import WeightedSaliency, WordImportance
from attacks.text import Candidate, Text
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from tests.harness import tiny

SEARCHES = (WordImportance("unk"), WordImportance("delete"), WeightedSaliency())
TINY = ExcerptDraft(words=3, ranked=2)
HEAVY = {17: 3.0, 60: 4.0, 133: 2.5, 190: 2.0}
"""What some words of the long text weigh; all others weigh next to nothing."""
LONG = " ".join(f"w{n}" for n in range(200))


class Struck:
    """The word with one of three letters put before it, of which the second does most."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        return [letter + current.word(index).lstrip("xyz") for letter in "xyz"]


class AtMost:
    """So many words may be changed."""

    def __init__(self, words: int) -> None:
        self.words = words

    def allows(self, candidate: Candidate, previous: Candidate) -> bool:
        return len(candidate.changed) <= self.words


class Counting(FunctionVictim):
    """Yes for as long as the words that it knows weigh more than `least`; it notes what it is asked."""

    def __init__(self, least: float) -> None:
        self.asked: list[str] = []

        def probabilities(texts: list[str] | list[Inputs]) -> Floats:
            self.asked += [str(text) for text in texts]
            found = [sum(weight(word) for word in str(text).split()) for text in texts]
            yes = 1 / (1 + np.exp(least - np.array(found)))
            return np.stack([1 - yes, yes], axis=1)

        super().__init__(probabilities, ("no", "yes"))

    @property
    def long(self) -> int:
        """Questions about more than half of the text."""
        return sum(len(text.split()) > 100 for text in self.asked)


def weight(word: str) -> float:
    share = {"x": 0.2, "y": 0.0, "z": 0.1}.get(word[0], 1.0)
    number = word.lstrip("xyzw")
    return share * HEAVY.get(int(number), 0.001) if number.isdigit() else 0.0


def made(search: Search, most: int = 200) -> Recipe:
    return Recipe(
        "e",
        "word",
        "a test",
        Untargeted(),
        Struck(),
        search,
        (NoRepeat(),),
        (AtMost(most),),
    )


def attack(recipe: Recipe, victim: Model, text: str = LONG, budget: int | None = None) -> Outcome:
    job = Job(Example("x", Text.of(text), 1), recipe, query_budget=budget)
    (found,) = (e.outcome for e in run([job], {"victim": victim}) if isinstance(e, Finished))
    assert not found.error
    return found


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_the_same_rewrites_are_found_by_a_third_of_the_long_questions(search: Search) -> None:
    plain, drafted = Counting(3.0), Counting(3.0)
    before = attack(made(search), plain)
    after = attack(made(search).drafted(ExcerptDraft()), drafted)
    assert before.status is after.status is Status.SUCCEEDED
    assert after.changes == before.changes
    assert len(before.changes) > 1
    assert drafted.long < plain.long / 3 + (200 if isinstance(search, WeightedSaliency) else 0)
    assert after.unique_queries == len(set(drafted.asked))


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_a_search_that_fails_has_visited_every_word_at_a_bounded_price(search: Search) -> None:
    plain, drafted = Counting(-1.0), Counting(-1.0)
    draft = ExcerptDraft()
    before = attack(made(search), plain)
    after = attack(made(search).drafted(draft), drafted)
    assert before.status is after.status is Status.FAILED
    assert [change.index for change in after.changes] == list(range(200))
    assert after.unique_queries <= before.unique_queries + draft.ranked + 2 * 6 + 200
    assert drafted.long < before.unique_queries / 2


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_a_text_that_is_one_run_is_attacked_as_without_a_draft(search: Search) -> None:
    text = " ".join(LONG.split()[:40])
    plain, drafted = Counting(1.0), Counting(1.0)
    before = attack(made(search), plain, text)
    after = attack(made(search).drafted(ExcerptDraft()), drafted, text)
    assert set(plain.asked) == set(drafted.asked)
    assert replace(after, queries=before.queries, broken_after=before.broken_after) == before


@given(st.integers(1, 300), st.sampled_from(SEARCHES))
def test_a_budget_is_kept(budget: int, search: Search) -> None:
    victim = Counting(3.0)
    found = attack(made(search).drafted(ExcerptDraft()), victim, budget=budget)
    assert len(set(victim.asked)) == found.unique_queries <= budget


@pytest.mark.parametrize("name", ["deepwordbug", "pwws", "left out"])
def test_outcomes_depend_on_no_batch(name: str) -> None:
    victim = tiny_victim()
    plain = made(WordImportance("delete")) if name == "left out" else recipes.load(name)
    recipe = plain.drafted(TINY)
    models = equipped(victim, {}, [recipe])
    jobs = [Job(example, recipe) for example in tiny.examples(12)]
    found = []
    for config in (EngineConfig(), EngineConfig(window=1, batch_size=1), EngineConfig(window=3)):
        ends = [e.outcome for e in run(jobs, models, config) if isinstance(e, Finished)]
        found.append({outcome.example_id: outcome for outcome in ends})
    assert not [outcome.error for outcome in found[0].values() if outcome.error]
    assert found[0] == found[1] == found[2]


def tiny_victim() -> FunctionVictim:
    def probabilities(texts: list[str] | list[Inputs]) -> Floats:
        sums = np.array([sum(map(ord, str(text))) % 997 for text in texts]) / 200 - 2
        yes = 1 / (1 + np.exp(-sums))
        return np.stack([1 - yes, yes], axis=1)

    return FunctionVictim(probabilities, ("no", "yes"))


@given(
    st.lists(st.sampled_from(["a", "bc", "d.", "(e", "f-g,"]), min_size=1, max_size=40),
    st.lists(st.sampled_from(["h", "i"]), max_size=3),
    st.integers(1, 9),
)
def test_excerpts_share_out_a_text_and_show_what_stands_there(
    words: list[str], others: list[str], size: int
) -> None:
    fields = {"premise": " ".join(others), "hypothesis": "  " + "  ".join(words) + " "}
    text = Text.of(fields, frozen=["premise"])
    runs = excerpts(text, text.editable, size)
    assert [index for run in runs for index in run.indices] == list(text.editable)
    assert "".join(text.strings[1][run.start : run.end] for run in runs) == text.strings[1]
    lengths = {len(run.indices) for run in runs}
    assert max(lengths) - min(lengths) <= 1
    for part in runs:
        alone = excerpt(text, part)
        if len(runs) > 1:
            shown = text.strings[1][part.start : part.end].rstrip()
            assert alone.strings == (text.strings[0], shown)
        for index in text.editable:
            number, low, high = alone.span(index)
            expected = text.words[index].string if index in part.indices else ""
            assert alone.strings[number][low:high] == expected
        for index in part.indices:
            left = alone.replace(index, "")
            assert len(Text.of(left.strings[1]).words) == len(part.indices) - 1


def test_scores_that_are_no_probabilities_are_taken_as_they_are() -> None:
    plain, drafted = Counting(3.0), Counting(3.0)
    recipe = replace(made(WordImportance("unk")), goal=Margin())
    assert attack(recipe.drafted(ExcerptDraft()), drafted).changes == attack(recipe, plain).changes
    assert drafted.long < plain.long / 3


def test_it_needs_no_model_beside_the_victim() -> None:
    plain = recipes.load("deepwordbug")
    drafted = plain.drafted(ExcerptDraft())
    assert drafted.needs == plain.needs
    assert drafted.resources == plain.resources


@pytest.mark.parametrize("field", ["keep", "words"])
def test_empty_excerpts_are_refused(field: str) -> None:
    with pytest.raises(AttackError, match="at least 1"):
        ExcerptDraft(**{field: 0})

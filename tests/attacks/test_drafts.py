"""Drafts: what they spare the victim, and that it alone decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks import recipes
from attacks.constraints import NoRepeat
from attacks.drafts import GradientDraft, ModelDraft, RoundedDraft
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Margin, Untargeted
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import DRAFT, Ask, Draft, Search, Steps
from attacks.questions import Floats, Inputs, Swaps
from attacks.recipe import Recipe
from attacks.searches import Beam, Draws, WeightedSaliency, WordImportance
from attacks.text import Candidate, Text
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from attacks.victims.huggingface import HuggingFaceVictim
from tests.attacks.small import Others, Table, tables
from tests.harness import tiny

SEARCHES = (Beam(), WordImportance("unk"), WeightedSaliency())
LETTERS = "abcdefgh"


def by_letters(weights: dict[str, float]) -> FunctionVictim:
    """Yes for as long as the letters of a text weigh more than nothing."""

    def probabilities(texts: list[str] | list[Inputs]) -> Floats:
        sums = np.array(
            [sum(weights.get(word, 0.0) for word in str(text).split()) for text in texts]
        )
        yes = 1 / (1 + np.exp(-sums))
        return np.stack([1 - yes, yes], axis=1)

    return FunctionVictim(probabilities, ("no", "yes"))


def recipe(search: Search, keep: int | None = 2) -> Recipe:
    made = Recipe("d", "word", "a test", Untargeted(), Others(LETTERS), search, (NoRepeat(),))
    return made if keep is None else made.drafted(ModelDraft(keep))


def attack(made: Recipe, victim: FunctionVictim, draft: Model, text: str = "a a a a a") -> Outcome:
    events = run([Job(Example("x", Text.of(text), 1), made)], {"victim": victim, DRAFT: draft})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    return found


VICTIM = by_letters({"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.7, "h": -1.0})
WRONG = by_letters({"a": 1.0, "b": -3.0, "c": -2.0, "h": 5.0})


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_a_good_draft_spares_queries_and_changes_no_result(search: Search) -> None:
    plain = attack(recipe(search, None), VICTIM, VICTIM)
    drafted = attack(recipe(search), VICTIM, VICTIM)
    assert plain.status is drafted.status is Status.SUCCEEDED
    assert drafted.unique_queries < plain.unique_queries / 2
    assert len(drafted.changes) == len(plain.changes)


def test_what_only_the_draft_takes_for_a_success_is_none() -> None:
    sure = by_letters({**dict.fromkeys(LETTERS, 1.0), "a": 2.0})
    found = attack(recipe(Beam()), sure, WRONG, "a a")
    assert attack(recipe(Beam()), WRONG, WRONG, "a a").status is Status.SUCCEEDED
    assert found.status is Status.FAILED
    assert found.predicted_after == 1


def test_what_a_wrong_draft_kept_back_is_tried_before_the_search_gives_up() -> None:
    plain = attack(recipe(WordImportance("unk"), None), VICTIM, WRONG)
    drafted = attack(recipe(WordImportance("unk")), VICTIM, WRONG)
    assert plain.status is drafted.status is Status.SUCCEEDED
    assert attack(recipe(Beam(rounds=1)), VICTIM, WRONG, "a").status is Status.FAILED


@given(tables, st.sampled_from(SEARCHES))
def test_a_draft_that_keeps_everything_changes_nothing_but_the_order_of_words(
    logits: list[float], search: Search
) -> None:
    victim = Table(logits)
    job = Job(
        Example("x", Text.of("a a a"), 1),
        Recipe("d", "word", "a test", Untargeted(), Others(), search, (NoRepeat(),)),
    )
    models: dict[str, Model] = {"victim": victim, DRAFT: Table(logits)}
    plain, drafted = (
        next(e.outcome for e in run([item], models) if isinstance(e, Finished))
        for item in (job, replace(job, recipe=job.recipe.drafted(ModelDraft(2))))
    )
    spent = plain.unique_queries - drafted.unique_queries
    assert spent == 0 or not isinstance(search, Beam)  # the others rank words by probes
    assert (
        drafted == replace(plain, queries=drafted.queries, unique_queries=drafted.unique_queries)
        or plain.status is not Status.SUCCEEDED
    )


def small() -> HuggingFaceVictim:
    """A classifier of a few thousand weights; they do not matter here."""
    return HuggingFaceVictim(
        tiny.classifier(), tiny.tokenizer(), ("no", "yes"), fingerprint="t", max_length=32
    )


def texts(count: int) -> list[Swaps]:
    """Every text is asked about twice, with other swaps."""
    found = []
    for example in tiny.examples(count):
        first, *_, last = example.text.words
        for word, new in ((first, ("good", "bad")), (last, ("dull", "fine"))):
            span = (word.field, word.start, word.end)
            found.append(Swaps(example.text.strings, example.label, (span,), (new,)))
    return found


def test_one_pass_answers_all_questions_about_a_text_as_one_each_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim, asked = small(), texts(6)
    each, draft = victim.first_order(), victim.gradient_draft()
    passes = []
    backward = draft._backward
    monkeypatch.setattr(
        draft,
        "_backward",
        lambda inputs, labels: passes.append(len(labels or ())) or backward(inputs, labels),
    )
    encoded = draft.encode(asked)
    answers = [*draft.run(encoded[:5]), *draft.run(encoded[5:])]
    assert sum(passes) == 6
    for swaps, answer in zip(asked, answers, strict=True):
        (expected,) = each.run(each.encode([swaps]))
        np.testing.assert_allclose(answer.gains, expected.gains, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(answer.weights, expected.weights, rtol=1e-4, atol=1e-6)


def test_a_rounded_copy_answers_nearly_as_the_victim_and_leaves_it_alone() -> None:
    victim = small()
    asked = [example.text.strings for example in tiny.examples(40)]
    before = victim.run(victim.encode(asked))
    draft = victim.rounded_draft()
    found = draft.run(draft.encode(asked))
    assert found.dtype == np.float32
    assert not np.array_equal(found, before)  # it is rounded indeed
    np.testing.assert_allclose(found, before, atol=0.02 * float(np.ptp(before)))
    np.testing.assert_array_equal(victim.run(victim.encode(asked)), before)
    assert draft.fingerprint != victim.fingerprint


def test_a_rounded_draft_breaks_what_the_search_breaks_by_itself() -> None:
    victim, jobs = small(), tiny.examples(30)
    plain = replace(recipe(WordImportance("unk"), None), transformation=Swapped())
    drafted = plain.drafted(RoundedDraft())
    found = []
    for made in (plain, drafted):
        models = equipped(victim, {}, [made])
        ends = run([Job(example, made) for example in jobs], models)
        found.append({e.outcome.example_id: e.outcome for e in ends if isinstance(e, Finished)})
    broken, again = (
        {name for name, o in outcomes.items() if o.status is Status.SUCCEEDED} for outcomes in found
    )
    asked, spared = (sum(o.unique_queries for o in outcomes.values()) for outcomes in found)
    assert broken == again != set()
    assert spared < asked / 2


def test_gradients_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attacks.victims.gradient_draft.NUMBERS", 2000)
    draft = small().gradient_draft()
    for swaps in texts(20):
        draft.run(draft.encode([swaps]))
    assert 0 < len(draft._kept) < 20
    assert draft._numbers == sum(2 * kept[1].numel() for kept in draft._kept.values()) <= 2000


@pytest.mark.parametrize("draft", [GradientDraft(), RoundedDraft()], ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("name", ["deepwordbug", "pwws", "kuleshov-small", "pso"])
def test_drafted_outcomes_depend_on_no_batch(name: str, draft: Draft) -> None:
    victim = small()
    made = (
        replace(recipe(Beam(), None), transformation=Swapped(), name=name)
        if name == "kuleshov-small"
        else recipes.load(name)
    ).drafted(draft)
    jobs = [Job(example, made) for example in tiny.examples(8)]
    found = []
    for config in (EngineConfig(), EngineConfig(window=1, batch_size=1), EngineConfig(window=3)):
        models = equipped(victim, {}, [made])
        ends = [e.outcome for e in run(jobs, models, config) if isinstance(e, Finished)]
        found.append({outcome.example_id: outcome for outcome in ends})
    assert not [outcome.error for outcome in found[0].values() if outcome.error]
    assert found[0] == found[1] == found[2]


class Swapped:
    """Any other word that the tiny model knows."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        return [word for word in tiny.WORDS if word != current.word(index)]


@pytest.mark.parametrize("budget", [1, 4, 9])
def test_a_drafted_attack_keeps_to_its_budget(budget: int) -> None:
    made = recipe(WordImportance("unk"))
    job = Job(Example("x", Text.of("a a a a a a a a"), 1), made, query_budget=budget)
    models: dict[str, Model] = {"victim": VICTIM, DRAFT: WRONG}
    (found,) = (e.outcome for e in run([job], models) if isinstance(e, Finished))
    assert found.unique_queries <= budget


def test_an_attack_that_chooses_nothing_cannot_be_drafted() -> None:
    made = Recipe("v", "character", "a test", Untargeted(), Others(LETTERS), Draws())
    with pytest.raises(AttackError, match="'v' cannot be drafted"):
        made.drafted(ModelDraft())


def test_a_goal_without_a_slope_cannot_be_drafted_by_a_gradient() -> None:
    with pytest.raises(AttackError, match="follows gradients, and the goal Margin has none"):
        replace(recipe(Beam(), None), goal=Margin()).drafted(GradientDraft())


def test_a_victim_that_can_only_be_asked_has_no_gradient_to_draft_by() -> None:
    with pytest.raises(AttackError, match="looks inside the model"):
        equipped(VICTIM, {}, [recipe(Beam(), None).drafted(GradientDraft())])


@pytest.mark.parametrize("draft", [GradientDraft, ModelDraft, RoundedDraft])
def test_a_draft_that_keeps_nothing_is_refused(
    draft: type[GradientDraft | ModelDraft | RoundedDraft],
) -> None:
    with pytest.raises(AttackError, match="keeps at least 1"):
        draft(0)


def test_an_ensemble_is_drafted_attack_by_attack() -> None:
    made = recipes.load("standard").drafted(GradientDraft())
    drafted = [stage.recipe.draft is not None for stage in made.search.stages]  # type: ignore[attr-defined]
    assert any(drafted)
    assert not all(drafted)
    assert made.parameters()["draft"] == {"kind": "GradientDraft", "keep": 2}


class Asked:
    """A model that notes what it is asked."""

    def __init__(self, model: FunctionVictim) -> None:
        self.model, self.fingerprint = model, "asked"
        self.texts: list[Inputs] = []

    def encode(self, inputs: Sequence[Inputs]) -> Sequence[Inputs]:
        return inputs

    def run(self, batch: Sequence[Inputs]) -> Floats:
        self.texts += batch
        return self.model.run(self.model.encode(batch))


class Few:
    """A constraint that asks a model, and allows what is least promising."""

    def filter(self, candidates: Sequence[Candidate], previous: Candidate) -> Steps[Sequence[bool]]:
        yield Ask("similarity", tuple(candidate.strings for candidate in candidates))
        return [not set("defgh") & set(candidate.strings[0]) for candidate in candidates]


def test_where_most_is_inadmissible_the_draft_is_asked_only_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = replace(
        recipe(WordImportance("unk"), 1),
        constraints=(NoRepeat(), Few()),
        needs=("similarity", DRAFT),
    )
    found, asked = [], []
    for least in (None, 0.0):
        if least is not None:
            monkeypatch.setattr(ModelDraft, "least_passing", least)
        draft = Asked(VICTIM)
        models: dict[str, Model] = {"victim": VICTIM, DRAFT: draft, "similarity": Asked(VICTIM)}
        ends = run([Job(Example("x", Text.of("a a a a a"), 1), made)], models)
        found += [event.outcome for event in ends if isinstance(event, Finished)]
        asked.append(len(draft.texts))
    assert found[0] == found[1]
    assert asked[0] < asked[1]

"""Laws of the scheduler, on small searches whose every answer is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.outcomes import BatchHalved, Example, Finished, Outcome, Status, Tick
from attacks.questions import Floats, Inputs
from attacks.recipe import Recipe
from attacks.searches import Beam, WeightedSaliency, WordImportance
from attacks.text import Candidate, Text

WORDS = ["plain", "dull", "good", "fine", "bad", "odd", "slow", "warm"]


@dataclass(frozen=True)
class Swap:
    """Every other word of the vocabulary, in an order drawn from the attempt's own generator."""

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation`."""
        return [str(word) for word in rng.permutation(WORDS)[:4]]


class WordSum:
    """A linear bag of words: the answer to a text is known, and every row that is run is counted."""

    labels = ("no", "yes")

    def __init__(self, fingerprint: str = "word-sum") -> None:
        self.fingerprint = fingerprint
        self.batches: list[list[Inputs]] = []

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        self.batches.append(list(batch))
        totals = [
            sum((WORDS.index(w) - 3.2) * 0.2 if w in WORDS else 0.0 for w in text.split())
            for (text,) in batch
        ]
        return np.array([[-t, t] for t in totals], dtype=np.float32)


def recipe(search: object = None, name: str = "swap") -> Recipe:
    return Recipe(
        name=name,
        family="word",
        source="a test",
        goal=Untargeted(),
        transformation=Swap(),
        search=search or WordImportance("delete"),  # type: ignore[arg-type]
    )


def examples(count: int, seed: int = 0) -> list[Example]:
    chooser = random.Random(seed)
    made = []
    for n in range(count):
        words = [chooser.choice(WORDS) for _ in range(chooser.randint(1, 12))]
        total = sum(WORDS.index(w) - 3.2 for w in words)
        label = int(total > 0) if chooser.random() > 0.2 else int(total <= 0)
        made.append(Example(f"e{n}", Text.of(" ".join(words)), label))
    return made


def outcomes(jobs: list[Job], victim: object = None, **config: int) -> dict[str, Outcome]:
    events = run(jobs, {"victim": victim or WordSum()}, EngineConfig(**config))  # type: ignore[dict-item]
    return {e.outcome.example_id: e.outcome for e in events if isinstance(e, Finished)}


@pytest.mark.parametrize(
    "search",
    [WordImportance("unk"), WordImportance("random"), WeightedSaliency(), Beam(2, rounds=2)],
)
def test_outcomes_do_not_depend_on_batch_size_window_or_order(search: object) -> None:
    jobs = [Job(example, recipe(search), seed=7) for example in examples(40)]
    expected = outcomes(jobs)
    assert {o.status for o in expected.values()} >= {Status.SUCCEEDED, Status.SKIPPED}
    for batch_size, window in [(1, 1), (3, 5), (256, 200)]:
        shuffled = random.Random(batch_size).sample(jobs, len(jobs))
        assert outcomes(shuffled, batch_size=batch_size, window=window) == expected


def test_outcomes_do_not_depend_on_the_recipe_that_runs_beside() -> None:
    alone = outcomes([Job(e, recipe()) for e in examples(15)])
    both = [Job(e, recipe(name=n)) for e in examples(15) for n in ("swap", "other")]
    events = run(both, {"victim": WordSum()})
    finished = [e.outcome for e in events if isinstance(e, Finished)]
    assert {o.example_id: o for o in finished if o.attack == "swap"} == alone


def test_every_distinct_input_is_scored_once_and_queries_add_up() -> None:
    victim = WordSum()
    events = list(run([Job(e, recipe()) for e in examples(30)], {"victim": victim}))
    rows = [item for batch in victim.batches for item in batch]
    assert len(rows) == len(set(rows))
    last = [e for e in events if isinstance(e, Tick)][-1]
    finished = [e.outcome for e in events if isinstance(e, Finished)]
    assert last.scored == len(rows)
    assert last.scored + last.cached == sum(o.queries for o in finished)
    assert sum(o.unique_queries for o in finished) >= len(rows)


def test_a_shared_cache_spares_the_second_campaign_every_query() -> None:
    cache, jobs = Cache(), [Job(e, recipe()) for e in examples(10)]
    first = [e for e in run(jobs, {"victim": WordSum()}, cache=cache) if isinstance(e, Finished)]
    again = WordSum()
    second = [e for e in run(jobs, {"victim": again}, cache=cache) if isinstance(e, Finished)]
    assert again.batches == []
    assert {e.outcome.example_id: e.outcome for e in first} == {
        e.outcome.example_id: e.outcome for e in second
    }


@given(budget=st.integers(1, 60))
def test_no_example_exceeds_its_budget(budget: int) -> None:
    jobs = [Job(e, recipe(), query_budget=budget) for e in examples(12)]
    free = outcomes([replace(job, query_budget=None) for job in jobs])
    for key, outcome in outcomes(jobs).items():
        assert outcome.unique_queries <= budget
        if free[key].unique_queries <= budget:
            assert outcome == free[key]
        else:
            assert outcome.status in (Status.OUT_OF_BUDGET, Status.SUCCEEDED)


def test_a_larger_budget_never_hurts_the_attack() -> None:
    def successes(budget: int) -> set[str]:
        found = outcomes([Job(e, recipe(), query_budget=budget) for e in examples(25)])
        return {key for key, outcome in found.items() if outcome.status is Status.SUCCEEDED}

    previous: set[str] = set()
    for budget in (5, 10, 20, 40, 80):
        assert previous <= successes(budget)
        previous = successes(budget)


class Poisoned(WordSum):
    """Fails on every batch that holds a text with 'odd' in it."""

    def run(self, batch: Sequence[Inputs]) -> Floats:
        if any("odd" in text for (text,) in batch):
            raise ValueError("cannot read this")
        return super().run(batch)


def test_one_odd_input_is_one_errored_outcome_with_its_traceback() -> None:
    texts = [Example("sick", Text.of("odd odd"), 1), Example("well", Text.of("warm"), 1)]
    quiet = replace(recipe(), search=WordImportance("random"), transformation=Fixed("dull"))
    found = outcomes([Job(e, quiet) for e in texts], Poisoned())
    assert found["sick"].status is Status.ERRORED
    assert "cannot read this" in (found["sick"].error or "")
    assert found["well"].status is Status.SUCCEEDED


@dataclass(frozen=True)
class Fixed:
    """Always the same replacement."""

    word: str

    def replacements(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Sequence[str]:
        """See `attacks.protocols.Transformation`."""
        return [self.word]


class NotANumber(WordSum):
    """Answers NaN to every text of more than three words."""

    def run(self, batch: Sequence[Inputs]) -> Floats:
        rows = super().run(batch)
        for n, (text,) in enumerate(batch):
            if len(text.split()) > 3:
                rows[n] = np.nan
        return rows


def test_nan_is_an_error_and_never_robustness() -> None:
    found = outcomes([Job(e, recipe()) for e in examples(20)], NotANumber())
    for example in examples(20):
        errored = len(example.text.words) > 3
        assert (found[example.id].status is Status.ERRORED) == errored
    assert any("NaN" in (o.error or "") for o in found.values())


class SmallMemory(WordSum):
    """Has room for `room` rows; a larger batch is out of memory."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def run(self, batch: Sequence[Inputs]) -> Floats:
        if len(batch) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")
        return super().run(batch)


def test_out_of_memory_halves_the_batch_says_so_and_changes_no_outcome() -> None:
    jobs = [Job(e, recipe()) for e in examples(20)]
    events = list(run(jobs, {"victim": SmallMemory(3)}))
    assert any(isinstance(e, BatchHalved) for e in events)
    found = {e.outcome.example_id: e.outcome for e in events if isinstance(e, Finished)}
    assert found == outcomes(jobs)


class Exploding(WordImportance):
    """A search with a bug that shows on texts that begin with 'good'."""

    def run(self, attempt):  # type: ignore[no-untyped-def]
        if attempt.original.words[0] == "good":
            raise KeyError("a bug in the search")
        return (yield from super().run(attempt))


def test_a_bug_in_a_search_costs_its_example_alone() -> None:
    found = outcomes([Job(e, recipe(Exploding("delete"))) for e in examples(30)])
    good = outcomes([Job(e, recipe()) for e in examples(30)])
    for key, outcome in found.items():
        if outcome.original[0].startswith("good") and good[key].status is not Status.SKIPPED:
            assert outcome.status is Status.ERRORED
        else:
            assert outcome == good[key]


class ShortSighted(WordSum):
    """Reads ten characters."""

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return super().encode([(item[0][:10],) for item in inputs])

    def reach(self, strings: Inputs) -> tuple[int, ...]:
        return (10,)


def test_words_that_the_victim_does_not_read_cost_no_queries() -> None:
    example = Example("long", Text.of("good film " + "plot " * 20_000), 0)
    found = outcomes([Job(example, recipe())], ShortSighted())["long"]
    assert found.queries < 20
    assert {change.index for change in found.changes} <= {0, 1}


def test_jobs_are_pulled_only_as_others_end() -> None:
    pulled = 0

    def stream():  # type: ignore[no-untyped-def]
        nonlocal pulled
        for example in examples(50):
            pulled += 1
            yield Job(example, recipe())

    ended = 0
    for event in run(stream(), {"victim": WordSum()}, EngineConfig(window=4)):
        ended += isinstance(event, Finished)
        assert pulled <= ended + 5
    assert ended == 50


def test_a_recipe_whose_model_is_missing_is_refused_by_name() -> None:
    needy = replace(recipe(), needs=("similarity",))
    with pytest.raises(AttackError, match="'swap' needs a model for 'similarity'"):
        list(run([Job(examples(1)[0], needy)], {"victim": WordSum()}))


def test_temperature_changes_scores_and_not_predictions() -> None:
    cold = outcomes([Job(e, recipe(), temperature=0.1) for e in examples(20)])
    warm = outcomes([Job(e, recipe()) for e in examples(20)])
    for key, outcome in warm.items():
        assert cold[key].predicted_before == outcome.predicted_before
        before, sharper = outcome.confidence_before or 0.0, cold[key].confidence_before or 0.0
        assert abs(sharper - 0.5) >= abs(before - 0.5)


def test_outcomes_name_the_changed_words() -> None:
    for outcome in outcomes([Job(e, recipe()) for e in examples(20)]).values():
        for change in outcome.changes:
            assert outcome.original[0].split()[change.index] == change.before
            assert outcome.perturbed is not None
            assert outcome.perturbed[0].split()[change.index] == change.after

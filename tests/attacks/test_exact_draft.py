"""Constraint models that are asked last: the same attacks, and fewer questions to the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks import recipes
from attacks.constraints import NoRepeat
from attacks.drafts import ExactDraft
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome
from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY, Ask, Search, Steps
from attacks.questions import Floats, Inputs
from attacks.recipe import Recipe
from attacks.searches import Beam, WordImportance
from attacks.text import Candidate, Text
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import ENCODER, LANGUAGE_MODEL
from harness.other_models import load_encoder, load_masked_lm
from tests.attacks.small import Others
from tests.harness import tiny

WORDS = "abcdefgh"


class Asked:
    """A model that counts what it is asked."""

    def __init__(self, model: Model) -> None:
        self.model, self.fingerprint, self.count = model, model.fingerprint, 0

    def encode(self, inputs: Sequence[Inputs]) -> Sequence[object]:
        return self.model.encode(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        self.count += len(batch)
        answer: Floats = self.model.run(batch)
        return answer


class Drawn:
    """Logits, or a vector of one number, drawn anew for every text by a seed."""

    def __init__(self, seed: int, width: int, bias: float = 0.0) -> None:
        self.seed, self.width, self.bias, self.fingerprint = seed, width, bias, f"{seed}/{width}"

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        rows = [
            np.random.default_rng([self.seed, *" ".join(item).encode()]).normal(size=self.width)
            for item in batch
        ]
        found = np.array(rows, dtype=np.float32)
        found[:, -1] += self.bias
        return found


class Above:
    """What a model gives more than `least` is allowed."""

    def __init__(self, least: float) -> None:
        self.least = least

    def filter(self, candidates: Sequence[Candidate], previous: Candidate) -> Steps[Sequence[bool]]:
        rows = yield Ask(SIMILARITY, tuple(candidate.strings for candidate in candidates))
        return [bool(row[0] > self.least) for row in rows]


def made(least: float, search: Search = WordImportance("unk")) -> Recipe:  # noqa: B008 - frozen
    return Recipe(
        "x",
        "word",
        "a test",
        Untargeted(),
        Others(WORDS),
        search,
        (NoRepeat(),),
        (Above(least),),
        (SIMILARITY,),
    )


def ends(recipe: Recipe, models: dict[str, Model], examples: Sequence[Example]) -> list[Outcome]:
    jobs = [Job(example, recipe) for example in examples]
    found = [e.outcome for e in run(jobs, models) if isinstance(e, Finished)]
    assert not [outcome.error for outcome in found if outcome.error]
    return found


def attacked(outcome: Outcome) -> Outcome:
    """An outcome but for what it took."""
    return replace(outcome, queries=0, unique_queries=0, broken_after=None)


@given(
    st.integers(0, 2**32),
    st.floats(-2.5, 2.5),
    st.floats(0.0, 3.0),
    st.sampled_from([0.0, 0.5, 1.0, 8.0]),
    st.integers(1, 3),
)
def test_outcomes_are_those_without_a_draft(
    seed: int, least: float, bias: float, cost: float, labels: int
) -> None:
    models: dict[str, Model] = {
        "victim": Drawn(seed, labels + 1, bias),
        SIMILARITY: Drawn(seed + 1, 1),
    }
    examples = [Example("x", Text.of("a b c d e"), labels)]
    (plain,) = ends(made(least), models, examples)
    (exact,) = ends(made(least).drafted(ExactDraft(constraint_cost=cost)), models, examples)
    assert attacked(exact) == attacked(plain)
    assert exact.unique_queries >= plain.unique_queries


@pytest.mark.parametrize("cost", [0.02, 1.0])
def test_the_cheaper_of_the_two_is_asked_about_more(cost: float) -> None:
    """Four of five pass: that is not worth a query of a victim fifty times as large."""
    found = []
    for draft in (None, ExactDraft(constraint_cost=cost)):
        recipe = made(-0.84) if draft is None else made(-0.84).drafted(draft)
        victim, encoder = Asked(Drawn(3, 2, 9.0)), Asked(Drawn(4, 1))
        ends(
            recipe,
            {"victim": victim, SIMILARITY: encoder},
            [Example("x", Text.of("a b c d e f g h"), 1)],
        )
        found.append((victim.count, encoder.count))
    (asked, constrained), (asked_last, constrained_last) = found
    if cost < 0.5:
        assert asked_last < asked + 8
        assert constrained_last > constrained / 2
    else:
        assert asked < asked_last < 1.4 * asked
        assert constrained_last < constrained / 3


@cache
def beside() -> dict[str, Model]:
    filling, fitting = load_masked_lm(LANGUAGE_MODEL)
    return {SIMILARITY: load_encoder(ENCODER), MASKED_LM: filling, FLUENCY: fitting}


def reviews() -> list[Example]:
    """Long enough for a window of fifteen words to be compared."""
    return [
        replace(example, text=Text.of(" and ".join([example.text.strings[0]] * 4)))
        for example in tiny.examples(3)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "textfooler",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("bae", "bert-attack", "textbugger")
        ),
    ],
)
def test_published_attacks_write_the_same_and_ask_their_encoder_less(name: str) -> None:
    recipe = recipes.load(name)
    victim = HuggingFaceVictim(
        tiny.classifier(), tiny.tokenizer(), ("no", "yes"), fingerprint="t", max_length=32
    )
    found, asked = [], []
    for each in (recipe, recipe.drafted(ExactDraft())):
        encoder = Asked(beside()[SIMILARITY])
        models = equipped(victim, {**beside(), SIMILARITY: encoder}, [each])
        found.append({o.example_id: attacked(o) for o in ends(each, models, reviews())})
        asked.append(encoder.count)
    assert found[0] == found[1]
    assert any(outcome.changes for outcome in found[0].values())
    assert asked[1] < 0.7 * asked[0]


def test_outcomes_depend_on_no_batch() -> None:
    recipe = made(0.0).drafted(ExactDraft())
    jobs = [Job(Example(str(n), Text.of(" ".join(WORDS[n:])), 1), recipe) for n in range(6)]
    found = []
    for config in (EngineConfig(), EngineConfig(window=1, batch_size=1), EngineConfig(window=3)):
        models: dict[str, Model] = {"victim": Drawn(5, 2, 1.5), SIMILARITY: Drawn(6, 1)}
        outcomes = [e.outcome for e in run(jobs, models, config) if isinstance(e, Finished)]
        found.append({outcome.example_id: outcome for outcome in outcomes})
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "recipe",
    [recipes.load("deepwordbug"), made(0.0, Beam()), recipes.load("standard")],
    ids=["no model", "a beam", "an ensemble"],
)
def test_what_would_not_be_exact_is_refused(recipe: Recipe) -> None:
    with pytest.raises(AttackError, match="cannot be drafted exactly"):
        recipe.drafted(ExactDraft())

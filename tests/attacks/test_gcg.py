"""Greedy coordinate gradient on language models whose habits are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from attacks import recipes
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.goals_written import Elicits
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome, Status, Tick
from attacks.protocols import SPELLING, TOKEN_GRADIENTS, VICTIM, Scored
from attacks.questions import Continuation, Coordinates, Respelling, Spelt, TokenChoices, Written
from attacks.recipe import Recipe
from attacks.searches import CoordinateGradient
from attacks.text import Candidate, Text
from attacks.transformations import Suffix
from attacks.victims import equipped
from attacks.victims.causal import HuggingFaceCausal
from attacks.victims.function import FunctionVictim, FunctionWriter
from tests.attacks import language
from tests.attacks.small import Others

WORDS = 600
SUFFIX = 6
BEGINNING = " ".join("x" * SUFFIX)
SMALL = {"steps": 4, "width": 24, "most": 12, "start": BEGINNING}


@cache
def planted() -> tuple[Any, Any]:
    """The model that goes on otherwise where a word of 600 is behind the prompt, and its tokenizer."""
    return language.planted(WORDS, suffix=SUFFIX), language.spaced(WORDS)


def habitual() -> HuggingFaceCausal:
    return HuggingFaceCausal(*planted(), fingerprint="planted", max_length=96)


def example(number: int = 0, prompt: str = language.PROMPT, **changes: Any) -> Example:
    whole = Example(str(number), Text.of(prompt), 0, reference=language.TARGET)
    return replace(whole, **changes)


def attack(
    victim: Any,
    examples: Sequence[Example],
    recipe: Recipe | None = None,
    config: EngineConfig = EngineConfig(),
    **job: Any,
) -> list[Outcome]:
    """Outcomes in the order of the examples."""
    recipe = recipe or recipes.load("gcg", **SMALL)
    models = victim if isinstance(victim, dict) else equipped(victim, {}, [recipe])
    events = run([Job(e, recipe, **job) for e in examples], models, config)
    found = {e.outcome.example_id: e.outcome for e in events if isinstance(e, Finished)}
    return [found[e.id] for e in examples]


class Spy:
    """A model that notes what it is asked."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.fingerprint = model.fingerprint
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, inputs: Sequence[Any]) -> Any:
        self.asked += inputs
        return self._model.encode(inputs)

    def run(self, batch: Sequence[Any]) -> Any:
        return self._model.run(batch)


def spied(recipe: Recipe) -> dict[str, Any]:
    return {name: Spy(model) for name, model in equipped(habitual(), {}, [recipe]).items()}


# What it finds


@pytest.mark.smoke
def test_it_finds_the_planted_word_and_a_blind_search_does_not() -> None:
    victim, examples = habitual(), [example(number) for number in range(8)]
    outcomes = attack(victim, examples)
    assert {o.status for o in outcomes} == {Status.SUCCEEDED}
    with_word = [o for o in outcomes if language.TRIGGER in (o.perturbed or ("",))[0].split()]
    assert len(with_word) > 4, (
        "another word will do in places where training hardly met the right one"
    )
    model, tokenizer = planted()
    for outcome in outcomes:
        assert outcome.written_before != language.TARGET
        assert outcome.written_after == outcome.reference == language.TARGET
        (text,) = outcome.perturbed or ("",)
        assert text.startswith(f"{language.PROMPT} ")
        # As a user would send it, to the library itself.
        ids = tokenizer(text)["input_ids"]
        assert len(ids) == len(tokenizer(language.PROMPT)["input_ids"]) + SUFFIX
        assert language.greedy(model, tokenizer, ids, 4) == language.TARGET
    # Every token may take every place: the gradient chooses nothing. As many queries, or more.
    blind = recipes.load("gcg", **{**SMALL, "most": 10**6, "steps": 99})
    budget = max(o.unique_queries for o in outcomes)
    lost = attack(victim, examples, blind, query_budget=budget)
    assert sum(o.status is Status.SUCCEEDED for o in lost) <= 2
    assert all(o.unique_queries == budget for o in lost if o.status is Status.OUT_OF_BUDGET)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_success_is_what_generate_writes_behind_the_text_as_it_is_sent(
    kind: str, chat: bool
) -> None:
    """Random weights, and the first token of what they write behind another text for a target."""
    tokenizer = language.byte_level() if kind == "gpt2" else language.sentencepiece()
    model = (language.gpt2 if kind == "gpt2" else language.llama)(tokenizer)
    victim = HuggingFaceCausal(model, tokenizer, fingerprint=kind, chat=chat)

    def sent(text: str) -> list[int]:
        if not chat:
            return list(tokenizer(text)["input_ids"])
        message = [{"role": "user", "content": text}]
        rendered = tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True
        )
        return list(tokenizer(rendered, add_special_tokens=False)["input_ids"])

    elsewhere = (
        "A dull plot.",
        "The cast is fine and the film is not.",
        "Never again!",
        "So what?",
    )
    prompts = ("A warm and funny film", "I saw it twice.", "Ends in a space ")
    wanted = {language.greedy(model, tokenizer, sent(text), 1) for text in elsewhere}
    usable = sorted(t for t in wanted if t.isascii() and t.strip() and "<" not in t)
    examples = [
        example(100 * n + m, prompt, reference=target)
        for n, prompt in enumerate(prompts)
        for m, target in enumerate(usable)
    ]
    recipe = recipes.load("gcg", steps=10, width=32, most=64, start="x x x x x x")
    outcomes = attack(victim, examples, recipe)
    assert not [o.error for o in outcomes if o.error]
    won = [o for o in outcomes if o.status is Status.SUCCEEDED]
    assert won
    for outcome in won:
        (text,) = outcome.perturbed or ("",)
        written = language.greedy(model, tokenizer, sent(text), 3)
        assert written.startswith(outcome.reference or "?")
        assert text.isascii()
        assert text.startswith(outcome.original[0])


def test_a_prompt_behind_which_the_target_stands_anyway_is_left_alone() -> None:
    (outcome,) = attack(
        habitual(), [example(prompt=f"{language.PROMPT} x x {language.TRIGGER} x x x")]
    )
    assert (outcome.status, outcome.queries) == (Status.SKIPPED, 1)
    assert outcome.written_before == language.TARGET


# The laws of the engine


@pytest.mark.parametrize(
    "config",
    [
        EngineConfig(window=1),
        EngineConfig(batch_size=1),
        EngineConfig(window=3, batch_size=7, batch_tokens=100),
    ],
)
def test_outcomes_do_not_depend_on_how_they_are_batched(config: EngineConfig) -> None:
    recipe = recipes.load("gcg", **{**SMALL, "most": 300, "steps": 3})
    examples = [example(n, prompt) for n, prompt in enumerate(("tell me", language.PROMPT) * 3)]
    usual = attack(habitual(), examples, recipe)
    assert attack(habitual(), examples, recipe, config) == usual
    assert attack(habitual(), examples[::-1], recipe)[::-1] == usual
    whole = HuggingFaceCausal(*planted(), fingerprint="planted", reuse=False)
    assert attack(whole, examples, recipe) == usual
    assert len({o.perturbed for o in usual}) > 3
    assert attack(habitual(), examples, recipe, seed=1) != usual


def test_queries_are_counted_one_by_one() -> None:
    recipe = recipes.load("gcg", **{**SMALL, "steps": 3, "most": 40})
    models = spied(recipe)
    # A target that no word leads to, so that all steps are taken.
    hopeless = example(reference="w1 w2 w3")
    events = list(run([Job(hopeless, recipe)], models))
    (outcome,) = (event.outcome for event in events if isinstance(event, Finished))
    assert outcome.status is Status.FAILED
    texts, gradients = models[VICTIM].asked, models[TOKEN_GRADIENTS].asked
    assert len({item.strings for item in texts}) == len(texts) == outcome.unique_queries
    assert outcome.unique_queries <= 2 + 3 * 24
    assert len(gradients) == 3
    ticks = [event for event in events if isinstance(event, Tick)]
    assert ticks[-1].scored + ticks[-1].cached == outcome.queries
    assert ticks[-1].scored == len(texts) + len(gradients)
    assert outcome.queries >= len(texts) + len(gradients)
    assert {item.strings for item in gradients} <= {item.strings for item in texts}
    assert all(isinstance(item, Continuation) for item in texts)
    assert all(isinstance(item, Coordinates) for item in gradients)
    assert all(isinstance(item, Respelling) for item in models[SPELLING].asked)
    assert len(models[SPELLING].asked) == 3


@pytest.mark.parametrize("budget", [1, 2, 3, 20])
def test_no_query_goes_beyond_a_budget(budget: int) -> None:
    recipe = recipes.load("gcg", **SMALL)
    models = spied(recipe)
    (outcome,) = attack(models, [example(reference="w1 w2 w3")], recipe, query_budget=budget)
    assert outcome.status is Status.OUT_OF_BUDGET
    assert len(models[VICTIM].asked) == outcome.unique_queries == budget


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (example(1, reference=None), "has no reference"),
        (example(1, reference="once upon a midnight"), "cannot write it"),
        (example(1, prompt="x " * 95), "the model takes 96 in all"),
    ],
)
def test_an_odd_example_is_errored_and_the_others_go_on(odd: Example, message: str) -> None:
    outcomes = attack(habitual(), [example(0), odd, example(2)])
    assert [o.status for o in outcomes] == [Status.SUCCEEDED, Status.ERRORED, Status.SUCCEEDED]
    assert message in (outcomes[1].error or "")


# The search by itself, on a victim that is a table


@dataclass
class Alphabet:
    """Four letters; a text is as likely as its letters say, and a gradient names all letters."""

    worth: dict[str, float]
    fingerprint: str = "alphabet"

    def encode(self, inputs: Sequence[Any]) -> list[tuple[Any]]:
        return [(item,) for item in inputs]

    def score(self, text: str) -> float:
        return sum(self.worth[letter] for letter in text.split(" ")[1:])


class Likely(Alphabet):
    writes = "letters"
    continues = "prompts"

    def run(self, batch: Sequence[tuple[Continuation]]) -> list[Written]:
        return [Written("no", self.score(item.strings[0])) for (item,) in batch]


class Proposing(Alphabet):
    def run(self, batch: Sequence[tuple[Coordinates]]) -> list[TokenChoices]:
        found = []
        for (item,) in batch:
            letters = item.strings[0].split(" ")[1:]
            ids = np.array([ord(letter) for letter in letters])
            row = np.array([ord(letter) for letter in self.worth])
            found.append(TokenChoices(ids, np.tile(row, (len(letters), 1))[:, : item.most]))
        return found


@dataclass
class Spelling(Alphabet):
    forbidden: str = "?"

    def run(self, batch: Sequence[tuple[Respelling]]) -> list[Spelt]:
        return [
            Spelt(
                tuple(
                    None
                    if self.forbidden in (text := " ".join(["go", *map(chr, row)]))
                    else (text,)
                    for row in item.rows
                )
            )
            for (item,) in batch
        ]


def lettered(worth: dict[str, float], forbidden: str = "?") -> dict[str, Any]:
    return {
        VICTIM: Spy(Likely(worth)),
        TOKEN_GRADIENTS: Proposing(worth),
        SPELLING: Spelling(worth, forbidden=forbidden),
    }


def searched(models: dict[str, Any], search: CoordinateGradient) -> tuple[Outcome, list[str]]:
    recipe = replace(
        recipes.load("gcg"), search=search, transformation=Suffix("a a a"), constraints=()
    )
    (outcome,) = attack(models, [Example("0", Text.of("go"), 0, reference="yes")], recipe)
    return outcome, [item.strings[0] for item in models[VICTIM].asked]


def apart(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one.split(), other.split(), strict=True))


@pytest.mark.parametrize("swaps", [1, 2, 9])
def test_a_step_swaps_so_many_tokens(swaps: int) -> None:
    models = lettered({"a": 0.0, "b": -1.0, "c": -2.0})
    search = CoordinateGradient(steps=1, width=400, swaps=swaps)
    _, asked = searched(models, search)
    assert asked[:2] == ["go", "go a a a"]
    distances = {apart(text, "go a a a") for text in asked[2:]}
    assert max(distances) == min(swaps, 3)
    # Every text of one swap, and all of them once swaps may be anywhere.
    assert len(asked) == 1 + {1: 7, 2: 19, 9: 27}[swaps]


def test_without_a_buffer_it_goes_on_from_the_best_of_the_last_round_be_it_worse() -> None:
    models = lettered({"b": -1.0, "c": -2.0, "d": -4.0, "a": 0.0})
    outcome, asked = searched(models, CoordinateGradient(steps=2, width=99, most=3))
    assert outcome.perturbed is None, "of all that was tried the original is best"
    second = {text for text in asked[1:] if apart(text, "go a a a") == 2}
    assert second, "the second round starts from a text with a swap"
    assert all("b" in text for text in second)


def test_with_a_buffer_of_one_it_goes_on_from_the_best_of_all() -> None:
    models = lettered({"b": -1.0, "c": -2.0, "d": -4.0, "a": 0.0})
    _, asked = searched(models, CoordinateGradient(steps=3, width=99, most=3, buffer=1))
    assert {apart(text, "go a a a") for text in asked[1:]} == {0, 1}


def scored(score: float) -> Scored:
    return Scored(Candidate(Text.of(str(score))), score, False, None, None, None)  # type: ignore[arg-type]


def test_a_buffer_keeps_the_best_and_gives_up_the_worst() -> None:
    search = CoordinateGradient(buffer=2)
    kept = [scored(1.0)]
    for value, expected in [(0.0, [1, 0]), (-1.0, [1, 0]), (0.5, [1, 0.5]), (3.0, [3, 1])]:
        kept = search._kept(kept, scored(value))
        assert [item.score for item in kept] == expected
    assert [s.score for s in CoordinateGradient()._kept([scored(9.0)], scored(0.0))] == [0.0]


def test_what_cannot_be_spelt_is_never_asked() -> None:
    models = lettered({"a": 0.0, "b": 1.0, "c": 2.0}, forbidden="c")
    outcome, asked = searched(models, CoordinateGradient(steps=3, width=60))
    assert not [text for text in asked if "c" in text]
    assert outcome.perturbed == ("go b b b",)


def test_a_step_without_a_spelling_is_passed_over() -> None:
    models = lettered({"a": 0.0, "b": 1.0}, forbidden="g")
    outcome, asked = searched(models, CoordinateGradient(steps=3, width=5))
    assert asked == ["go", "go a a a"]
    assert outcome.status is Status.FAILED


# What it refuses


def test_goals_and_victims_that_do_not_fit_are_refused() -> None:
    gcg = recipes.load("gcg")
    with pytest.raises(AttackError, match=r"'gcg' makes a language model write.*Untargeted"):
        gcg.aimed_at(Untargeted())
    classifier = FunctionVictim(lambda texts: [[0.5, 0.5]] * len(texts), ("a", "b"))
    with pytest.raises(AttackError, match="answers with labels"):
        equipped(classifier, {}, [gcg])
    writer = FunctionWriter(lambda texts: [""] * len(texts))
    with pytest.raises(AttackError, match=r"does not say how likely.*causal language model"):
        equipped(writer, {}, [gcg])
    with pytest.raises(AttackError, match="after the labels of a classifier"):
        equipped(habitual(), {}, [recipes.load("pwws")])

    @dataclass(frozen=True)
    class Short:
        def judge_written(self, written: Written, reference: str | None) -> tuple[float, bool]:
            return 0.0, False

    with pytest.raises(AttackError, match=r"writes to the end.*\(gcg\)"):
        equipped(habitual(), {}, [Recipe("s", "word", "", Short(), Others(), gcg.search)])
    likely = Likely({})
    with pytest.raises(AttackError, match="needs 'token_gradients'"):
        equipped(likely, {}, [gcg])


def test_values_that_mean_nothing_are_refused() -> None:
    for name in ("width", "most", "swaps"):
        with pytest.raises(AttackError, match=f"at least 1 for {name}"):
            recipes.load("gcg", **{name: 0})
    with pytest.raises(AttackError, match="at least one character"):
        recipes.load("gcg", start=" ")
    with pytest.raises(AttackError, match="must be Suffix, not Others"):
        attack(habitual(), [example()], replace(recipes.load("gcg"), transformation=Others()))
    frozen = example(text=Text.of({"prompt": "tell me"}, frozen=["prompt"]))
    with pytest.raises(AttackError, match="all fields are frozen"):
        attack(habitual(), [frozen])


def test_a_suffix_goes_behind_the_last_field_that_may_be_edited() -> None:
    text = Text.of({"system": "be kind", "prompt": "tell me", "end": "now"}, frozen=["end"])
    assert Suffix("x x").first(text).strings == ("be kind", "tell me x x", "now")
    assert Suffix("x").first(Text.of("")).strings == ("x",)
    assert Suffix("x").first(Text.of("a\n")).strings == ("a\nx",)


def test_a_goal_needs_a_likelihood() -> None:
    with pytest.raises(ValueError, match="did not say how likely"):
        Elicits().judge_written(Written("a"), "a")
    assert Elicits().judge_written(Written("yes, sir", -1.23456), "yes") == (-1.2346, True)
    assert Elicits().judge_written(Written("oh yes", -1.0), "yes") == (-1.0, False)


@pytest.mark.slow
def test_ten_prompts_are_attacked_as_published() -> None:
    """All defaults but the number of steps, on reviews as prompts; random weights, so few targets."""
    tokenizer = language.byte_level()
    model = language.gpt2(tokenizer)
    victim = HuggingFaceCausal(model, tokenizer, fingerprint="random", max_length=96)
    rows = [text for text in language.families.snippets() if len(text) < 90][:10]
    examples = [example(n, text, reference=" the film") for n, text in enumerate(rows)]
    outcomes = attack(victim, examples, recipes.load("gcg", steps=3))
    assert len(outcomes) == 10
    assert not [o.error for o in outcomes if o.status is Status.ERRORED]
    assert {o.status for o in outcomes} <= {Status.SUCCEEDED, Status.FAILED, Status.SKIPPED}
    assert sum(o.unique_queries for o in outcomes) > 1000
    assert all(1 <= o.unique_queries <= 2 + 3 * 512 for o in outcomes)

"""The catalogue of attacks, and the recipes at work on a victim whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks import recipes
from attacks.constraints import EditDistance, Stopwords
from attacks.constraints.edit_distance import levenshtein
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import FLUENCY, MASKED_LM, SIMILARITY, WrittenGoal
from attacks.questions import Floats, Inputs, Relax, Relaxed, Slopes, Swaps, Words
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.victims import equipped
from attacks.victims.function import FunctionRephraser, FunctionVictim
from harness.auxiliaries import LANGUAGE_MODEL, WRITERS
from harness.other_models import load_masked_lm
from tests.attacks.small import reworded

REVIEWS = (
    "This was a wonderful film with a charming cast and it never felt boring to me at all today",
    "Wonderful acting and a gripping plot",
    "The movie is charming",
)


class Lexicon:
    """Positive as long as any of a few words is in the text, as it is spelt here."""

    labels = ("negative", "positive")
    fingerprint = "lexicon"
    words = ("wonderful", "charming", "gripping")

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        counts = [sum(w in " ".join(item).lower() for w in self.words) for item in batch]
        return np.array([[0.0, 2.0 * n - 1.0] for n in counts], dtype=np.float32)

    def first_order(self) -> Model:
        return LexiconSwaps()

    def nearest_words(self) -> Model:
        return LexiconNeighbours()

    def relaxed(self) -> Model:
        return LexiconRelaxed()


class LexiconSwaps:
    """What a swap takes from the lexicon's count; ties go to the later first letter."""

    fingerprint = "lexicon-swaps"

    def encode(self, inputs: Sequence[Swaps]) -> list[Swaps]:
        return list(inputs)

    def run(self, batch: Sequence[Swaps]) -> list[Slopes]:
        rows = []
        for item in batch:
            gains = [
                (item.strings[field][start:end].lower() in Lexicon.words)
                - (word.lower() in Lexicon.words)
                + ord(word[:1] or "\0") / 1000
                for (field, start, end), words in zip(item.spans, item.replacements, strict=True)
                for word in words
            ]
            (logits,) = Lexicon().run([item.strings])
            weights = [
                item.strings[field][start:end].lower() in Lexicon.words
                for field, start, end in item.spans
            ]
            rows.append(
                Slopes(
                    logits,
                    np.array(gains, dtype=np.float32),
                    np.array(weights, dtype=np.float32),
                )
            )
        return rows


class LexiconRelaxed:
    """A text without the words that it knows, and the text itself."""

    fingerprint = "lexicon-relaxed"

    def encode(self, inputs: Sequence[Relax]) -> list[tuple[Relax]]:
        return [(item,) for item in inputs]

    def run(self, batch: Sequence[tuple[Relax]]) -> list[Relaxed]:
        found = []
        for (item,) in batch:
            (text,) = item.strings
            kept = " ".join(w for w in text.split() if w.lower() not in Lexicon.words)
            found.append(Relaxed(((text,), (kept,)), np.zeros(1, dtype=np.float32)))
        return found


class LexiconNeighbours:
    """Two words that are near to every word."""

    fingerprint = "lexicon-neighbours"

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> list[Words]:
        return [Words(("zany", "drab"), np.array([0.9, 0.8], dtype=np.float32)) for _ in batch]


class Letters:
    """A sentence encoder that counts letters: one swapped word moves a long window little."""

    fingerprint = "letters"

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        alphabet = "abcdefghijklmnopqrstuvwxyz "
        rows = [[" ".join(item).lower().count(c) for c in alphabet] for item in batch]
        return np.array(rows, dtype=np.float32)


@cache
def language_models() -> tuple[Model, Model]:
    return load_masked_lm(LANGUAGE_MODEL)


def attack(recipe: Recipe, texts: Sequence[str] = REVIEWS) -> list[Outcome]:
    examples = [Example(str(n), Text.of(text), label=1) for n, text in enumerate(texts)]
    filling, fitting = language_models()
    others: dict[str, Model] = {SIMILARITY: Letters(), MASKED_LM: filling, FLUENCY: fitting}
    others |= dict.fromkeys(WRITERS, FunctionRephraser(reworded, "reworded"))
    models = equipped(Lexicon(), others, [recipe])
    events = run([Job(example, recipe) for example in examples], models)
    return [event.outcome for event in events if isinstance(event, Finished)]


def test_names() -> None:
    assert set(recipes.BUILTIN) <= set(recipes.names())
    assert list(recipes.names()) == sorted(recipes.names())


@pytest.mark.parametrize("name", sorted(recipes.BUILTIN))
def test_a_recipe_says_what_it_is(name: str) -> None:
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.family in {"character", "word", "sentence", "token", "mixed"}
    assert recipe.source
    assert recipe.deviations
    assert json.loads(json.dumps(recipe.parameters())) == recipe.parameters()


# As published they find nothing here: the three words have no neighbours that are so near.
LOOSENED: dict[str, dict[str, Any]] = {
    "a2t": {"min_cosine": 0.6, "min_similarity": 0.5},
    "gbda": {"iterations": 1, "batch": 1},
    "hotflip": {"min_cosine": 0.6},
    "textfooler-adjusted": {"min_cosine": 0.6, "min_similarity": 0.5},
    "universal-trigger": {"file": str(Path(__file__).with_name("trigger.json"))},
}


@pytest.mark.parametrize("name", sorted(set(recipes.BUILTIN) - {"gcg"}))
def test_a_recipe_attacks(name: str) -> None:
    recipe = recipes.load(name, **LOOSENED.get(name, {}))
    if isinstance(recipe.goal, WrittenGoal):
        recipe = recipe.aimed_at(Untargeted())
    outcomes = attack(recipe)
    assert len(outcomes) == len(REVIEWS)
    assert {o.status for o in outcomes} <= {Status.SUCCEEDED, Status.FAILED}
    # They take none of the words away that the lexicon knows.
    harmless = name in {"checklist", "morpheus", "stress-test", "universal-trigger"}
    assert any(o.status is Status.SUCCEEDED for o in outcomes) != harmless
    if any(isinstance(protection, Stopwords) for protection in recipe.protections):
        changed = {change.before.lower() for o in outcomes for change in o.changes}
        assert not changed & {"this", "was", "a", "the", "is"}
    assert attack(recipe) == outcomes


def test_deepwordbug_keeps_to_its_edit_distance() -> None:
    for outcome in attack(recipes.load("deepwordbug", max_edit_distance=2)):
        assert outcome.perturbed is not None
        assert levenshtein(outcome.original[0], outcome.perturbed[0]) <= 2
    untouched = attack(recipes.load("deepwordbug", max_edit_distance=0))
    assert {(o.status, o.changes) for o in untouched} == {(Status.FAILED, ())}


def test_pruthi_makes_one_slip_inside_one_longer_word() -> None:
    for words in (1, 2):
        for outcome in attack(recipes.load("pruthi", words=words)):
            assert len(outcome.changes) <= words
            for change in outcome.changes:
                before, after = change.before, change.after
                assert (before[0], before[-1]) == (after[0], after[-1])
                assert len(before) >= 4
                assert levenshtein(before, after) <= 2, "a swap is two"
    assert {o.status for o in attack(recipes.load("pruthi"))} == {Status.SUCCEEDED, Status.FAILED}


def test_textfooler_obeys_its_encoder() -> None:
    loose, strict = (recipes.load("textfooler", min_similarity=least) for least in (0.0, 1.0))
    assert any(o.changes for o in attack(loose))
    by_length = {len(Text.of(o.original[0]).words) >= 15: o for o in attack(strict)}
    assert not by_length[True].changes
    assert by_length[False].changes, "short texts are not compared"


def test_overrides_are_seen_in_the_parameters() -> None:
    recipe = recipes.load("textfooler", min_cosine=1, neighbours=7)
    constraints = recipe.parameters()["constraints"]
    assert repr(constraints[0]["least"]) == "1.0"
    assert recipe.parameters()["transformation"]["most"] == 7


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("textfoler", {}, "Did you mean 'textfooler'"),
        ("textfooler", {"min_cosin": 0.7}, "Did you mean 'min_cosine'"),
        ("textfooler", {"min_cosine": "0.7"}, "'0.7' but should be a valid number"),
        ("textfooler", {"window": 2.5}, "'window'"),
        ("pwws", {"inflect": 1}, "should be a valid boolean"),
        ("deepwordbug", {"stop_words": "none"}, "no list of stop words"),
    ],
)
def test_what_cannot_be_loaded(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(AttackError, match=message):
        recipes.load(name, **overrides)


def renamed(strength: float = 0.5) -> Recipe:
    return replace(recipes.load("pwws"), name=f"mine-{strength}")


def test_other_distributions_add_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    points = (
        EntryPoint("mine", f"{__name__}:renamed", recipes.GROUP),
        EntryPoint("broken", "no_such_module:build", recipes.GROUP),
        EntryPoint("pwws", f"{__name__}:renamed", recipes.GROUP),
    )
    monkeypatch.setattr(recipes, "entry_points", lambda group: points)
    assert {"mine", "broken", "pwws"} <= set(recipes.names())
    assert recipes.load("mine", strength=2).name == "mine-2.0"
    assert recipes.load("pwws").name == "pwws", "a built-in name cannot be taken over"
    with pytest.raises(AttackError, match="cannot be loaded from no_such_module"):
        recipes.load("broken")


def test_an_attack_by_gradients_is_refused_where_there_are_none() -> None:
    victim = FunctionVictim(lambda texts: [[0.5, 0.5] for _ in texts], ("no", "yes"))
    with pytest.raises(AttackError, match=r"'gradient-step' looks inside.*FunctionVictim"):
        equipped(victim, {}, [recipes.load("gradient-step")])
    assert set(equipped(victim, {}, [recipes.load("pwws")])) == {"victim"}


def test_a_gradient_step_takes_each_words_best_rewrite_and_asks_once() -> None:
    found = attack(recipes.load("gradient-step", characters=0.0, least=1.0))
    for outcome in found:
        assert outcome.queries == 2
        changed = {change.before.lower() for change in outcome.changes}
        assert changed >= {w for w in Lexicon.words if w in outcome.original[0].lower()}
    assert all(o.status is Status.SUCCEEDED for o in found)


def test_constraints_are_asked_of_each_rewrite_of_a_gradient_step() -> None:
    free = recipes.load("gradient-step", least=1.0)
    for outcome in attack(replace(free, constraints=(EditDistance(2),))):
        assert all(levenshtein(c.before, c.after) <= 2 for c in outcome.changes)
    assert any(levenshtein(c.before, c.after) > 2 for o in attack(free) for c in o.changes)


def test_a_gradient_step_leaves_alone_what_is_wrong_already() -> None:
    (found,) = attack(recipes.load("gradient-step"), ("Dull acting and a boring plot",))
    assert found.status is Status.SKIPPED
    assert (found.queries, found.predicted_before, found.perturbed) == (1, 0, None)


@pytest.mark.parametrize(("least", "most"), [(0.2, 0.4), (0.0, 0.0)])
def test_a_gradient_step_changes_a_drawn_share_of_the_words(least: float, most: float) -> None:
    recipe = recipes.load("gradient-step", least=least, most=most)
    for outcome in attack(recipe):
        text = Text.of(outcome.original[0])
        editable = [
            i for i in text.editable if all(p.allows(text.candidate, i) for p in recipe.protections)
        ]
        assert len(outcome.changes) <= most * len(editable) + 1
        assert bool(outcome.changes) == (most > 0)


def test_hotflip_flips_two_words_at_most_and_asks_for_a_gradient_a_text() -> None:
    for words in (1, 2):
        found = attack(recipes.load("hotflip", words=words, min_cosine=0.6))
        assert {len(o.changes) for o in found} <= set(range(words + 1))
    (short,) = attack(recipes.load("hotflip", words=1, width=2, min_cosine=0.6), REVIEWS[2:])
    # The original, its gradient (the same input), and the two flips that promise most.
    assert (short.queries, short.unique_queries) == (4, 3)


def test_a2t_begins_with_the_word_of_the_largest_gradient() -> None:
    recipe = recipes.load("a2t", **LOOSENED["a2t"])
    (found,) = attack(recipe, ("Surely a quiet film with a gripping plot",))
    assert [c.before for c in found.changes] == ["gripping"]


@pytest.mark.parametrize("edits", [1, 3])
@pytest.mark.parametrize("kind", ["homoglyphs", "invisible", "reorderings", "deletions"])
def test_bad_characters_are_as_many_as_allowed(kind: str, edits: int) -> None:
    found = attack(recipes.load("bad-characters", kind=kind, edits=edits))
    assert any(o.status is Status.SUCCEEDED for o in found)
    assert all(1 <= len(o.changes) <= edits for o in found)


def test_marks_are_put_on_a_share_of_the_letters() -> None:
    def shares(share: float) -> float:
        recipe = recipes.load("viper", share=share, tries=1)
        texts = [(o.original[0], (o.perturbed or o.original)[0]) for o in attack(recipe)]
        pairs = [pair for text in texts for pair in zip(*text, strict=True)]
        return sum(a != b for a, b in pairs) / sum(a.isalpha() for a, _ in pairs)

    assert shares(0.1) < 0.2 < 0.7 < shares(0.9)


def counting(texts: list[str]) -> list[list[float]]:
    """Less sure the more words there are, and without the word "wonderful"; never wrong."""
    sure = [0.9 - 0.01 * len(t.split()) + 0.05 * ("wonderful" in t.lower()) for t in texts]
    return [[1 - p, p] for p in sure]


@pytest.mark.parametrize(
    ("mode", "after"),
    [("R", {1}), ("I", {2}), ("R/I", {1, 2}), ("R+I", {2})],
)
def test_the_modes_of_bae_replace_and_insert(mode: str, after: set[int]) -> None:
    recipe = recipes.load("bae", mode=mode, min_similarity=0.0)
    victim = FunctionVictim(counting, ("no", "yes"))
    models = {"victim": victim, SIMILARITY: Letters(), MASKED_LM: language_models()[0]}
    example = Example("x", Text.of("Wonderful acting and a gripping plot"), label=1)
    (found,) = (e.outcome for e in run([Job(example, recipe)], models) if isinstance(e, Finished))
    by_word = {change.before: change.after.split() for change in found.changes}
    assert {len(words) for words in by_word.values()} == after
    assert ("Wonderful" in by_word["Wonderful"]) == (mode == "I")
    if mode in ("I", "R/I"):
        assert "plot" in by_word["plot"], "where nothing is gained by another word one is added"


def test_kuleshov_wants_a_sure_wrong_answer() -> None:
    loose = {"min_similarity": -1.0, "max_drop": 99.0, "max_words": 1.0}
    sure = attack(recipes.load("kuleshov", **loose, confidence=0.7))
    assert {o.status for o in sure} == {Status.SUCCEEDED}
    # Without any of the three words the lexicon is wrong with a probability of 1 / (1 + 1 / e) = 0.73.
    surer = attack(recipes.load("kuleshov", **loose, confidence=0.74))
    assert {o.status for o in surer} == {Status.FAILED}


@pytest.mark.parametrize("gradients", [False, True])
def test_input_is_reduced_as_far_as_the_answer_lasts(gradients: bool) -> None:
    found = attack(recipes.load("input-reduction", gradients=gradients))
    for outcome in found:
        assert (outcome.status, outcome.predicted_after) == (Status.SUCCEEDED, 1)
        assert len(outcome.changes) == outcome.words - 1
        assert (outcome.perturbed or ("",))[0].lower() in Lexicon.words
    texts = ("A dull film with a boring plot", "Wonderful", "")
    for outcome in attack(recipes.load("input-reduction", gradients=gradients), texts):
        assert (outcome.status, outcome.queries) == (Status.SKIPPED, 1)


def both(texts: list[str]) -> list[list[float]]:
    """Positive as long as two words are there."""
    sure = [0.9 if {"warm", "film"} <= set(t.lower().split()) else 0.2 for t in texts]
    return [[1 - p, p] for p in sure]


@pytest.mark.parametrize("words", [1, 2, 3])
def test_a_text_that_cannot_be_reduced_so_far_keeps_its_shortest_form(words: int) -> None:
    recipe = recipes.load("input-reduction", words=words)
    victim = FunctionVictim(both, ("no", "yes"))
    example = Example("x", Text.of("This is a warm little film about film"), label=1)
    (found,) = (
        e.outcome
        for e in run([Job(example, recipe)], {"victim": victim})
        if isinstance(e, Finished)
    )
    assert found.status is (Status.FAILED if words == 1 else Status.SUCCEEDED)
    assert found.predicted_after == 1
    left = (found.perturbed or ("",))[0].split()
    assert len(left) == max(words, 2)
    assert {"warm", "film"} <= set(left)


def of_pair(texts: list[tuple[str, str]]) -> list[list[float]]:
    """Less sure the more often "true" is in the premise, and wrong with "not" in the hypothesis."""
    sure = [0.9 - 0.05 * a.split().count("true") - 0.5 * ("not" in b.split()) for a, b in texts]
    return [[1 - p, p] for p in sure]


@pytest.mark.parametrize(
    ("frozen", "needs_not", "after"),
    [
        ((), True, ("A man sleeps.", "He rests and false is not true!")),
        ((), False, ("A man sleeps" + 5 * " and true is true" + ".", "He rests!")),
        (("premise",), False, None),
    ],
)
def test_stress_clauses_come_before_the_last_punctuation(
    frozen: tuple[str, ...], needs_not: bool, after: tuple[str, str] | None
) -> None:
    asked: list[tuple[str, str]] = []

    def answer(texts: list[tuple[str, str]]) -> list[list[float]]:
        asked.extend(texts)
        return of_pair(texts if needs_not else [(a, b.replace("not", "")) for a, b in texts])

    text = Text.of({"premise": "A man sleeps.", "hypothesis": "He rests!"}, frozen=frozen)
    victim = FunctionVictim(answer, ("no", "yes"))  # type: ignore[arg-type]
    job = Job(Example("x", text, 1), recipes.load("stress-test"))
    (found,) = (e.outcome for e in run([job], {"victim": victim}) if isinstance(e, Finished))
    assert found.perturbed == after or (after is None and found.status is Status.FAILED)
    assert found.status is (Status.SUCCEEDED if after else Status.FAILED)
    assert len(asked) == found.queries == 4
    assert frozen == () or {premise for premise, _ in asked} == {"A man sleeps."}
    assert ("A man sleeps.", "He rests and true is true!") in asked


def test_a_premise_is_not_reduced() -> None:
    def confident(texts: list[tuple[str, str]]) -> list[list[float]]:
        return [[0.1, 0.9] if premise == "A man sleeps" else [0.9, 0.1] for premise, _ in texts]

    text = Text.of({"premise": "A man sleeps", "hypothesis": "A man is awake"}, frozen=("premise",))
    victim = FunctionVictim(confident, ("no", "yes"))  # type: ignore[arg-type]
    job = Job(Example("x", text, 1), recipes.load("input-reduction"))
    (found,) = (e.outcome for e in run([job], {"victim": victim}) if isinstance(e, Finished))
    assert found.status is Status.SUCCEEDED
    assert found.perturbed == ("A man sleeps", "awake")


def test_outcomes_do_not_depend_on_the_recipes_beside() -> None:
    names = ("pwws", "textfooler", "bae", "deepwordbug", "hotflip", "iga", "standard")
    chosen = [recipes.load(name, **LOOSENED.get(name, {})) for name in names]
    filling, fitting = language_models()
    others = {SIMILARITY: Letters(), MASKED_LM: filling, FLUENCY: fitting}
    models = equipped(Lexicon(), others, chosen)
    examples = [Example(str(n), Text.of(text), label=1) for n, text in enumerate(REVIEWS)]
    jobs = [Job(example, recipe) for example in examples for recipe in chosen]
    for window in (1, 4, 100):
        events = run(jobs, models, EngineConfig(window=window))
        mixed = [event.outcome for event in events if isinstance(event, Finished)]
        for recipe in chosen:
            found = [outcome for outcome in mixed if outcome.attack == recipe.name]
            assert sorted(found, key=lambda o: o.example_id) == sorted(
                attack(recipe), key=lambda o: o.example_id
            )

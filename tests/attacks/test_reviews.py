"""Every attack on ten real reviews, against a real model that is trained on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.questions import Inputs
from attacks.text import Text
from attacks.universal import Settings, Trigger, answers, find, random_words
from attacks.victims import equipped
from attacks.victims.function import FunctionRephraser, FunctionWriter
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import WRITERS, Auxiliaries
from harness.models import load_classifier
from harness.splits import load_split
from tests.attacks.small import reworded

pytestmark = pytest.mark.slow

BUDGET = 80
WRITTEN = ("morpheus", "seq2sick")
STEPS, BATCH = 60, 16


@cache
def victim() -> HuggingFaceVictim:
    """MiniLM after a minute of fine-tuning on film reviews: about four of five right."""
    rows = load_split("bundle:rotten-tomatoes:train")
    loaded = load_classifier("bundle:minilm-l6", labels=rows.labels, seed=0)
    model, tokenizer = loaded.model.train(), loaded.tokenizer
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    torch.manual_seed(0)
    for step in range(STEPS):
        batch = rows.rows[step * BATCH : (step + 1) * BATCH]
        texts = [row.text.strings[0] for row in batch]
        inputs = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        loss = model(**inputs, labels=torch.tensor([row.label for row in batch])).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return HuggingFaceVictim(model.eval(), tokenizer, loaded.labels, fingerprint="reviews")


@cache
def reviews() -> tuple[Example, ...]:
    """Ten test reviews that the model gets right."""
    jobs = [
        Job(row, recipes.load("deepwordbug"), query_budget=1)
        for row in load_split("bundle:rotten-tomatoes:test").rows[:40]
    ]
    events = run(jobs, {"victim": victim()})
    right = {
        e.outcome.example_id
        for e in events
        if isinstance(e, Finished) and e.outcome.status is not Status.SKIPPED
    }
    return tuple(job.example for job in jobs if job.example.id in right)[:10]


GIVEN: dict[str, dict[str, Any]] = {
    "gbda": {"iterations": 5, "batch": 10, "samples": 20},  # 51 queries and what is drawn
    "universal-trigger": {"file": str(Path(__file__).with_name("trigger.json"))},
}


def translate(texts: Sequence[str] | Sequence[Inputs]) -> list[str]:
    """Word for word, by a dictionary of the words of the training reviews: a new form is lost."""
    known = dictionary()
    words = ([word.string for word in Text.of(str(text)).words] for text in texts)
    return [" ".join(known.get(word.lower(), "unk") for word in line) for line in words]


@cache
def dictionary() -> dict[str, str]:
    """Each word with its letters the other way round."""
    rows = load_split("bundle:rotten-tomatoes:test").rows
    return {
        word.string.lower(): word.string.lower()[::-1] for row in rows for word in row.text.words
    }


@pytest.mark.parametrize("name", WRITTEN)
def test_the_translations_of_ten_reviews_are_attacked(name: str) -> None:
    jobs = [
        Job(
            replace(row, label=0, reference=translate([row.text.strings[0]])[0]),
            recipes.load(name),
            query_budget=BUDGET,
        )
        for row in reviews()
    ]
    events = run(jobs, {"victim": FunctionWriter(translate, writes="translations")})
    outcomes = [e.outcome for e in events if isinstance(e, Finished)]
    assert len(outcomes) == 10
    assert not [o.error for o in outcomes if o.status is Status.ERRORED]
    assert all(o.written_before == o.reference for o in outcomes)
    nearer = [o for o in outcomes if o.written_after is not None]
    assert len(nearer) >= 8
    unknown = [(o.written_after or "").split().count("unk") for o in nearer]
    assert max(unknown) > 1


@pytest.mark.parametrize("name", sorted(set(recipes.BUILTIN) - {"gcg"}))
def test_ten_reviews_are_attacked(name: str) -> None:
    recipe = recipes.load(name, **GIVEN.get(name, {}))
    if name in WRITTEN:
        recipe = recipe.aimed_at(Untargeted())
    others = Auxiliaries().load(n for n in recipe.needs if n not in WRITERS)
    others |= dict.fromkeys(WRITERS, FunctionRephraser(reworded, "reworded"))
    models = equipped(victim(), others, [recipe])
    jobs = [Job(review, recipe, query_budget=BUDGET) for review in reviews()]
    events = run(jobs, models)
    outcomes: list[Outcome] = [e.outcome for e in events if isinstance(e, Finished)]
    assert len(outcomes) == 10
    assert not [o.error for o in outcomes if o.status is Status.ERRORED]
    assert all(1 <= o.unique_queries <= BUDGET for o in outcomes)
    for outcome in outcomes:
        if outcome.status is Status.SUCCEEDED:
            assert outcome.perturbed != outcome.original
            assert outcome.label == outcome.predicted_before
            kept = name == "input-reduction"
            assert (outcome.predicted_after == outcome.label) is kept
    if recipe.family == "character":
        assert any(o.status is Status.SUCCEEDED for o in outcomes)


@pytest.mark.parametrize("target", [0, 1])
def test_a_trigger_turns_texts_that_it_was_not_found_on(target: int) -> None:
    """More of them than drawn words do; 20 points at least, where the search takes seconds."""
    found_on = load_split("bundle:rotten-tomatoes:validation").rows[:60]
    held_out = [
        row for row in load_split("bundle:rotten-tomatoes:test").rows[:200] if row.label != target
    ]
    settings = Settings(step=10, candidates=8, rounds=2)
    trigger = find(found_on, victim(), target, settings).best.trigger
    words = victim().word_vectors().words

    def right(before: Trigger | Callable[[Example], Trigger] | None) -> float:
        found = answers(held_out, victim(), before)
        return sum(a == e.label for a, e in zip(found, held_out, strict=True)) / len(held_out)

    drawn = right(lambda example: random_words(words, 3, 0, example.id))
    assert right(trigger) < min(drawn, right(None)) - 0.2


def test_a_distribution_that_is_fitted_breaks_reviews() -> None:
    recipe = recipes.load("gbda", iterations=30, samples=50)
    models = equipped(victim(), {}, [recipe])
    white, seen = models["relaxed"], []
    fitted = white.run

    def noted(batch: Any) -> Any:
        answers = fitted(batch)
        seen.extend(answers)
        return answers

    white.run = noted  # type: ignore[method-assign]
    events = run([Job(review, recipe) for review in reviews()[:4]], models)
    outcomes = [e.outcome for e in events if isinstance(e, Finished)]
    assert len(seen) == 4
    for found in seen:
        assert found.margins[:3].mean() < 0 < found.margins[-3:].mean()
    assert sum(o.status is Status.SUCCEEDED for o in outcomes) >= 3
    assert all(o.unique_queries > 30 * 10 for o in outcomes)

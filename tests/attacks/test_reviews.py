"""Every attack on ten real reviews, against a real model that is trained on the spot."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.victims import equipped
from attacks.victims.huggingface import HuggingFaceVictim
from harness.auxiliaries import Auxiliaries
from harness.models import load_classifier
from harness.splits import load_split

pytestmark = pytest.mark.slow

BUDGET = 80
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


@pytest.mark.parametrize("name", sorted(set(recipes.BUILTIN) - {"gcg"}))
def test_ten_reviews_are_attacked(name: str) -> None:
    recipe = recipes.load(name)
    models = equipped(victim(), Auxiliaries().load(recipe.needs), [recipe])
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

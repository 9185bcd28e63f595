"""What a report says that an attacker knows is what the attack needs, for every attack there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attacks.drafts import ExactDraft, GradientDraft, ModelDraft, RoundedDraft
from attacks.excerpts import ExcerptDraft
from attacks.protocols import FIRST_ORDER, RELAXED, TOKEN_GRADIENTS, TRIGGER
from attacks.recipes import load, names
from reports import threat

WEIGHTS = {FIRST_ORDER, RELAXED, TOKEN_GRADIENTS, TRIGGER}


@pytest.mark.parametrize("name", names())
def test_an_attack_is_white_box_where_it_cannot_go_without_the_weights(name: str) -> None:
    recipe = load(name)
    parameters = json.loads(json.dumps(recipe.parameters()))
    _, technique = threat.knows(parameters)
    expected = "atlas-t0043-000" if WEIGHTS & set(recipe.needs) else "atlas-t0043-001"
    assert technique == expected


@pytest.mark.parametrize(
    ("draft", "technique"),
    [
        (GradientDraft(), "atlas-t0043-000"),
        (RoundedDraft(), "atlas-t0043-000"),
        (ModelDraft(model="m"), "atlas-t0043-001"),
        (ExcerptDraft(), "atlas-t0043-001"),
        (ExactDraft(), "atlas-t0043-001"),
    ],
    ids=("gradient", "rounded", "another model", "excerpts", "exact"),
)
def test_a_draft_of_the_weights_is_knowledge_of_them(draft: Any, technique: str) -> None:
    parameters = json.loads(json.dumps(load("textfooler").drafted(draft).parameters()))
    assert threat.knows(parameters)[1] == technique


def test_an_attack_of_textattack_s_own_is_told_by_its_names() -> None:
    parameters = {"transformation": {"kind": "WordSwapGradientBased", "top_n": 1}, "goal": {}}
    assert threat.knows(parameters)[1] == "atlas-t0043-000"
    ranked = {"search": {"kind": "GreedyWordSwapWIR", "wir_method": "gradient"}, "goal": {}}
    assert threat.knows(ranked)[1] == "atlas-t0043-000"


@pytest.mark.parametrize("name", names())
def test_an_attack_is_told_in_words_and_not_in_names_of_the_code(name: str) -> None:
    parameters = json.loads(json.dumps(load(name).parameters()))
    said = [threat.wants(parameters["goal"]), *threat.changes(parameters["transformation"])]
    said += threat.keeps(parameters)
    assert said[1:], "it changes something"
    assert all(words and words == words.strip() for words in said)
    assert threat.wants(parameters["goal"]) in threat._GOALS.values()
    assert not any(words[:1].isupper() for words in said)
    assert all(len(words) < 200 for words in said)

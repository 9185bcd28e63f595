"""The candidates of recipes with a masked language model, beside those of TextAttack 0.3.11.

One model proposes the words of both sides. What differs is what counts as a word:

- Ours are whole words of at least two letters. Theirs are also letters, numbers and pieces of words with
  their mark taken off ("##ing" as "ing").
- Ours have the capitals of the word that they replace; theirs are as the vocabulary has them.

So they are compared in small letters, and each is to hold the other's likeliest words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
import torch
import transformers

from attacks import recipes
from attacks.bridge import stand_ins
from attacks.bridge.importing import textattack
from attacks.engine.attempt import Attempt
from attacks.outcomes import Example
from attacks.recipe import Recipe
from attacks.text import Text
from attacks.transformations import Sparing
from attacks.victims.nearest import whole_words
from tests.attacks import fidelity_parts as parts
from tests.attacks.fidelity import (
    Step,
    answered,
    attack,
    built,
    by_letters,
    examples,
    models,
    put,
    steps,
    strictly,
)

pytestmark = pytest.mark.slow


class Unpadded(torch.nn.Module):
    """Our masked language model for TextAttack, less the padding that it adds to every text."""

    def __init__(self) -> None:
        super().__init__()
        model: Any = models()["masked_lm"]
        self.inner, self.config = model._model, model._model.config

    def forward(self, **inputs: torch.Tensor) -> Any:
        width = int(inputs["attention_mask"].sum(dim=1).max())
        return self.inner(**{name: rows[:, :width] for name, rows in inputs.items()})


@cache
def tokenizer() -> Any:
    model: Any = models()["masked_lm"]
    return model._tokenizer


def masked(kind: str = "WordSwapMaskedLM", **options: Any) -> Any:
    """A transformation of theirs around our model."""
    stand_ins.prepare()
    return getattr(textattack().transformations, kind)(
        masked_language_model=Unpadded(), tokenizer=tokenizer(), max_length=128, **options
    )


@cache
def words() -> frozenset[str]:
    """What our model may propose."""
    return frozenset(whole_words(tokenizer(), 2).words)


@cache
def pieces() -> frozenset[str]:
    """What theirs takes for words besides."""
    return frozenset(token[2:] for token in tokenizer().get_vocab() if token.startswith("##"))


def new_words(step: Step, candidates: Iterable[str]) -> set[str]:
    """What candidates put in, less the word that stands there, in whatever capitals."""
    word = step.word.lower()
    behind = " " + re.split(r"\W", word)[0]  # the word that something was put before
    found = {put(step.text, candidate).removesuffix(behind) for candidate in candidates}
    return found - {word, ""}


@pytest.fixture(autouse=True)
def model_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have TextAttack's recipes find our model where they would download one."""
    ours = tokenizer()  # loaded by what is replaced here
    for kind in (transformers.AutoModelForMaskedLM, transformers.AutoModelForCausalLM):
        monkeypatch.setattr(kind, "from_pretrained", lambda *args, **options: Unpadded())
    monkeypatch.setattr(
        transformers.AutoTokenizer, "from_pretrained", lambda *args, **options: ours
    )


def a2t_mlm() -> Any:
    transformation = masked(method="bae", max_candidates=20, min_confidence=0.0)
    return built("a2t-mlm", parts.a2t_constraints(parts.prepared()), transformation)


@pytest.mark.parametrize(("most", "edits"), [(50, 0), (10, 3)])
@pytest.mark.parametrize("name", ["bae", "a2t-mlm"])
def test_masked_words_are_the_same_but_for_what_is_a_word(
    name: str, most: int, edits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words are tagged each alone, as in the file for lexicons."""
    parts.tagged_alone(monkeypatch)
    theirs = attack("bae") if name == "bae" else a2t_mlm()
    compared = refused = 0
    for step in steps(recipes.load(name), theirs, most, edits=edits, every=4, encode=by_letters):
        if step.proposed_there:  # none where so many words may not change (MaxModificationRate)
            same_words(step, RANKED["replace"])
            compared += 1
        assert step.kept & step.both == step.kept_there & step.both, step.word
        refused += len(step.both - step.kept)
    assert compared > 15
    assert refused > 0


def same_words(step: Step, ranked: Callable[[Step], list[str]]) -> None:
    """Of theirs all that are whole words are ours, and ours are all among many more of theirs."""
    mine, theirs = new_words(step, step.proposed), new_words(step, step.proposed_there)
    assert (theirs & words()) - pieces() <= mine, step.word
    assert mine <= set(ranked(step)), step.word


def _ranked(kind: str, function: str, **options: Any) -> Callable[[Step], list[str]]:
    """A thousand words for one place, the likeliest first, by a transformation of theirs."""

    def ranked(step: Step) -> list[str]:
        wide = masked(kind, max_candidates=1000, min_confidence=0.0, **options)
        text = textattack().shared.AttackedText(step.text)
        (found,) = getattr(wide, function)(text, [step.index])
        return list(found)

    return ranked


RANKED = {
    "replace": _ranked("WordSwapMaskedLM", "_bae_replacement_words", method="bae"),
    "left": _ranked("WordInsertionMaskedLM", "_get_new_words"),
    "merge": _ranked("WordMergeMaskedLM", "_get_merged_words"),
}


def bert_attack(tokens: int, candidates: int) -> Any:
    """BERT-Attack for words of so many tokens: it tries its proposals for each with one another."""
    made = attack("bert-attack")
    transformation = made.transformation
    transformation.max_candidates = candidates
    replacements = transformation._bert_attack_replacement_words

    def of_so_many(text: Any, index: int, **options: Any) -> list[str]:
        count = len(tokenizer().tokenize(text.words[index]))
        found: list[str] = replacements(text, index, **options) if count == tokens else []
        return found

    transformation._bert_attack_replacement_words = of_so_many
    return made


def of_tokens(step: Step, count: int) -> bool:
    return len(tokenizer().tokenize(step.word)) == count


@pytest.mark.parametrize(("most", "edits"), [(50, 0), (12, 3)])
def test_a_word_that_is_read_is_replaced_by_the_same_ones(most: int, edits: int) -> None:
    """BERT-Attack. TextAttack has as many tokens as are asked for, be they words or none."""
    ours = recipes.load("bert-attack", candidates=12)
    compared = refused = 0
    for step in steps(ours, bert_attack(1, 12), most, edits=edits, encode=strictly(0.7913)):
        if not of_tokens(step, 1):
            continue
        mine, theirs = new_words(step, step.proposed), new_words(step, step.proposed_there)
        assert theirs & words() <= mine, step.word
        assert step.kept & step.both == step.kept_there & step.both, step.word
        compared += len(theirs & words())
        refused += len(step.both - step.kept)
    assert compared > 400
    assert refused > 0


def test_words_of_one_token_are_the_likeliest() -> None:
    """All that ours proposes is among more of theirs."""
    ours = recipes.load("bert-attack", candidates=12)
    for step in steps(ours, bert_attack(1, 150), every=5, encode=by_letters):
        if of_tokens(step, 1):
            assert new_words(step, step.proposed) <= new_words(step, step.proposed_there), step.word


def test_words_of_two_tokens_are_ranked_as_textattack_means_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TextAttack 0.3.11 sorts its combinations and takes the unsorted ones. Here it is seen sorting."""
    ranked: dict[str, float] = {}

    def seen(combinations: list[tuple[str, float]], key: Any) -> list[tuple[str, float]]:
        found = sorted(combinations, key=key, reverse=True)
        ranked.clear()
        ranked.update({word.lower(): perplexity for word, perplexity in found})
        return found

    module = import_module("textattack.transformations.word_swaps.word_swap_masked_lm")
    monkeypatch.setattr(module, "sorted", seen, raising=False)
    ours = recipes.load("bert-attack", candidates=24)
    compared = 0
    for step in steps(ours, bert_attack(2, 12), encode=by_letters):
        if not of_tokens(step, 2):
            continue
        order = [put(step.text, candidate) for candidate in step.proposed]
        scores = [ranked[word] for word in order]
        assert all(a < b * 1.001 for a, b in pairwise(scores)), step.word
        compared += len(order)
    assert compared > 100


def bare() -> list[Example]:
    """Snippets from the first word to the last.

    So much of a text is shown to TextAttack's model where it inserts and merges.
    """
    found = []
    for row in examples():
        words = row.text.words
        value = row.text.strings[0][words[0].start : words[-1].end]
        found.append(replace(row, text=Text.of(value)))
    return found


@pytest.mark.parametrize("action", ["replace", "left"])
def test_clare_replaces_and_inserts_the_same_words(action: str) -> None:
    """TextAttack loses sight of a mask before the first word and puts nothing there."""
    ours, theirs = clare(action)
    compared = refused = 0
    for step in steps(ours, theirs, rows=bare(), every=6, encode=strictly(0.2513)):
        if action == "left" and step.index == 0:
            assert not step.proposed_there
            continue
        same_words(step, RANKED[action])
        assert step.kept & step.both == step.kept_there & step.both, step.word
        compared += len(step.proposed)
        refused += len(step.both - step.kept)
    assert compared > 700
    assert refused > 0


def clare(action: str) -> tuple[Recipe, Any]:
    """One action of CLARE, ours and theirs.

    Where the number of words changes, whole texts are compared: the fifteen words of a window are
    counted in the original by ours, and in each of the two texts by theirs, and end a word apart.
    """
    ours, theirs = recipes.load("clare"), attack("clare")
    number = ("replace", "left", "merge").index(action)
    part: Any = ours.transformation
    part = part.parts[number]
    protections = ours.protections
    if isinstance(part, Sparing):
        part, protections = part.part, (*protections, part.protection)
    assert part.where == action
    theirs.transformation = theirs.transformation.transformations[number]
    constraint: Any = ours.constraints[0]
    if action != "replace":
        constraint = replace(constraint, window=None, skip_short=False)
        theirs.constraints[0].window_size = math.inf
        theirs.constraints[0].skip_text_shorter_than_window = False
    return (
        replace(ours, transformation=part, protections=protections, constraints=(constraint,)),
        theirs,
    )


def test_clare_merges_the_same_words_into_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """TextAttack loses sight of a mask at either end of a text, and merges nothing there."""
    parts.tagged(monkeypatch)
    places = refused = 0
    for step in merges(*clare("merge")):
        mine, theirs = new_words(step, step.proposed), new_words(step, step.proposed_there)
        assert (theirs & words()) - pieces() <= mine, (step.word, step.text)
        assert step.kept & step.both == step.kept_there & step.both, step.word
        places += bool(theirs)
        refused += len(step.both - step.kept)
    assert places > 50
    assert refused > 0


def merges(ours: Recipe, theirs: Any) -> Iterator[Step]:
    """As `steps`, of every word with the next one; TextAttack's merge all words of a text at once."""
    encode = strictly(0.2513)
    theirs.constraints, _ = stand_ins.replaced(theirs, encode)
    for row in bare():
        attempt, original = Attempt(row, ours, seed=0), row.text.candidate
        bare_attempt = Attempt(row, replace(ours, constraints=()), seed=0)
        text = textattack().shared.AttackedText(row.text.strings[0])
        there = theirs._get_transformations_uncached(text, text)
        kept_there = {t.text for t in theirs.filter_transformations(there, text, text)}
        places: dict[int, dict[str, Any]] = {}
        for other in there:
            (place,) = other.attack_attrs["newly_modified_indices"]
            places.setdefault(place, {})[other.text] = other
        assert not places.keys() & {0, len(text.words) - 2}
        for index in attempt.editable(original)[1:-2]:
            made = answered(bare_attempt.propose(original, index))
            kept = answered(attempt.admissible(made, original), encode)
            yield Step(
                text.text,
                index,
                text.words[index],
                {candidate.strings[0]: candidate for candidate in made},
                places.get(index, {}),
                frozenset(candidate.strings[0] for candidate in kept),
                frozenset(kept_there),
            )

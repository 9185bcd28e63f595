"""The candidates of word-level recipes with a lexicon, beside those of TextAttack 0.3.11.

Where the two sets may differ, the reason stands beside the comparison. Recipes with a masked language
model and those that edit characters are in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from attacks import recipes
from attacks.goals import Untargeted
from attacks.recipe import Recipe
from attacks.resources import wordnet
from attacks.resources.antonyms import opposed
from attacks.text import Text
from attacks.transformations import WordNetSynonyms
from tests.attacks import fidelity_parts as parts
from tests.attacks.fidelity import attack, by_letters, by_model, put, steps

pytestmark = pytest.mark.slow


def judged(name: str, **parameters: Any) -> Recipe:
    """A recipe for models that write, for those that classify: its goal has no part in a step."""
    return replace(recipes.load(name, **parameters), goal=Untargeted())


SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any], Any]] = {
    # Their least cosine is 0.5.
    "textfooler": (
        lambda: recipes.load("textfooler", min_cosine=0.5),
        lambda: attack("textfooler"),
        by_model,
    ),
    # Their largest squared distance of unit vectors, 0.5, is a cosine of 0.75.
    "iga": (lambda: recipes.load("iga", min_cosine=0.75), lambda: attack("iga"), by_letters),
    "alzantot": (lambda: recipes.load("alzantot", min_cosine=0.75), parts.alzantot, by_letters),
    "faster-alzantot": (
        lambda: recipes.load("faster-alzantot", min_cosine=0.75),
        parts.faster_alzantot,
        by_letters,
    ),
    "a2t": (lambda: recipes.load("a2t"), parts.a2t, by_letters),
    "textfooler-adjusted": (
        lambda: recipes.load("textfooler-adjusted"),
        parts.textfooler_adjusted,
        by_letters,
    ),
    # Their "distance" of 0.2 is a squared one: of unit vectors, a cosine of 0.9.
    "kuleshov": (lambda: recipes.load("kuleshov", min_similarity=0.9), parts.kuleshov, by_letters),
    "hotflip": (lambda: recipes.load("hotflip"), parts.hotflip, by_letters),
    # No word alone is thirty letters from another.
    "seq2sick": (
        lambda: judged("seq2sick", max_edit_distance=6),
        lambda: parts.seq2sick(distance=6),
        by_letters,
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_candidates_are_the_same(name: str) -> None:
    ours, theirs, encode = SAME[name]
    compared = proposed = kept = 0
    for step in steps(ours(), theirs(), encode=encode):
        assert step.kept == step.kept_there, step.word
        compared += 1
        proposed += len(step.proposed)
        kept += len(step.kept)
    assert compared > 400
    assert 0 < kept < proposed


# Jia et al. allow a word by the original text around it, and so do ours; TextAttack 0.3.11 reads the new
# word among what has been changed since.
@pytest.mark.parametrize("name", sorted(SAME.keys() - {"faster-alzantot"}))
def test_candidates_are_the_same_after_three_edits(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a tagger that reads each word alone: theirs reads the original, ours the text as it stands."""
    parts.tagged_alone(monkeypatch)
    ours, theirs, _ = SAME[name]
    compared = 0
    for step in steps(ours(), theirs(), 12, edits=3, encode=by_letters):
        assert step.kept == step.kept_there, (step.word, step.text)
        compared += 1
    assert compared > 50


@pytest.mark.parametrize("edits", [0, 3])
def test_a_particle_s_words_are_those_of_the_part_of_speech(
    edits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PSO, with WordNet in the place of HowNet on both sides. Ours leave out antonyms."""
    parts.tagged(monkeypatch)
    ours = replace(recipes.load("pso"), transformation=WordNetSynonyms(inflect=False))
    compared = 0
    for step in steps(ours, parts.pso(), edits=edits):
        theirs = {put(step.text, candidate) for candidate in step.kept_there} - {step.word.lower()}
        antonyms = {s for s in theirs if opposed(step.word, s)}
        assert {put(step.text, candidate) for candidate in step.kept} == theirs - antonyms, (
            step.word
        )
        compared += 1
    assert compared > 300


def test_words_are_left_out_alike() -> None:
    """What stands between the words may differ: theirs leave some spaces and punctuation out."""
    compared = 0
    for step in steps(recipes.load("input-reduction"), attack("input-reduction")):
        a, b = (
            {tuple(w.string for w in Text.of(candidate).words) for candidate in side}
            for side in (step.kept, step.kept_there)
        )
        assert a == b, step.word
        compared += 1
    assert compared > 400


@pytest.mark.parametrize("name", ["pwws", "leap"])
def test_wordnet_s_candidates_are_the_same_but_for_spelling(name: str) -> None:
    """In capitals ours follow the word ("Often" gives "Frequently"), theirs are as WordNet has them.

    Ours leave out words of two letters, base forms ("love" for "loved"), which are no synonyms, and
    antonyms.
    """
    ours = replace(recipes.load(name), transformation=WordNetSynonyms(False, False))
    compared = 0
    for step in steps(ours, attack(name)):
        theirs = {put(step.text, candidate) for candidate in step.kept_there} - {step.word.lower()}
        found = {put(step.text, candidate) for candidate in step.kept}
        bases = {base for letter in "nvar" for base in wordnet.base_forms(step.word, letter)}
        short = {s for s in theirs if len(s) < 3}
        antonyms = {s for s in theirs if opposed(step.word, s)}
        assert theirs - bases - short - antonyms <= found <= theirs - antonyms, step.word
        compared += 1
    assert compared > 400


def test_most_words_are_inflected_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Morpheus. TextAttack's forms are LemmInflect's, ours come of rules and tables.

    It inflects names too.
    """
    parts.tagged(monkeypatch)
    both = either = 0
    for step in steps(judged("morpheus"), parts.morpheus()):
        both += len(step.both)
        either += len(step.proposed.keys() | step.proposed_there.keys())
        assert step.kept & step.both == step.kept_there & step.both, step.word
    assert either > 400
    assert both / either > 0.9

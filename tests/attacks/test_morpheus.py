"""Attacks on victims that write: other forms and near words against a translator."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from attacks import recipes
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import Search
from attacks.questions import Inputs
from attacks.recipe import Recipe
from attacks.searches import Beam, Passes
from attacks.text import Text
from attacks.transformations import Inflections
from attacks.victims.function import FunctionVictim, FunctionWriter
from tests.attacks.small import WORDS, Others

GERMAN = {
    **{"the": "der", "films": "filme", "film": "film", "actor": "darsteller", "plays": "spielt"},
    **{"a": "ein", "great": "großer", "role": "rolle", "in": "in", "this": "dieser", "old": "alt"},
    **{
        "movies": "streifen",
        "were": "waren",
        "seen": "gesehen",
        "by": "von",
        "children": "kindern",
    },
}
TEXT = "The actor plays a great role in this old film"


def german(texts: Sequence[str] | Sequence[Inputs]) -> list[str]:
    """Word for word; a form that is in no dictionary stays as it is."""
    return [
        " ".join(GERMAN.get(word, word) for word in re.findall(r"[\w']+", str(text).lower()))
        for text in texts
    ]


TRANSLATOR = FunctionWriter(german, writes="translations")


def translated(recipe: Recipe, text: str = TEXT, window: int = 4) -> Outcome:
    example = Example("x", Text.of(text), 0, reference=german([TEXT])[0])
    (found, *_) = [
        event.outcome
        for event in run([Job(example, recipe)], {"victim": TRANSLATOR}, EngineConfig(window))
        if isinstance(event, Finished)
    ]
    return found


def forms(text: str, index: int) -> list[str]:
    candidate = Text.of(text).candidate
    return list(Inflections().replacements(candidate, index, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("He loves it", 1, "love loved loving"),
        ("They have seen it", 2, "see saw seeing sees"),
        ("two children play", 1, "child"),
        ("The actor was there", 1, "actors"),
        ("THE ACTORS CAME", 1, "ACTOR"),
        ("a better film", 1, "good best"),
        ("it was fine", 1, "be am are been being is were"),
        ("for many years", 2, "year"),
        ("the artist left", 1, "artists"),
        ("it is very dull", 2, ""),
        ("we met Woody Allen there", 2, ""),
        ("of the xyzzy kind", 2, ""),
    ],
)
def test_forms(text: str, index: int, expected: str) -> None:
    assert forms(text, index) == expected.split()


@pytest.mark.parametrize("word", "films plays story watched director funny feel took".split())  # noqa: SIM905
def test_forms_are_those_of_lemminflect(word: str) -> None:
    lemminflect = pytest.importorskip("lemminflect")
    pos, name = {
        "plays": ("v", "VERB"),
        "watched": ("v", "VERB"),
        "took": ("v", "VERB"),
        "feel": ("v", "VERB"),
        "funny": ("a", "ADJ"),
    }.get(word, ("n", "NOUN"))
    sentence = {"n": f"the {word} of it", "v": f"he {word} it", "a": f"a {word} film"}[pos]
    (lemma, *_) = lemminflect.getAllLemmas(word)[name]
    theirs = {f for some in lemminflect.getAllInflections(lemma, upos=name).values() for f in some}
    assert set(forms(sentence, 1)) == theirs - {word}


@pytest.mark.parametrize("passes", [False, True])
def test_a_translation_is_lost_by_forms_that_the_dictionary_lacks(passes: bool) -> None:
    found = translated(recipes.load("morpheus", passes=passes))
    assert found.status is Status.SUCCEEDED
    assert found.reference == found.written_before
    assert found.changes
    for change in found.changes:
        assert change.after in forms(TEXT, change.index)
    ours, reference = (found.written_after or "").split(), (found.reference or "").split()
    runs = {tuple(reference[n : n + 4]) for n in range(len(reference))}
    assert not any(tuple(ours[n : n + 4]) in runs for n in range(len(ours) - 3))


def test_smoothed_and_with_a_target_it_is_content_with_less() -> None:
    half = translated(recipes.load("morpheus", target=0.7, smoothed=True))
    none = translated(recipes.load("morpheus", smoothed=True))
    assert half.status is Status.SUCCEEDED
    assert len(half.changes) < len(none.changes)
    assert none.status is Status.FAILED, "articles and prepositions have no other form"


def test_another_translation_than_the_reference_is_skipped() -> None:
    assert translated(recipes.load("morpheus"), "films were seen").status is Status.SKIPPED


def test_a_classifier_falls_to_morpheus_with_another_goal() -> None:
    victim = FunctionVictim(
        lambda texts: [[0.1, 0.9] if "plays" in str(t) else [0.8, 0.2] for t in texts],
        ("no", "yes"),
    )
    recipe = recipes.load("morpheus").aimed_at(Untargeted())
    events = run([Job(Example("x", Text.of(TEXT), 1), recipe)], {"victim": victim})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    assert (found.status, found.predicted_after) == (Status.SUCCEEDED, 0)
    assert [(c.before, c.after) for c in found.changes] == [("plays", "play")]


def test_near_words_leave_no_word_in_its_place() -> None:
    recipe = recipes.load("seq2sick", stop_words="textfooler")
    text = "movies were seen"
    victim = FunctionWriter(german, writes="translations")
    example = Example("x", Text.of(text), 0)
    events = run([Job(example, recipe)], {"victim": victim})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    assert found.reference is None
    assert found.status is Status.FAILED, "'were' is a stop word"
    changed = {change.index for change in found.changes}
    assert changed == {0, 2}
    after = (found.written_after or "").split()
    assert after[1] == "waren"
    assert after[0] != "streifen"
    assert after[2] != "gesehen"


def passed(weights: Sequence[float], search: Search) -> Outcome:
    """Against a victim that is hurt by "b" at each place as much as stands there."""

    def hurt(texts: Sequence[str] | Sequence[Inputs]) -> list[list[float]]:
        rows = []
        for text in texts:
            words = str(text).split()
            p = 0.95 - sum(w for w, word in zip(weights, words, strict=True) if word == "b")
            # The last word counts only where the first one still stands.
            p -= 0.2 if words[2] == "c" and words[0] == "a" else 0.0
            rows.append([1 - p, p])
        return rows

    recipe = Recipe("p", "word", "a test", Untargeted(), Others(), search)
    victim = FunctionVictim(hurt, ("no", "yes"))
    events = run([Job(Example("x", Text.of("a a a"), 1), recipe)], {"victim": victim})
    (found,) = (event.outcome for event in events if isinstance(event, Finished))
    return found


def test_passes_go_once_each_way_and_each_word_keeps_its_best() -> None:
    found = passed((0.1, 0.02, 0.05), Passes())
    assert found.status is Status.FAILED
    # Forwards "b" in the first place spoils what "c" would do in the last.
    assert found.perturbed == ("a b c",)
    each_way = 3 * (len(WORDS) - 1)
    assert found.queries == 1 + 2 * each_way
    assert passed((0.5, 0.0, 0.0), Passes()).queries == 1 + 2, "the first success ends it"
    assert passed((0.1, 0.02, 0.05), Beam()).status is Status.FAILED

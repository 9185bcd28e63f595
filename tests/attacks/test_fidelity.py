"""The candidates of a step, beside those of TextAttack 0.3.11, on fifty real snippets.

Both sides draw on the same lexicons: TextAttack is given those installed with Withstand, where it
would download others. Where the two sets may differ, the reason stands beside the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from attacks import recipes
from attacks.bridge import recipe as bridged
from attacks.bridge import stand_ins
from attacks.bridge.importing import textattack
from attacks.engine.attempt import Attempt
from attacks.models import Model
from attacks.outcomes import Example
from attacks.protocols import Steps
from attacks.resources import wordnet
from attacks.resources.antonyms import opposed
from attacks.text import Text
from attacks.transformations import WordNetSynonyms
from harness.auxiliaries import Auxiliaries
from harness.splits import load_split

pytestmark = pytest.mark.slow


@cache
def models() -> Mapping[str, Model]:
    return Auxiliaries().load(("similarity", "masked_lm"))


ANSWERS: dict[tuple[str, Any], Any] = {}


def asked(model: str, inputs: Sequence[Any]) -> list[Any]:
    """A model's answers; what was asked before is not asked again."""
    new = [item for item in dict.fromkeys(inputs) if (model, item) not in ANSWERS]
    if new:
        rows = models()[model].run(models()[model].encode(new))
        ANSWERS.update(zip([(model, item) for item in new], rows, strict=True))
    return [ANSWERS[model, item] for item in inputs]


def encode(sentences: list[str]) -> Any:
    return np.stack(asked("similarity", [(sentence,) for sentence in sentences]))


def answered(steps: Steps[Any]) -> Any:
    """What the steps return when their models answer at once."""
    try:
        ask = next(steps)
        while True:
            ask = steps.send(asked(ask.model, ask.inputs))
    except StopIteration as end:
        return end.value


def examples() -> list[Example]:
    """Snippets in which both find the same words.

    Not where an apostrophe is typographic ("isn’t"), which TextAttack takes for the end of a word.
    """
    rows = load_split("bundle:rotten-tomatoes:test").rows[:50]
    package = textattack()
    same = [
        row
        for row in rows
        if [word.string for word in row.text.words]
        == package.shared.AttackedText(row.text.strings[0]).words
    ]
    assert len(same) >= 45
    return same


def steps(ours: Any, theirs: Any, most: int = 50) -> Iterator[tuple[str, set[str], set[str], str]]:
    """(word, our candidates, theirs, text) of every first step; the words that may change agree."""
    theirs.constraints, _ = stand_ins.replaced(theirs, encode)
    package = textattack()
    for example in examples()[:most]:
        attempt = Attempt(example, ours, seed=0)
        text = package.shared.AttackedText(example.text.strings[0])
        mine = set(attempt.editable(attempt.original))
        _, indices = theirs.get_indices_to_order(text)
        words = example.text.words
        assert mine <= set(indices)
        # TextAttack leaves stop words alone only as they are listed, in small letters.
        assert all(words[i].string != words[i].string.lower() for i in set(indices) - mine)
        for index in sorted(mine):
            a = {
                candidate.strings[0]
                for candidate in answered(attempt.propose(attempt.original, index))
            }
            found = theirs.get_transformations(text, text, indices_to_modify=[index])
            yield words[index].string, a, {t.text for t in found}, example.text.strings[0]


def attack(name: str) -> Any:
    search: Any = recipes.load(f"textattack:{name}").search
    return search.attack


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        # Their least cosine is 0.5.
        (lambda: recipes.load("textfooler", min_cosine=0.5), "textfooler"),
        # Their largest squared distance of unit vectors, 0.5, is a cosine of 0.75.
        (lambda: recipes.load("iga", min_cosine=0.75), "iga"),
    ],
    ids=["textfooler", "iga"],
)
def test_candidates_are_the_same(ours: Callable[[], Any], theirs: str) -> None:
    compared = 0
    for word, mine, other, _ in steps(ours(), attack(theirs)):
        assert mine == other, word
        compared += 1
    assert compared > 400


def test_words_are_left_out_alike() -> None:
    """What stands between the words may differ: theirs leave some spaces and punctuation out."""
    ours = recipes.load("input-reduction")
    compared = 0
    for word, mine, other, _ in steps(ours, attack("input-reduction")):
        a, b = (
            {tuple(w.string for w in Text.of(candidate).words) for candidate in side}
            for side in (mine, other)
        )
        assert a == b, word
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
    for word, mine, other, text in steps(ours, attack(name)):
        position = {word.lower()}
        theirs = {_put(text, candidate) for candidate in other} - position
        found = {_put(text, candidate) for candidate in mine}
        bases = {base for letter in "nvar" for base in wordnet.base_forms(word, letter)}
        short = {s for s in theirs if len(s) < 3}
        antonyms = {s for s in theirs if opposed(word, s)}
        assert theirs - bases - short - antonyms <= found <= theirs - antonyms, word
        compared += 1
    assert compared > 400


def _put(text: str, candidate: str) -> str:
    """What a candidate puts in, in small letters."""
    start = 0
    while candidate[start] == text[start]:
        start += 1
    while start and text[start - 1].isalnum():
        start -= 1
    end = 0
    while end < min(len(text), len(candidate)) - start and candidate[-1 - end] == text[-1 - end]:
        end += 1
    while end and text[len(text) - end].isalnum():
        end -= 1
    return candidate[start : len(candidate) - end].lower()


def test_masked_words_are_the_same_but_for_what_is_a_word() -> None:
    """BAE with one masked language model on both sides.

    Ours has words of at least two letters and gives them the capitals of the word that they replace; the
    fifty likeliest are counted after that. The part of speech is read in the text and not among three
    words behind.
    """
    model: Any = models()["masked_lm"]
    package = textattack()
    ours = recipes.load("bae")
    grammar, semantics = package.constraints.grammaticality, package.constraints.semantics

    def build(wrapper: Any) -> Any:
        return package.Attack(
            package.goal_functions.UntargetedClassification(wrapper),
            [
                package.constraints.pre_transformation.RepeatModification(),
                package.constraints.pre_transformation.StopwordModification(),
                grammar.PartOfSpeech(allow_verb_noun_swap=True),
                semantics.sentence_encoders.UniversalSentenceEncoder(
                    threshold=0.936338023,
                    metric="cosine",
                    compare_against_original=True,
                    window_size=15,
                    skip_text_shorter_than_window=True,
                ),
            ],
            package.transformations.WordSwapMaskedLM(
                method="bae",
                masked_language_model=model._model,
                tokenizer=model._tokenizer,
                max_length=128,
                max_candidates=50,
                min_confidence=0.0,
            ),
            package.search_methods.GreedyWordSwapWIR(wir_method="delete"),
        )

    search: Any = bridged(build, "bae").search
    shared = union = 0
    for _, mine, other, text in steps(ours, search.attack, most=12):  # theirs takes 5 seconds each
        a, b = ({_put(text, c) for c in side if c != text} for side in (mine, other))
        shared += len(a & b)
        union += len(a | b)
    assert union > 300
    assert shared / union > 0.8

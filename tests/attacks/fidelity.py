"""Steps of our recipes beside those of TextAttack 0.3.11, on real snippets.

Both sides draw on the same lexicons and models: TextAttack is given those of Withstand, where it would
download others. So what is compared is the definition of an attack.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from attacks import recipes
from attacks.bridge import recipe as bridged
from attacks.bridge import stand_ins
from attacks.bridge.importing import textattack
from attacks.engine.attempt import Attempt
from attacks.models import Floats, Model
from attacks.outcomes import Example
from attacks.protocols import FLUENCY, SIMILARITY, Steps
from attacks.questions import Fit
from attacks.recipe import Recipe
from attacks.text import Candidate
from harness.auxiliaries import Auxiliaries
from harness.splits import load_split

Encode = Callable[[Sequence[str]], Any]
"""From sentences to vectors, shape (sentences, width)."""


@cache
def models() -> Mapping[str, Model]:
    return Auxiliaries().load(("similarity", "masked_lm", "fluency"))


ANSWERS: dict[tuple[str, Any], Any] = {}


def asked(model: str, inputs: Sequence[Any]) -> list[Any]:
    """A model's answers; what was asked before is not asked again."""
    new = [item for item in dict.fromkeys(inputs) if (model, item) not in ANSWERS]
    if new:
        rows = models()[model].run(models()[model].encode(new))
        ANSWERS.update(zip([(model, item) for item in new], rows, strict=True))
    return [ANSWERS[model, item] for item in inputs]


def by_model(sentences: Sequence[str]) -> Any:
    """The vectors of MiniLM."""
    return np.stack(asked(SIMILARITY, [(sentence,) for sentence in sentences]))


def by_letters(sentences: Sequence[str]) -> Any:
    """Unit vectors of counted trigrams: where a threshold is compared, any encoder does.

    It says of the texts what a sentence encoder says of their meaning, a thousand times faster. What
    stands before the first word and after the last counts for nothing: TextAttack leaves it out where it
    compares whole texts.
    """
    return np.stack([_letters(_EDGES.sub("", sentence)) for sentence in sentences])


def strictly(share: float) -> Encode:
    """The same vectors, of which a share is the texts' own: no two are more alike than 1 - share.

    For thresholds that no text of one changed word would fall short of.
    """

    def encode(sentences: Sequence[str]) -> Any:
        rows = by_letters(sentences)
        own = np.zeros_like(rows)
        for row, sentence in zip(own, sentences, strict=True):
            row[zlib.crc32(_EDGES.sub("", sentence).encode()) % len(row)] = 1
        return np.concatenate([rows * np.sqrt(1 - share), own * np.sqrt(share)], axis=1)

    return encode


_EDGES = re.compile(r"\A\W+|\W+\Z")


@cache
def _letters(sentence: str) -> Floats:
    padded = f"  {sentence.lower()} "
    row = np.zeros(512, dtype=np.float32)
    for n in range(len(padded) - 2):
        row[zlib.crc32(padded[n : n + 3].encode()) % len(row)] += 1
    found: Floats = row / np.linalg.norm(row)
    return found


def answered(steps: Steps[Any], encode: Encode = by_model) -> Any:
    """What the steps return when their models answer at once."""
    try:
        ask = next(steps)
        while True:
            if ask.model == SIMILARITY:
                answer = encode([sentence for (sentence,) in ask.inputs])
            else:
                answer = asked(ask.model, ask.inputs)
                answer = np.stack(answer) if ask.model == FLUENCY else answer
            ask = steps.send(answer)
    except StopIteration as end:
        return end.value


def likelihoods(text: Any, index: int, words: Sequence[str]) -> list[float]:
    """The log-probability of each word in the place of word `index` of an `AttackedText`."""
    before, after = text.text_until_word_index(index), text.text_after_word_index(index)
    rows = asked(FLUENCY, [Fit(before, after, word) for word in words])
    return [round(float(row[0]), 4) for row in rows]


@cache
def examples() -> tuple[Example, ...]:
    """Fifty snippets, less those in which the two find other words.

    That is where an apostrophe is typographic ("isn’t"): TextAttack takes it for the end of a word.
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
    return tuple(same)


def attack(name: str) -> Any:
    """TextAttack's attack of this name."""
    search: Any = recipes.load(f"textattack:{name}").search
    return search.attack


def built(name: str, constraints: Sequence[Any], transformation: Any) -> Any:
    """TextAttack's `Attack` of these parts, where its own recipe needs a download."""
    package = textattack()

    def build(wrapper: Any) -> Any:
        goal = package.goal_functions.UntargetedClassification(wrapper)
        search = package.search_methods.GreedySearch()
        return package.Attack(goal, list(constraints), transformation, search)

    search: Any = bridged(build, name).search
    return search.attack


@dataclass(frozen=True)
class Step:
    """All that one word of a text may become, each candidate as a whole text.

    Attributes:
        index, word: the word's number and how it stands in the text.
        proposed, proposed_there: before the constraints, ours and theirs.
        kept, kept_there: after them.
    """

    text: str
    index: int
    word: str
    proposed: Mapping[str, Candidate]
    proposed_there: Mapping[str, Any]
    kept: frozenset[str]
    kept_there: frozenset[str]

    @property
    def both(self) -> frozenset[str]:
        """What both propose."""
        return frozenset(self.proposed.keys() & self.proposed_there.keys())


def steps(
    ours: Recipe,
    theirs: Any,
    most: int | None = None,
    *,
    rows: Sequence[Example] | None = None,
    edits: int = 0,
    every: int = 1,
    encode: Encode = by_model,
) -> Iterator[Step]:
    """Every step from a text of which `edits` words have been changed already, the same on both sides.

    The words that may change agree, but for stop words with capitals, which TextAttack does not take for
    such, and where it lets none change (`MaxModificationRate`): there ours have no candidate.

    `rows` are texts to start from (None: `examples`), of which the first `most` are taken. In a text
    every so many of the words that may change are looked at.
    """
    theirs.constraints, _ = stand_ins.replaced(theirs, encode)
    bare = replace(ours, constraints=())
    package = textattack()
    for number, example in enumerate((rows or examples())[:most]):
        pair = Attempt(example, ours, seed=0), Attempt(example, bare, seed=0)
        original = package.shared.AttackedText(example.text.strings[0])
        current, text = example.text.candidate, original
        rng = np.random.default_rng(number)
        for _ in range(edits):
            for index in rng.permutation(_places(pair[0], current, theirs, text)).tolist():
                step = _step(pair, theirs, current, text, original, index, encode)
                shared = sorted(step.kept & step.kept_there)
                if shared:
                    current, text = step.proposed[shared[0]], step.proposed_there[shared[0]]
                    break
        for index in _places(pair[0], current, theirs, text)[number % every :: every]:
            yield _step(pair, theirs, current, text, original, index, encode)


def _places(attempt: Attempt, current: Candidate, theirs: Any, text: Any) -> list[int]:
    mine = attempt.editable(current)
    _, indices = theirs.get_indices_to_order(text)
    if indices:
        words = [word.string for word in current.origin.words]
        assert set(mine) <= set(indices)
        assert all(words[i] != words[i].lower() for i in set(indices) - set(mine))
    return mine


def _step(
    pair: tuple[Attempt, Attempt],
    theirs: Any,
    current: Candidate,
    text: Any,
    original: Any,
    index: int,
    encode: Encode,
) -> Step:
    attempt, bare = pair
    proposed = answered(bare.propose(current, index), encode)
    kept = answered(attempt.admissible(proposed, current), encode)
    there = theirs._get_transformations_uncached(text, original, indices_to_modify=[index])
    return Step(
        text.text,
        index,
        current.word(index),
        {candidate.strings[0]: candidate for candidate in proposed},
        {candidate.text: candidate for candidate in there if candidate.text != text.text},
        frozenset(candidate.strings[0] for candidate in kept),
        frozenset(t.text for t in theirs.filter_transformations(there, text, original)),
    )


def put(text: str, candidate: str) -> str:
    """What a candidate puts in, in small letters."""
    start = 0
    while start < min(len(text), len(candidate)) and candidate[start] == text[start]:
        start += 1
    while start and text[start - 1].isalnum():
        start -= 1
    end = 0
    while end < min(len(text), len(candidate)) - start and candidate[-1 - end] == text[-1 - end]:
        end += 1
    while end and text[len(text) - end].isalnum():
        end -= 1
    return candidate[start : len(candidate) - end].lower()

"""Contractions, both ways: "do not" and "don't". The tables are our own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from attacks.corruptions.severity import edited, joined, shuffled
from attacks.resources import inflection, wordnet
from attacks.resources.registry import INFLECTIONS, LEXICON
from attacks.text import Candidate, Edit, Text
from attacks.transformations.case import match_case

_NOT = (
    *("is", "are", "was", "were", "do", "does", "did", "has", "have", "had"),
    *("could", "should", "would", "must", "need"),
)
NEGATED = {
    **{verb: f"{verb}n't" for verb in _NOT},
    "can": "can't",
    "will": "won't",
}
"""What a verb and "not" become."""
ENDINGS = {
    "am": ("'m", frozenset({"i"})),
    "are": ("'re", frozenset({"you", "we", "they"})),
    "will": ("'ll", frozenset({"i", "you", "he", "she", "it", "we", "they", "that", "there"})),
    "have": ("'ve", frozenset({"i", "you", "we", "they"})),
    "would": ("'d", frozenset({"i", "you", "he", "she", "we", "they"})),
    "is": (
        "'s",
        frozenset({"he", "she", "it", "that", "there", "here", "what", "who", "where", "how"}),
    ),
}
"""The ending of each verb, and the words that take it. "'d" is never written out: it may be "had"."""
SUBJECTS = frozenset(
    {"i", "you", "he", "she", "it", "we", "they", "this", "that", "there", "these"}
)
"""After a negated verb they make a question: "don't you" is no "do not you"."""

_WRITTEN_OUT = {
    **{short: f"{verb} not" for verb, short in NEGATED.items()},
    **{
        subject + ending: f"{subject} {verb}"
        for verb, (ending, subjects) in ENDINGS.items()
        for subject in subjects
        if verb != "would"
    },
    "can't": "cannot",
    "let's": "let us",
}


@dataclass(frozen=True)
class Contractions:
    """Contract two words, or write a contraction out.

    Where "'s" may be "has" (before a participle) it is left alone, and "have" is contracted before a
    participle only: elsewhere it means to own.
    """

    resources: ClassVar[tuple[str, ...]] = (LEXICON, INFLECTIONS)

    name: str
    summary: str = field(repr=False)

    def corrupt(self, text: Text, severity: int, rng: np.random.Generator) -> Candidate:
        """See `attacks.protocols.Corruption.corrupt`."""
        places = [place for i in text.editable for place in self.rewrites(text, i, rng)]
        return edited(text, severity, shuffled(places, rng))

    def rewrites(
        self, text: Text, index: int, rng: np.random.Generator
    ) -> Iterator[tuple[Edit, ...]]:
        """See `attacks.corruptions.rewrites.Grouped`; nothing is drawn."""
        word = text.words[index].string
        long = _written_out(text, index)
        if long is not None:
            yield (Edit(index, long),)
        if word.lower() == "cannot":
            yield (Edit(index, match_case(f"can{_apostrophe(text)}t", word)),)
        if joined(text, index):
            short = _contracted(text, index)
            if short is not None:
                yield Edit(index, short), Edit(index + 1, "")


def _written_out(text: Text, index: int) -> str | None:
    word = text.words[index].string
    plain = word.lower().replace("’", "'")
    long = _WRITTEN_OUT.get(plain)
    if long is None:
        return None
    behind = _behind(text, index)
    if plain.endswith("n't") and behind in SUBJECTS:
        return None
    if plain.endswith("'s") and behind is not None and _participle(behind):
        return None
    shown = match_case(long, word)
    return "I" + shown[1:] if plain.startswith("i'") and not word.startswith("i") else shown


def _contracted(text: Text, index: int) -> str | None:
    """The contraction of word `index` and the next; None where they have none."""
    first, second = text.words[index].string, text.words[index + 1].string
    subject, verb = first.lower(), second.lower()
    if verb == "not" and subject in NEGATED:
        short = NEGATED[subject]
    elif verb in ENDINGS and subject in ENDINGS[verb][1]:
        behind = _behind(text, index + 1)
        # Nothing is contracted at the end of a clause ("what it is"), nor before another verb's "not".
        if behind is None or (verb == "have" and not _participle(behind)):
            return None
        short = subject + ENDINGS[verb][0]
    else:
        return None
    capitals = second.isupper() and first.isupper()
    shown = short.upper() if capitals else match_case(short, first[:1] + first[1:].lower())
    return shown.replace("'", _apostrophe(text))


def _behind(text: Text, index: int) -> str | None:
    return text.words[index + 1].string.lower() if joined(text, index) else None


def _participle(word: str) -> bool:
    return any(
        "VBN" in inflection.slots(word, lemma, "v") for lemma in wordnet.base_forms(word, "v")
    ) or word in ("been", "got")


def _apostrophe(text: Text) -> str:
    """The apostrophe that the text has; the straight one where it has both or none."""
    shown = "".join(text.strings)
    return "’" if "’" in shown and "'" not in shown else "'"

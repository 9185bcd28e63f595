"""Whole sentences in other words, by a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from attacks.protocols import BACK_TRANSLATOR, PARAPHRASER, TRANSLATOR, Ask, Steps
from attacks.questions import Phrasings, Rephrase
from attacks.text import Candidate, Text, rewritten

# A full stop, closing quotes and brackets, white space, and something that follows.
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?P<space>\s+)(?=\S)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the original: its field, where it stands there, and the index of its first word."""

    field: int
    start: int
    end: int
    first: int


@dataclass(frozen=True)
class Paraphrases:
    """Say a sentence in other words, as a paraphraser does. Each is rephrased once.

    Attributes:
        controls: how the wording is to be: one question each; "" leaves it to the model.
        most: texts that are tried of each answer.
    """

    controls: tuple[str, ...] = ("",)
    most: int = 5

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Candidate]]:
        """See `attacks.protocols.ModelTransformation.propose`; at the first word of each sentence."""
        place = standing(current, index)
        if place is None:
            return ()
        sentence = current.strings[place.field][place.start : place.end]
        questions = tuple(Rephrase(sentence, control) for control in dict.fromkeys(self.controls))
        answers: list[Phrasings] = yield Ask(PARAPHRASER, questions)
        texts = dict.fromkeys(text for answer in answers for text in answer.texts[: self.most])
        return [put(current, place, text) for text in texts]


@dataclass(frozen=True)
class BackTranslations:
    """Translate a sentence and translate it back. Each is rephrased once.

    Attributes:
        there: translations that are tried; `back`: of each of them, texts in the language of the first.
    """

    there: int = 3
    back: int = 3

    def propose(
        self, current: Candidate, index: int, rng: np.random.Generator
    ) -> Steps[Sequence[Candidate]]:
        """See `attacks.protocols.ModelTransformation.propose`; at the first word of each sentence."""
        place = standing(current, index)
        if place is None:
            return ()
        sentence = current.strings[place.field][place.start : place.end]
        (translated,) = yield Ask(TRANSLATOR, (Rephrase(sentence),))
        pivots = translated.texts[: self.there]
        if not pivots:
            return ()
        answers: list[Phrasings] = yield Ask(BACK_TRANSLATOR, tuple(map(Rephrase, pivots)))
        texts = dict.fromkeys(text for answer in answers for text in answer.texts[: self.back])
        return [put(current, place, text) for text in texts]


def standing(current: Candidate, index: int) -> Sentence | None:
    """Where the sentence that begins with word `index` stands now.

    None where none begins there, and where anything of it has been changed.
    """
    sentence = next((s for s in sentences(current.origin) if s.first == index), None)
    if sentence is None:
        return None
    word = current.origin.words[index]
    original = current.origin.strings[sentence.field][sentence.start : sentence.end]
    start = current.span(index)[1] - (word.start - sentence.start)
    end = start + len(original)
    if start < 0 or current.strings[sentence.field][start:end] != original:
        return None
    return Sentence(sentence.field, start, end, index)


def put(current: Candidate, place: Sentence, text: str) -> Candidate:
    """The candidate with `text` in the place of a sentence."""
    strings = list(current.strings)
    value = strings[place.field]
    strings[place.field] = value[: place.start] + text + value[place.end :]
    return rewritten(current.origin, strings)


@lru_cache(maxsize=2**12)
def sentences(text: Text) -> tuple[Sentence, ...]:
    """The sentences of the fields that may be edited, in order; those without a word are left out.

    They end at full stops, exclamation and question marks before white space, abbreviations included.
    """
    found = []
    for field, (name, value) in enumerate(text.fields):
        if name in text.frozen_fields:
            continue
        cuts = [(match.start("space"), match.end()) for match in _END.finditer(value)]
        lead = len(value) - len(value.lstrip())
        starts = [lead, *(end for _, end in cuts)]
        ends = [*(start for start, _ in cuts), len(value.rstrip())]
        for start, end in zip(starts, ends, strict=True):
            inside = (
                n
                for n, word in enumerate(text.words)
                if word.field == field and start <= word.start < end
            )
            first = next(inside, None)
            if first is not None:
                found.append(Sentence(field, start, end, first))
    return tuple(found)

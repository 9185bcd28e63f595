"""Which words exclude each other: the one place where antonyms are kept from standing as synonyms.

From WordNet alone. Two words are opposed, in whatever forms they stand, where

- a meaning of the one is opposed to one of the other: WordNet states it of two words of the two
  meanings ("deny" and "admit"), and it holds for all of them ("deny" and "acknowledge");
- they are adjectives that stand around opposed ones ("gripping" and "boring" around "interesting" and
  "uninteresting"), and nowhere around the same one;
- they name different members of a closed set, colours or countries;
- one is the other with "un-" before it, and WordNet does not have them in one meaning as "unloose" and
  "loose". Other prefixes are as often a sign of kin ("immigrant" and "migrant").

`scripts/measure_antonyms.py` counts what is left, and what it costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from attacks.resources import wordnet
from attacks.resources.inflection import SLOTS, inflect

NEGATION = "un"
"""Turns words into their opposites, nouns excepted ("union")."""

_Lemma = tuple[str, str]
_Ids = frozenset[int]


def opposed(a: str, b: str) -> bool:
    """Whether two words exclude each other, in whatever capitals. Forms of one word never do."""
    one, other = _place(a.lower()), _place(b.lower())
    if one.lemmas & other.lemmas:
        return False
    if not one.meanings.isdisjoint(other.against):
        return True
    if not one.around.isdisjoint(other.against_around) and one.around.isdisjoint(other.around):
        return True
    if not one.negates.isdisjoint(other.lemmas) or not other.negates.isdisjoint(one.lemmas):
        return True
    sets = {kind for kind, _ in one.members} & {kind for kind, _ in other.members}
    return bool(sets) and one.members.isdisjoint(other.members)


def without_antonyms(word: str, proposals: Iterable[str]) -> tuple[str, ...]:
    """Those of the proposals that do not exclude `word`, in order."""
    return tuple(proposal for proposal in proposals if not opposed(word, proposal))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a word stands.

    Attributes:
        lemmas: base forms with their part of speech.
        meanings: sides of oppositions that one of its meanings is; `around` those that it stands around
            or is. A side is a number, and the opposite side differs in its last bit.
        against, against_around: the opposite sides.
        members: (closed set, member) that it names.
        negates: base forms that its own negate by a prefix.
    """

    lemmas: frozenset[_Lemma]
    meanings: _Ids
    around: _Ids
    members: frozenset[tuple[int, int]]
    negates: frozenset[_Lemma]
    against: _Ids = field(init=False)
    against_around: _Ids = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "against", frozenset(side ^ 1 for side in self.meanings))
        object.__setattr__(self, "against_around", frozenset(side ^ 1 for side in self.around))


@lru_cache(maxsize=wordnet.REMEMBERED)
def _place(word: str) -> _Place:
    index = _index()
    found = {
        (stem, pos)
        for pos in wordnet.PARTS_OF_SPEECH
        for stem in (*wordnet.stems(word, pos), *index.bases.get((word, pos), ()))
    }
    lemmas = index.known & found
    meanings = frozenset(side for lemma in lemmas for side in index.meanings.get(lemma, ()))
    around = {side for lemma in lemmas for side in index.around.get(lemma, ())}
    return _Place(
        lemmas,
        meanings,
        meanings | around,
        frozenset(member for lemma in lemmas for member in index.members.get(lemma, ())),
        frozenset(base for lemma in lemmas for base in _negated(*lemma)) & index.known,
    )


def _negated(lemma: str, pos: str) -> Iterator[_Lemma]:
    base = lemma.removeprefix(NEGATION)
    if base != lemma and pos != "n" and base not in wordnet.lemma_synonyms(lemma, pos):
        yield base, pos


@dataclass(frozen=True, slots=True)
class _Index:
    """By (lemma, part of speech), see `_Place`; `bases` by (form, part of speech).

    `bases` holds the forms that WordNet's rules do not lead back, such as "decertified".
    """

    known: frozenset[_Lemma]
    meanings: dict[_Lemma, list[int]]
    around: dict[_Lemma, list[int]]
    members: dict[_Lemma, list[tuple[int, int]]]
    bases: dict[_Lemma, list[str]]


@lru_cache(maxsize=1)
def _index() -> _Index:
    tables = wordnet.tables()
    meanings: dict[_Lemma, list[int]] = {}
    around: dict[_Lemma, list[int]] = {}
    members: dict[_Lemma, list[tuple[int, int]]] = {}
    bases: dict[_Lemma, list[str]] = {}
    for number, (pos, *sides) in enumerate(tables.opposites):
        for bit, side in enumerate(sides):
            words, _, near = side.partition("|")
            for word in words.split():
                meanings.setdefault((word, pos), []).append(2 * number + bit)
            for word in near.split():
                around.setdefault((word, pos), []).append(2 * number + bit)
    for kind, (pos, listed) in enumerate(tables.closed):
        for member, names in enumerate(listed.split("|")):
            for word in names.split():
                members.setdefault((word, pos), []).append((kind, member))
    for lemma, pos in dict.fromkeys([*meanings, *around]):
        for slot in SLOTS[pos]:
            form = inflect(lemma, slot)
            if form is not None:
                bases.setdefault((form, pos), []).append(lemma)
    known = frozenset({*tables.synonyms, *tables.antonyms, *meanings, *around, *members})
    return _Index(known, meanings, around, members, bases)

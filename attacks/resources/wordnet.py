"""WordNet 3.0 as a table: synonyms in sense order, antonyms, base forms.

Source: Fellbaum (ed.), *WordNet: An Electronic Lexical Database*, MIT Press 1998. The file is made by
`scripts/make_wordnet.py`; parts of speech are WordNet's letters, "n", "v", "a" and "r".
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

PARTS_OF_SPEECH = ("n", "v", "a", "r")
REMEMBERED = 2**17
"""Words with their part of speech whose answers are kept: those of a corpus and their neighbours."""

# Rules of detachment: morphy(7WN), table "Rules of Detachment".
_DETACHMENT: dict[str, tuple[tuple[str, str], ...]] = {
    "n": (
        ("s", ""),
        ("ses", "s"),
        ("ves", "f"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "v": (
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "r": (),
}

_Table = dict[tuple[str, str], str]


def synonyms(word: str, pos: str) -> tuple[str, ...]:
    """Single-word synonyms of the base forms of `word`, most frequent sense first, each once."""
    found: dict[str, None] = {}
    for lemma in base_forms(word, pos):
        found |= dict.fromkeys(lemma_synonyms(lemma, pos))
    return tuple(found)


def senses(lemma: str, pos: str) -> tuple[tuple[str, ...], ...]:
    """Single-word synonyms of a base form by sense, most frequent first; a word stands in its first.

    Senses after the last that has any are left out.
    """
    listed = _tables().synonyms.get((lemma, pos))
    return () if listed is None else tuple(tuple(sense.split()) for sense in listed.split("|"))


def lemma_synonyms(lemma: str, pos: str) -> tuple[str, ...]:
    """Single-word synonyms of a base form, most frequent sense first; nothing is stripped from it."""
    return tuple(word for sense in senses(lemma, pos) for word in sense)


@lru_cache(maxsize=REMEMBERED)
def antonyms(word: str, pos: str) -> tuple[str, ...]:
    """Direct antonyms of the base forms of `word`."""
    found: dict[str, None] = {}
    for lemma in base_forms(word, pos):
        found |= dict.fromkeys(_tables().antonyms.get((lemma, pos), "").split())
    return tuple(found)


@lru_cache(maxsize=REMEMBERED)
def base_forms(word: str, pos: str) -> tuple[str, ...]:
    """Lemmas of which `word` can be a form, as WordNet's morphy finds them; none if it knows none.

    Irregular forms come from the exception lists; where a word is listed there, no rule is applied.
    """
    tables = _tables()
    found = stems(word, pos)
    known = (s for s in found if (s, pos) in tables.synonyms or (s, pos) in tables.antonyms)
    return tuple(dict.fromkeys(known))


def stems(word: str, pos: str) -> tuple[str, ...]:
    """What `word` may be a form of by morphy's lists and rules, itself first, known or not."""
    word = word.lower()
    listed = _tables().irregular.get((word, pos))
    if listed is not None:
        return (word, *listed.split())
    detached = (
        word.removesuffix(suffix) + ending
        for suffix, ending in _DETACHMENT[pos]
        if word.endswith(suffix)
    )
    return (word, *detached)


@dataclass(frozen=True, slots=True)
class _Tables:
    synonyms: _Table
    antonyms: _Table
    irregular: _Table


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    raw = files("attacks.resources").joinpath("wordnet.txt.gz").read_bytes()
    tables: dict[str, _Table] = {"s": {}, "a": {}, "i": {}}
    for line in gzip.decompress(raw).decode("ascii").splitlines():
        kind, word, pos, values = line.split("\t")
        tables[kind][word, pos] = values
    return _Tables(tables["s"], tables["a"], tables["i"])

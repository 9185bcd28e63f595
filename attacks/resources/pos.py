"""Parts of speech of words in their context, by a lexicon tagger.

TextBlob's pattern tagger (Brill's lexicon, morphology and context rules; De Smedt and Daelemans, JMLR
2012) is used because it needs neither a download nor a model. On 16,000 tokens of the Brown corpus its
lexicon alone agreed with the gold tag on .926 of nouns, verbs, adjectives and adverbs (it saw that
corpus); what the rules of context add was not measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import ClassVar, Protocol

from attacks.resources import wordnet
from attacks.resources.registry import LEXICON, TAGGER, identity
from attacks.text import Candidate

# TextFooler's own code tags a word with four words on either side:
# `criteria.get_pos(new_text[max(idx - 4, 0):idx + 5])` in attack_classification.py.
WINDOW = 4

_UNIVERSAL = {"N": "NOUN", "V": "VERB", "J": "ADJ", "R": "ADV"}
_WORDNET = {"NOUN": "n", "VERB": "v", "ADJ": "a", "ADV": "r"}


def universal(tag: str) -> str:
    """NOUN, VERB, ADJ, ADV or OTHER for a Penn Treebank tag; particles (RP) are OTHER."""
    return "OTHER" if tag == "RP" else _UNIVERSAL.get(tag[:1], "OTHER")


def wordnet_letter(tag: str) -> str | None:
    """WordNet's letter for a Penn Treebank tag, None for words that it does not hold."""
    return _WORDNET.get(universal(tag))


class Tagger(Protocol):
    """Where parts of speech come from: the lexicon tagger, or `attacks.resources.spacy_tagger`."""

    @property
    def identity(self) -> str:
        """See `attacks.resources.own.Exchangeable.identity`."""

    def tags(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """One Penn Treebank tag a word."""


@dataclass(frozen=True, slots=True)
class LexiconTagger:
    """The tagger of this module as a value that a part of a recipe holds."""

    resources: ClassVar[tuple[str, ...]] = (TAGGER, LEXICON)

    @property
    def identity(self) -> str:
        """See `attacks.resources.own.Exchangeable.identity`."""
        return identity(TAGGER)

    def tags(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """See `Tagger.tags`."""
        return tags(words)


LEXICON_TAGGER = LexiconTagger()


def tag_at(current: Candidate, index: int, tagger: Tagger = LEXICON_TAGGER) -> str:
    """Penn Treebank tag of what stands in the place of word `index`, read among its neighbours."""
    words = current.origin.words
    field = words[index].field
    first, last = index, index + 1
    while first > 0 and index - first < WINDOW and words[first - 1].field == field:
        first -= 1
    while last < len(words) and last - index <= WINDOW and words[last].field == field:
        last += 1
    # A deleted word is no neighbour.
    before = tuple(word for word in map(current.word, range(first, index)) if word)
    after = tuple(word for word in map(current.word, range(index + 1, last)) if word)
    return tagger.tags((*before, current.word(index), *after))[len(before)]


@lru_cache(maxsize=2**15)
def tags(words: tuple[str, ...]) -> tuple[str, ...]:
    """One Penn Treebank tag a word."""
    # The lexicon is written in small letters; words in capitals throughout would all be unknown nouns.
    readable = [word.lower() if word.isupper() else word for word in words]
    by_lexicon, by_context = _tagger()(readable)
    found = zip(readable, by_lexicon, by_context, strict=True)
    return tuple(
        after if _credible(word, before, after) else before for word, before, after in found
    )


def _credible(word: str, before: str, after: str) -> bool:
    """Whether a rule of context may make `after` of the lexicon's tag `before`.

    The rules know nothing of words: they make a verb of whatever follows "they". So a change of the part
    of speech needs WordNet's word for it ("kindness" is no verb), and small words are left in peace.
    """
    if universal(before) == universal(after):
        return True
    letter = wordnet_letter(after)
    return letter is not None and bool(wordnet_letter(before) and wordnet.base_forms(word, letter))


@lru_cache(maxsize=1)
def _tagger() -> Callable[[list[str]], tuple[list[str], list[str]]]:
    """A function from words to their tags without and with the rules of context.

    TextBlob's parser ships those rules and does not apply them ("love" in "to love it" stays a noun);
    its function for tagging takes them.
    """
    from textblob._text import Context, find_tags
    from textblob.en import parser

    lexicon = parser.lexicon
    context = Context(lexicon=lexicon, path=str(files("textblob.en").joinpath("en-context.txt")))

    def tag(words: list[str]) -> tuple[list[str], list[str]]:
        first = find_tags(words, lexicon=lexicon, map=lambda word, tag: (word, tag))
        second = context.apply([list(pair) for pair in first])
        return [tag for _, tag in first], [tag for _, tag in second]

    return tag

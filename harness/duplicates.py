"""Texts that stand in two splits, exactly or nearly.

*Exact*: the same letters and digits in the same order, whatever the case, spaces and punctuation.
*Near*: the Jaccard similarity of the two sets of word n-grams reaches a threshold. Lee et al. (ACL 2022)
use 3-grams or longer on documents; on a snippet one changed word already breaks three of them, so that
0.8 is out of reach below 29 words. Texts of fewer than 30 words are therefore compared by 2-grams.

Candidates come from an inverted index with prefix filtering (Chaudhuri et al., ICDE 2006; Bayardo et
al., WWW 2007): of each set only its rarest members are indexed, just so many that two sets at the
threshold must share one of them. Unlike MinHash this misses nothing, draws nothing at random, and on
short texts it is faster.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SHORT = 30
"""Words below which a text is compared by 2-grams instead of 3-grams."""

# Scripts that are written without spaces count a character as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|\w+")

_NO_LETTER = re.compile(r"[\W_]+")

Strings = tuple[str, ...]
Grams = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """Two texts that are too much alike: their places in the two lists, and how much (1 for exact)."""

    first: int
    second: int
    similarity: float
    exact: bool


def content_key(strings: Strings) -> str:
    """Letters and digits of each field, case folded; a field without any keeps its other characters.

    Two texts are exact duplicates where their keys are equal.
    """
    return "\0".join(
        _NO_LETTER.sub("", folded) or "".join(folded.split()) for folded in map(_fold, strings)
    )


def find_duplicates(
    first: Sequence[Strings], second: Sequence[Strings], threshold: float
) -> list[Match]:
    """All pairs of a text in `first` and one in `second` that are exact or near duplicates.

    Args:
        first, second: the field values of each text.
        threshold: Jaccard similarity, above 0 and at most 1, from which a pair counts.

    Of texts that are exact duplicates within one list, all are reported. Sorted by place.
    """
    left, right = _by_key(first), _by_key(second)
    matches = [
        Match(a, b, 1.0, True) for key in left.keys() & right for a in left[key] for b in right[key]
    ]
    # Near ones are sought among distinct texts only: many copies of a text cost no more than one.
    words_left = {places[0]: _words(first[places[0]]) for places in left.values()}
    words_right = {places[0]: _words(second[places[0]]) for places in right.values()}
    copies_left = {places[0]: places for places in left.values()}
    copies_right = {places[0]: places for places in right.values()}
    exact = {(left[key][0], right[key][0]) for key in left.keys() & right}
    found: dict[tuple[int, int], float] = {}
    for width in (2, 3):
        for a, b, similarity in _similar(
            _grams(words_left, width, threshold), _grams(words_right, width, threshold), threshold
        ):
            shorter = min(len(words_left[a]), len(words_right[b]))
            if (a, b) not in exact and (shorter < SHORT) == (width == 2):
                found[a, b] = similarity
    matches += [
        Match(a, b, similarity, False)
        for (one, other), similarity in found.items()
        for a in copies_left[one]
        for b in copies_right[other]
    ]
    return sorted(matches)


def _fold(value: str) -> str:
    return unicodedata.normalize("NFKC", value).casefold()


def _by_key(texts: Sequence[Strings]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, strings in enumerate(texts):
        places[content_key(strings)].append(place)
    return places


def _words(strings: Strings) -> list[str]:
    words: list[str] = []
    for number, value in enumerate(strings):
        if number:
            words.append(
                "\0"
            )  # no n-gram of words of two fields looks like one of words of a single field
        words += _WORD.findall(_fold(value))
    return words


def _grams(words: Mapping[int, Sequence[str]], width: int, threshold: float) -> dict[int, Grams]:
    """The sets of n-grams that can take part in a pair of that width.

    Texts without words never do. By 3-grams none but long texts are compared. By 2-grams one of the two
    is short, and the other has at most 1 / threshold as many.
    """
    sets = {}
    for place, found in words.items():
        if not found or (width == 3 and len(found) < SHORT):
            continue
        starts = range(max(1, len(found) - width + 1))
        grams = frozenset(tuple(found[start : start + width]) for start in starts)
        if width == 3 or len(grams) <= (SHORT - 2) / threshold + 1e-9:
            sets[place] = grams
    return sets


def _similar(
    first: Mapping[int, Grams], second: Mapping[int, Grams], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Pairs of keys whose sets have at least `threshold` Jaccard similarity."""
    frequency: Counter[tuple[str, ...]] = Counter()
    for grams in (*first.values(), *second.values()):
        frequency.update(grams)

    def rarest(grams: Grams) -> list[tuple[str, ...]]:
        """The prefix: a set at the threshold shares at least ceil(t * size) members with this one."""
        count = len(grams) - math.ceil(threshold * len(grams) - 1e-9) + 1
        return sorted(grams, key=lambda gram: (frequency[gram], gram))[:count]

    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for key, grams in second.items():
        for gram in rarest(grams):
            index[gram].append(key)
    for key, grams in first.items():
        for candidate in {other for gram in rarest(grams) for other in index.get(gram, ())}:
            other = second[candidate]
            if min(len(grams), len(other)) < threshold * max(len(grams), len(other)) - 1e-9:
                continue
            shared = len(grams & other)
            similarity = shared / (len(grams) + len(other) - shared)
            if similarity >= threshold - 1e-9:
                yield key, candidate, similarity

"""What TextAttack would download, from the tables that are installed with Withstand.

Each stands in where the real thing is not on the machine, and is named in the recipe's parameters: with
it an attack is not the published one. Objects are put in the place of objects; the one name that is
replaced inside TextAttack is the WordNet of `WordSwapWordNet`, which leaves no other way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from attacks.bridge.importing import textattack
from attacks.bridge.nltk_data import has, provide_stopwords
from attacks.resources import neighbours, pos, wordnet

STOPWORDS = "stop words: NLTK's list as Withstand ships it"
WORDNET = "WordNet: Withstand's table of WordNet 3.0"
VECTORS = "word vectors: Withstand's table of neighbours (see the deviations of textfooler)"
TAGGER = "part-of-speech tagger: TextBlob's lexicon tagger"
ENCODER = "sentence encoder: the one of --similarity, at the threshold of TextAttack's encoder"

Encode = Callable[[list[str]], Any]
"""From sentences to their vectors, an array of shape (sentences, width)."""


def prepare() -> tuple[str, ...]:
    """Let TextAttack find its resources before an attack is built; return what is stood in for."""
    package = textattack()
    used = []
    if provide_stopwords():
        used.append(STOPWORDS)
    if not has("corpora/wordnet"):
        _swap_module().wordnet = WordNet()
        used.append(WORDNET)
    shared = package.shared
    vectors = Path(shared.utils.path_in_cache("word_embeddings/paragramcf"))
    if not vectors.exists():
        # TextAttack looks here before it loads them.
        key = "textattack_counterfitted_GLOVE_embedding"
        shared.utils.GLOBAL_OBJECTS.setdefault(key, _vectors())
        used.append(VECTORS)
    return tuple(used)


def used_by(attack: Any, prepared: Sequence[str]) -> tuple[str, ...]:
    """Those of `prepared` that an attack makes use of."""
    parts = " ".join(type(part).__name__ for part in _parts(attack))
    marks = {
        STOPWORDS: "StopwordModification",
        WORDNET: "WordSwapWordNet",
        VECTORS: "Embedding",
    }
    return tuple(name for name in prepared if marks[name] in parts)


def _parts(attack: Any) -> list[Any]:
    transformation = attack.transformation
    swaps = getattr(transformation, "transformations", [transformation])
    return [*swaps, *attack.constraints, *attack.pre_transformation_constraints]


def replaced(attack: Any, encode: Encode) -> tuple[list[Any], tuple[str, ...]]:
    """The constraints of an attack with stand-ins for what is missing, and what those are."""
    semantics = textattack().constraints.semantics.sentence_encoders
    grammar = textattack().constraints.grammaticality
    found, used = [], []
    for constraint in attack.constraints:
        kind = type(constraint)
        if kind is semantics.UniversalSentenceEncoder and not _has_tensorflow():
            found.append(_encoder(constraint, encode))
            used.append(ENCODER)
        elif kind is grammar.PartOfSpeech and constraint.tagger_type == "nltk" and not _tags():
            found.append(_tagger(constraint))
            used.append(TAGGER)
        else:
            found.append(constraint)
    return found, tuple(dict.fromkeys(used))


@dataclass(frozen=True, slots=True)
class Synset:
    """One sense, as much of it as TextAttack looks at."""

    names: tuple[str, ...]

    def lemma_names(self, lang: str = "eng") -> list[str]:
        """Its words."""
        return list(self.names)


class WordNet:
    """What TextAttack asks of `nltk.corpus.wordnet`."""

    def langs(self) -> list[str]:
        """English alone."""
        return ["eng"]

    def synsets(self, word: str, lang: str = "eng") -> list[Synset]:
        """The senses of all base forms of a word."""
        return [
            Synset((lemma, *sense))
            for letter in wordnet.PARTS_OF_SPEECH
            for lemma in wordnet.base_forms(word, letter)
            for sense in wordnet.senses(lemma, letter)
        ]


@lru_cache(maxsize=1)
def _vectors() -> Any:
    class Neighbours(textattack().shared.WordEmbedding):  # type: ignore[misc]
        """Neighbours and cosines of a table that holds no vectors; what it does not list is far away."""

        def __init__(self) -> None:
            words = neighbours.vocabulary()
            super().__init__(
                None, {word: n for n, word in enumerate(words)}, dict(enumerate(words))
            )

        def __getitem__(self, index: str | int) -> None:
            return None

        def get_cos_sim(self, a: str | int, b: str | int) -> float:
            return neighbours.cosine(self._word(a), self._word(b)) or 0.0

        def get_mse_dist(self, a: str | int, b: str | int) -> float:
            return 2 - 2 * self.get_cos_sim(a, b)

        def nearest_neighbours(self, index: str | int, topn: int) -> list[int]:
            near = neighbours.nearest(self._word(index))[:topn]
            return [self._word2index[neighbour.word] for neighbour in near]

        def _word(self, key: str | int) -> str:
            word: str = key if isinstance(key, str) else self._index2word[key]
            self._word2index[word]  # a KeyError is how TextAttack learns that a word has no vector
            return word

    return Neighbours()


def _encoder(original: Any, encode: Encode) -> Any:
    base = textattack().constraints.semantics.sentence_encoders.SentenceEncoder

    class Encoder(base):  # type: ignore[misc, valid-type]
        """The constraint around another sentence encoder."""

        def encode(self, sentences: list[str]) -> Any:
            return encode(sentences)

    return Encoder(
        threshold=original.threshold,
        metric=original.metric,
        compare_against_original=original.compare_against_original,
        window_size=None if math.isinf(original.window_size) else original.window_size,
        skip_text_shorter_than_window=original.skip_text_shorter_than_window,
    )


def _tagger(original: Any) -> Any:
    base = textattack().constraints.grammaticality.PartOfSpeech

    class Tagger(base):  # type: ignore[misc, valid-type]
        """The constraint around another tagger."""

        def _get_pos(self, before_ctx: list[str], word: str, after_ctx: list[str]) -> str:
            tags = pos.tags((*before_ctx, word, *after_ctx))
            return pos.universal(tags[len(before_ctx)])

    return Tagger(
        tagger_type="nltk",
        tagset=original.tagset,
        allow_verb_noun_swap=original.allow_verb_noun_swap,
        compare_against_original=original.compare_against_original,
    )


def _swap_module() -> Any:
    from importlib import import_module

    return import_module("textattack.transformations.word_swaps.word_swap_wordnet")


def _tags() -> bool:
    return has("taggers/averaged_perceptron_tagger_eng") and has("taggers/universal_tagset")


def _has_tensorflow() -> bool:
    from importlib.util import find_spec

    return find_spec("tensorflow_hub") is not None

"""TextAttack's recipes around stand-ins for what they download (encoders, language models, HowNet).

Each has the constraints and the figures of its file in `textattack/attack_recipes`.
"""

from __future__ import annotations

import io
import string
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest

from attacks.bridge.importing import textattack
from attacks.bridge.stand_ins import prepare
from attacks.resources import pos, wordnet
from attacks.resources.lookalikes import homoglyphs
from tests.attacks.fidelity import built, by_letters, likelihoods


def alzantot() -> Any:
    package = prepared()
    overlap, semantics = package.constraints.overlap, package.constraints.semantics
    return built(
        "alzantot",
        [
            *left_alone(package),
            overlap.MaxWordsPerturbed(max_percent=0.2),
            semantics.WordEmbeddingDistance(max_mse_dist=0.5, compare_against_original=False),
            _google_language_model(package, top_n_per_index=4),
        ],
        package.transformations.WordSwapEmbedding(max_candidates=8),
    )


def faster_alzantot() -> Any:
    package = prepared()
    overlap, semantics = package.constraints.overlap, package.constraints.semantics
    return built(
        "faster-alzantot",
        [
            *left_alone(package),
            overlap.MaxWordsPerturbed(max_percent=0.2),
            semantics.WordEmbeddingDistance(max_mse_dist=0.5),
            _language_model(package, max_log_prob_diff=5.0, each_in_its_own=True),
        ],
        package.transformations.WordSwapEmbedding(max_candidates=8),
    )


def a2t() -> Any:
    package = prepared()
    return built(
        "a2t",
        [
            *a2t_constraints(package),
            package.constraints.semantics.WordEmbeddingDistance(min_cos_sim=0.8),
        ],
        package.transformations.WordSwapEmbedding(max_candidates=20),
    )


def a2t_constraints(package: Any) -> list[Any]:
    """What A2T and A2T-MLM have in common; the encoder there is SBERT."""
    return [
        *left_alone(package),
        package.constraints.grammaticality.PartOfSpeech(allow_verb_noun_swap=False),
        package.constraints.pre_transformation.MaxModificationRate(max_rate=0.1, min_threshold=4),
        encoder(package, threshold=0.9, metric="cosine"),
    ]


def textfooler_adjusted() -> Any:
    """After the authors' own recipe, less its grammar checker; TextAttack 0.3.11 has it no more."""
    package = prepared()
    return built(
        "textfooler-adjusted",
        [
            *left_alone(package),
            package.constraints.semantics.WordEmbeddingDistance(min_cos_sim=0.9),
            encoder(
                package,
                threshold=0.98,
                metric="cosine",
                compare_against_original=False,
                window_size=15,
                skip_text_shorter_than_window=False,
            ),
        ],
        package.transformations.WordSwapEmbedding(max_candidates=50),
    )


def kuleshov() -> Any:
    package = prepared()
    vectors = package.constraints.semantics.sentence_encoders.ThoughtVector

    class ThoughtVector(vectors):  # type: ignore[misc, valid-type]
        """Around the encoder of the comparison."""

        def encode(self, raw_text_list: Sequence[str]) -> Any:
            return by_letters(raw_text_list)

    return built(
        "kuleshov",
        [
            *left_alone(package),
            package.constraints.overlap.MaxWordsPerturbed(max_percent=0.5),
            ThoughtVector(threshold=0.2, metric="max_euclidean"),
            _language_model(package, max_log_prob_diff=2.0),
        ],
        package.transformations.WordSwapEmbedding(max_candidates=15),
    )


def seq2sick(distance: int) -> Any:
    """For its own goal it needs a model that writes."""
    package = prepared()
    return built(
        "seq2sick",
        [*left_alone(package), package.constraints.overlap.LevenshteinEditDistance(distance)],
        package.transformations.WordSwapEmbedding(max_candidates=50),
    )


def morpheus() -> Any:
    """For its own goal it needs a model that writes."""
    package = prepared()
    return built("morpheus", left_alone(package), package.transformations.WordSwapInflections())


def hotflip() -> Any:
    """The constraints on words from the table of neighbours.

    Its own transformation is the one flip of the whole vocabulary that the gradient points at, of
    recurrent models alone; ours asks the gradient about the words that the constraints allow. Nouns may
    stand for verbs there, by the default of its constraint and against the paper that it quotes.
    """
    package = prepared()
    return built(
        "hotflip",
        [
            *left_alone(package),
            package.constraints.overlap.MaxWordsPerturbed(max_num_words=2),
            package.constraints.semantics.WordEmbeddingDistance(min_cos_sim=0.8),
            package.constraints.grammaticality.PartOfSpeech(allow_verb_noun_swap=False),
        ],
        package.transformations.WordSwapEmbedding(max_candidates=50),
    )


def pso() -> Any:
    """With WordNet's synonyms in the place of HowNet's words of the same sememes."""
    package = prepared()

    class Bank(dict):  # type: ignore[type-arg]
        def __missing__(self, word: str) -> dict[str, list[str]]:
            return {
                name: [
                    synonym
                    for lemma in wordnet.base_forms(word, letter)
                    for synonym in wordnet.lemma_synonyms(lemma, letter)
                ]
                for name, letter in (("adj", "a"), ("noun", "n"), ("adv", "r"), ("verb", "v"))
            }

    class HowNet(package.transformations.WordSwapHowNet):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.max_candidates, self.candidates_bank = -1, Bank()
            self.pos_dict = {"ADJ": "adj", "NOUN": "noun", "ADV": "adv", "VERB": "verb"}

    return built("pso", left_alone(package), HowNet())


def homoglyphs_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have TextAttack read our homoglyphs: its package lacks the file that it reads them from.

    It is Unicode's list of intentional ones, three a character of ours in its place.
    """
    lines = [
        f"- # ( {character} ~ {glyph} )"
        for character in string.ascii_letters + string.digits
        for glyph in homoglyphs(character)[:3]
    ]
    prepared()
    module = import_module("textattack.transformations.word_swaps.word_swap_homoglyph_swap")
    given = "\n".join(lines)
    monkeypatch.setattr(module, "open", lambda *a, **kw: io.StringIO(given), raising=False)


def tagged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have TextAttack ask our tagger for the part of speech of a word, in the place of flair's."""

    def pos_of_word_index(text: Any, index: int) -> str:
        first = max(0, index - pos.WINDOW)
        words = tuple(text.words[first : index + pos.WINDOW + 1])
        return pos.universal(pos.tags(words)[index - first])

    kind = textattack().shared.AttackedText
    monkeypatch.setattr(kind, "pos_of_word_index", pos_of_word_index)


def tagged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tagger of both sides read each word by itself."""
    tags = pos.tags
    monkeypatch.setattr(pos, "tags", lambda words: tuple(tags((word,))[0] for word in words))


def encoder(package: Any, **options: Any) -> Any:
    """A constraint that `stand_ins.replaced` gives the encoder of the comparison."""
    return package.constraints.semantics.sentence_encoders.UniversalSentenceEncoder(**options)


def prepared() -> Any:
    prepare()
    return textattack()


def left_alone(package: Any) -> list[Any]:
    protections = package.constraints.pre_transformation
    return [protections.RepeatModification(), protections.StopwordModification()]


def _google_language_model(package: Any, top_n_per_index: int) -> Any:
    base = package.constraints.grammaticality.language_models.Google1BillionWordsLanguageModel

    class Google(base):  # type: ignore[misc, valid-type]
        """Its choice of the likeliest words, by our language model.

        What it keeps are the first so many of a step: that they are not the likeliest is a mistake of
        TextAttack 0.3.11, which forgets whose scores it has sorted. Here the likeliest come first.
        """

        def __init__(self) -> None:
            self.top_n, self.top_n_per_index = None, top_n_per_index
            self.compare_against_original = False
            self.lm = self

        def _check_constraint_many(self, transformed_texts: Any, reference_text: Any) -> Any:
            if not transformed_texts:
                return []
            self.text = reference_text
            self.index = reference_text.first_word_diff_index(transformed_texts[0])
            words = [text.words[self.index] for text in transformed_texts]
            scores = self.get_words_probs("", words)
            order = sorted(range(len(words)), key=lambda n: -scores[n])
            likeliest = [transformed_texts[n] for n in order]
            return super()._check_constraint_many(likeliest, reference_text)

        def get_words_probs(self, prefix: str, words: Sequence[str]) -> list[float]:
            return likelihoods(self.text, self.index, list(words))

    return Google()


def _language_model(package: Any, max_log_prob_diff: float, each_in_its_own: bool = False) -> Any:
    base = package.constraints.grammaticality.language_models.LanguageModelConstraint

    class LanguageModel(base):  # type: ignore[misc, valid-type]
        """What GPT-2 and learning-to-write inherit.

        The one reads the first text for all words, the other each word in its own text.
        """

        def get_log_probs_at_index(self, text_list: Sequence[Any], word_index: int) -> list[float]:
            return [
                likelihoods(text if each_in_its_own else text_list[0], word_index, [word])[0]
                for text in text_list
                for word in [text.words[word_index]]
            ]

    return LanguageModel(max_log_prob_diff=max_log_prob_diff)

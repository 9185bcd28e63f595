"""The words that a model holds close, by its own table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attacks.victims.huggingface import HuggingFaceVictim
from attacks.victims.nearest import MOST, HuggingFaceNearestWords, whole_words
from harness.models import load_classifier
from tests.harness import tiny


@pytest.fixture(scope="module")
def minilm() -> Any:
    return load_classifier("bundle:minilm-l6", labels=("rotten", "fresh"), seed=0)


def test_neighbours_are_those_of_the_table(minilm: Any) -> None:
    victim = HuggingFaceVictim(minilm.model, minilm.tokenizer, ("a", "b"), fingerprint="f")
    model = victim.nearest_words()
    words = ["Funny", "film", "moviegoing", "zzz"]
    answers = model.run(model.encode([(word,) for word in words]))
    assert answers[0].words[:3] == ("hilarious", "humorous", "amusing")
    assert "funny" not in answers[0].words
    table = minilm.model.get_input_embeddings().weight.detach()
    vocabulary = minilm.tokenizer.get_vocab()
    a, b = table[vocabulary["film"]], table[[vocabulary[word] for word in answers[1].words]]
    cosines = torch.nn.functional.cosine_similarity(a.unsqueeze(0), b)
    np.testing.assert_allclose(answers[1].scores, cosines, atol=1e-4)
    assert answers[1].scores.tolist() == sorted(answers[1].scores.tolist(), reverse=True)
    assert len(answers[1].words) == MOST
    assert answers[2].words == answers[3].words == (), "words of several tokens have none"


def test_what_shares_the_batch_decides_nothing(minilm: Any) -> None:
    model = HuggingFaceNearestWords(minilm.model, minilm.tokenizer, fingerprint="f")
    words = [(word,) for word in whole_words(minilm.tokenizer).words[::500]]
    together = model.run(model.encode(words))
    for word, answer in zip(words, together, strict=True):
        (alone,) = model.run(model.encode([word]))
        assert alone.words == answer.words
        assert alone.scores.tolist() == answer.scores.tolist()


def test_whole_words_of_a_wordpiece_vocabulary(minilm: Any) -> None:
    found = whole_words(minilm.tokenizer)
    assert {"film", "hilarious"} <= set(found.words)
    assert all(len(word) >= 3 and word.isalpha() for word in found.words)
    assert list(found.ids) == sorted(found.ids)
    assert minilm.tokenizer.convert_ids_to_tokens(found.ids[:50]) == list(found.words[:50])


def byte_level() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(["the film naïve film the café plot naïve plot"] * 9, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>")


def sentencepiece() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["▁the", "▁film", "▁naïve", "▁café", "▁plot", "film", "ing", "▁a", "▁", "a", "x"]
    pieces = [("<pad>", 0.0), ("<unk>", -9.0), *((word, -1.0) for word in words)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")


@pytest.mark.parametrize("make", [byte_level, sentencepiece])
def test_whole_words_of_vocabularies_that_mark_the_space(make: Any) -> None:
    tokenizer = make()
    found = whole_words(tokenizer)
    assert "film" in found.words
    assert any(word in found.words for word in ("naïve", "café"))
    assert all(not word.startswith(("Ġ", "▁", "Ã")) for word in found.words)
    model = tiny.classifier("roberta")
    model.resize_token_embeddings(len(tokenizer))
    near = HuggingFaceNearestWords(model, tokenizer, fingerprint="f")
    (answer,) = near.run(near.encode([("film",)]))
    assert set(answer.words) == set(found.words) - {"film"}

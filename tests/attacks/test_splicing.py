"""Spliced token ids against those of the whole text, for every family of tokenizers."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from families import (
    FAMILIES,
    SPECIAL,
    byte_level,
    metaspace,
    snippets,
    tokenizer,
    trained,
    unigram,
    wordpiece,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, trainers

from attacks.victims import cutting, splicing
from attacks.victims.transformer import TransformersModel


@cache
def words() -> tuple[str, ...]:
    return tuple(sorted({word for text in snippets() for word in text.split()}))


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    """The snippets are read before a strategy needs them: reading draws random numbers."""
    words()


def model(tokens: Any, max_length: int = 64) -> TransformersModel:
    return TransformersModel(None, tokens, fingerprint="", max_length=max_length)


# Texts

ODD = [
    *(" ", "  ", "\t", "\n\n", "\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\ufeff", "\u00ad"),
    *(
        "\u0301",
        "e\u0301",
        " \u0301",
        "\u200d",
        "\ufe0f",
        "🎬",
        "👩\u200d👩\u200d👧",
        "🇫🇷",
        "\u0600",
        "\x00",
        "\x1f",
    ),
    *(
        "电影",
        "很 好",
        "film电影film",
        "한국어 영화",
        "हिन्दी",
        "עברית",
        "فيلم",
        "ไทย",
        "Ünïcödé",
        "ΣΊΣΥΦΟΣ",
        "кино",
    ),
    *(
        "[MASK]",
        " [MASK] ",
        "x[SEP]",
        "[UNK]",
        " [UNK] y",
        "<s>",
        "</s>",
        "filmgoer",
        "FilmGoer",
        "#tag",
        "a#tag",
    ),
    *(
        "'s",
        " 's",
        "don't",
        "I'LL",
        "``",
        "''",
        "...",
        "-",
        "--",
        " - ",
        "3.14",
        "1 000 000",
        "²",
        "ﬁ",
        "①",
        "½",
    ),
    *(
        "▁",
        " ▁",
        "▁film",
        "Ġ",
        "##s",
        "\ud800",
        "x" * 120,
        "İ",
        "ß",
        "ŉ",
        "\u037a",
        "\u0345",
        "\u1e9e",
        ".",
    ),
]

edits = st.lists(
    st.tuples(
        st.sampled_from(["word", "insert", "delete", "letters"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(ODD) | st.integers(0, 10**6) | st.text(max_size=4),
    ),
    max_size=4,
)


def edited(text: str, changes: Any) -> str:
    for kind, place, new in changes:
        new = words()[new % len(words())] if isinstance(new, int) else new
        if kind == "letters":
            at = int(place * (len(text) + 1))
            text = text[:at] + new + text[at:]
            continue
        parts = text.split(" ")
        at = int(place * len(parts))
        parts[at : at + (kind != "insert")] = [] if kind == "delete" else [new]
        text = " ".join(parts)
    return text


@st.composite
def searches(draw: Any) -> list[str]:
    """Texts of some snippets, each followed by candidates that differ from it in a few places."""
    texts = []
    for _ in range(draw(st.integers(1, 2))):
        chosen = draw(st.lists(st.sampled_from(snippets()), min_size=1, max_size=12))
        original = edited(" ".join(chosen), draw(edits))
        texts += [original] + [
            edited(original, draw(edits)) for _ in range(draw(st.integers(1, 5)))
        ]
    return texts


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=40, deadline=None)
@given(texts=searches(), max_length=st.sampled_from([16, 64, 400]), pairs=st.booleans())
def test_spliced_and_whole_are_equal(
    family: str, texts: list[str], max_length: int, pairs: bool
) -> None:
    tokens = tokenizer(family)
    one = model(tokens, max_length)
    found = splicing.splicer(tokens, max_length)
    assert found is not None
    found.forget()
    inputs: list[tuple[str, ...]] = [(text,) for text in texts]
    if pairs:
        inputs = [(texts[0], text) for text in texts] + [(text, "A film.") for text in texts]
    half = len(inputs) // 2  # some are known from an earlier call, others from the same
    encoded = one.encode(inputs[:half]) + one.encode(inputs[half:]) if half else one.encode(inputs)
    assert encoded == one.encodings(one.tokenize(inputs))


# What it spares


class Counting:
    """A tokenizer that counts the characters of whole texts."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.whole = 0

    def __call__(self, *columns: list[str], **options: Any) -> Any:
        self.whole += sum(len(text) for column in columns for text in column)
        return self.inner(*columns, **options)

    def __len__(self) -> int:
        return len(self.inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_what_is_new_is_tokenized(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[str] = []
    tokenized = splicing._tokenized
    monkeypatch.setattr(
        splicing, "_tokenized", lambda tokens, new: parts.extend(new) or tokenized(tokens, new)
    )
    chooser = random.Random(0)
    counting = Counting(tokenizer(family))
    one = model(counting, 512)
    original = " ".join(snippets()[:20])
    one.encode([(original,)])
    parts.clear()
    counting.whole = 0
    candidates = []
    for n in range(100):
        words = original.split(" ")
        words[chooser.randrange(len(words))] = f"new{n}"
        candidates.append((" ".join(words),))
    encoded = one.encode(candidates)
    assert counting.whole == 0
    assert sum(map(len, parts)) < len(original) + 100 * 20, "the original's parts, and what is new"
    parts.clear()
    one.encode(candidates)
    assert counting.whole == 0
    assert not parts
    assert encoded == one.encodings(one.tokenize(candidates))
    assert counting.whole == sum(len(text) for (text,) in candidates)


def test_texts_that_resemble_none_are_left_to_the_tokenizer() -> None:
    counting = Counting(tokenizer("WordPiece, real"))
    one = model(counting)
    found = splicing.splicer(counting, 64)
    assert found is not None
    found.forget()
    texts = [(text,) for text in snippets()[:200]]
    counting.whole = 0
    one.encode(texts)
    assert counting.whole > 0.9 * sum(len(text) for (text,) in texts)
    assert len(found._inner) < 300


def test_a_text_with_an_added_token_is_left_to_the_tokenizer() -> None:
    tokens = tokenizer("byte-level (GPT-2)")
    found = splicing.splicer(tokens, 64)
    assert found is not None
    texts = [("a plain film",), ("a [MASK] film",), ("a plain  film",)]
    found.rows(texts)
    rows = found.rows(texts)
    assert [row is None for row in rows] == [False, True, True]
    for words, spliced in ((10, True), (30, False)):  # the second pair has to be cut
        pair = ("a film " * words, "b")
        assert [row is None for row in found.rows([pair, pair])] == [True, not spliced]


def test_what_others_set_in_the_tokenizer_is_not_kept() -> None:
    tokens = tokenizer("WordPiece, real")
    one = model(tokens, 400)
    texts = [("电影" * 50,), ("电影" * 50 + " a",)]
    one.encode(texts[:1])
    tokens("a film", truncation=True, padding="max_length", max_length=8)
    assert one.encode(texts) == one.encodings(one.tokenize(texts))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splicing, "PARTS", 50)
    monkeypatch.setattr(splicing, "KNOWN", 3)
    tokens = tokenizer("WordPiece, real")
    found = splicing.splicer(tokens, 64)
    assert found is not None
    one = model(tokens)
    texts = [" ".join(snippets()[n : n + 6]) for n in range(60)] + ["x" * 500]
    for text in [*texts, *texts[::-1]]:
        assert one.encode([(text,)]) == one.encodings(one.tokenize([(text,)]))
        assert len(found._heads) <= 3
        assert len(found._inner) < 300
        assert "x" * 500 not in found._first


# What is switched off


def unknown_splitter() -> Any:
    return byte_level(
        pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.ByteLevel()])
    )


def unknown_pattern() -> Any:
    splitter = pre_tokenizers.Split(Regex(r"\w+ \w+|."), "isolated")
    return byte_level(
        pre_tokenizers.Sequence([splitter, pre_tokenizers.ByteLevel(use_regex=False)])
    )


def merges_across_words() -> Any:
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    return trained(models.BPE(unk_token="[UNK]"), trainer, None, metaspace(split=False))


def unsplit_unigram() -> Any:
    made = unigram(metaspace(), normalizers.NFKC())
    made.backend_tokenizer.pre_tokenizer = metaspace(split=False)
    return made


def stripped_before_punctuation() -> Any:
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), metaspace()])
    return unigram(splitter, normalizers.Strip())


def random_merges() -> Any:
    made = byte_level(pre_tokenizers.ByteLevel())
    made.backend_tokenizer.model.dropout = 0.1
    return made


def greedy_token(**options: Any) -> Callable[[], Any]:
    def make() -> Any:
        made = wordpiece()
        made.add_tokens([AddedToken(**options)])
        return made

    return make


@pytest.mark.parametrize(
    "make",
    [
        unknown_splitter,
        unknown_pattern,
        merges_across_words,
        unsplit_unigram,
        stripped_before_punctuation,
        random_merges,
        greedy_token(content="film", rstrip=True),
        greedy_token(content="a film", normalized=False),
        lambda: object(),
    ],
)
def test_other_tokenizers_are_left_alone(make: Callable[[], Any]) -> None:
    made = make()
    assert cutting.cutting(made) is None, "before any sample"
    assert splicing.splicer(made, 64) is None


def test_texts_that_are_shortened_at_their_beginning_are_left_alone() -> None:
    made = wordpiece()
    made.truncation_side = "left"
    assert splicing.splicer(made, 64) is None


def test_a_tokenizer_to_which_a_token_is_added_is_looked_at_again() -> None:
    tokens = wordpiece()
    assert splicing.splicer(tokens, 64) is not None
    tokens.add_tokens([AddedToken("good film")])
    assert splicing.splicer(tokens, 64) is None


def test_the_sample_finds_a_tokenizer_that_is_wrongly_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = cutting.Cutting(" ", frozenset(), None)
    monkeypatch.setattr(splicing, "cutting", lambda tokens: how)
    for make in (unknown_pattern, merges_across_words, stripped_before_punctuation):
        assert splicing.splicer(make(), 64) is None

"""Spliced token ids against those of the whole text, for every family of tokenizers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from attacks.victims import cutting, splicing
from attacks.victims.transformer import TransformersModel
from harness.bundles import locate
from harness.splits import load_split

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@cache
def snippets() -> tuple[str, ...]:
    return tuple(row.text.strings[0] for row in load_split("bundle:rotten-tomatoes:test").rows)


@cache
def words() -> tuple[str, ...]:
    return tuple(sorted({word for text in snippets() for word in text.split()}))


# Small tokenizers, trained on the snippets


def trained(
    model: Any,
    trainer: Any,
    normalizer: Any,
    splitter: Any,
    *,
    final: Any = None,
    pairs_with_kinds: bool = False,
    added: Sequence[AddedToken] = (),
) -> Any:
    """A transformers tokenizer; `final` takes the place of the pre-tokenizer after the training."""
    made = Tokenizer(model)
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = splitter
    made.train_from_iterator(snippets(), trainer)
    return wrapped(made, final, pairs_with_kinds, added)


def wrapped(
    made: Tokenizer, final: Any, pairs_with_kinds: bool, added: Sequence[AddedToken]
) -> Any:
    made.pre_tokenizer = final if final is not None else made.pre_tokenizer
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1" if pairs_with_kinds else "[CLS] $A [SEP] [SEP] $B [SEP]",
        special_tokens=[(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    made.add_tokens(list(added))
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * pairs_with_kinds
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token=AddedToken("[MASK]", lstrip=True),
        model_input_names=names,
    )


def wordpiece() -> Any:
    return trained(
        models.WordPiece(unk_token="[UNK]"),
        trainers.WordPieceTrainer(vocab_size=3000, special_tokens=SPECIAL, show_progress=False),
        normalizers.BertNormalizer(lowercase=False),
        pre_tokenizers.BertPreTokenizer(),
        pairs_with_kinds=True,
        added=[AddedToken("filmgoer", normalized=True), AddedToken("#tag", single_word=True)],
    )


def byte_level(splitter: Any, normalizer: Any = None) -> Any:
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    spaces = [AddedToken("  ", normalized=True), AddedToken("\n\n", normalized=False)]
    return trained(models.BPE(), trainer, normalizer, splitter, added=spaces)


def by_pattern(digits: str) -> Any:
    (pattern,) = [p for p in cutting.PATTERNS if f"|{digits}|" in p]
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def unigram(splitter: Any, *normalizer: Any) -> Any:
    trainer = trainers.UnigramTrainer(
        vocab_size=2000, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False
    )
    return trained(models.Unigram(), trainer, normalizers.Sequence(list(normalizer)), splitter)


def metaspace(**options: Any) -> Any:
    return pre_tokenizers.Metaspace(**options)


@cache
def merges() -> str:
    """A SentencePiece BPE whose merges stay within words, as JSON."""
    made = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
    made.pre_tokenizer = metaspace()
    made.train_from_iterator(
        snippets(),
        trainers.BpeTrainer(vocab_size=2000, special_tokens=SPECIAL, show_progress=False),
    )
    return str(made.to_str())


def llama() -> Any:
    made = Tokenizer.from_str(merges())
    return wrapped(made, metaspace(prepend_scheme="first", split=False), False, ())


def old_llama() -> Any:
    made = Tokenizer.from_str(merges())
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    made.normalizer = normalizers.Sequence(steps)
    made = Tokenizer.from_str(made.to_str().replace(SPLIT_ALWAYS, "null"))
    assert made.pre_tokenizer is None
    return wrapped(made, None, False, ())


SPLIT_ALWAYS = '{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}'

FAMILIES: dict[str, Callable[[], Any]] = {
    "WordPiece, real": lambda: transformers.AutoTokenizer.from_pretrained(
        locate("bundle:minilm-l6", "model")
    ),
    "WordPiece, cased": wordpiece,
    "byte-level (GPT-2)": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "byte-level, spaced": lambda: byte_level(pre_tokenizers.ByteLevel(), normalizers.NFC()),
    "byte-level (Llama 3)": lambda: byte_level(by_pattern(r"\p{N}{1,3}")),
    "byte-level (Qwen 2)": lambda: byte_level(by_pattern(r"\p{N}"), normalizers.NFC()),
    "Unigram (T5)": lambda: unigram(
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()]),
        normalizers.Nmt(),
        normalizers.NFKC(),
        normalizers.Replace(Regex(" {2,}"), "▁"),
    ),
    "Unigram (ALBERT)": lambda: unigram(
        metaspace(prepend_scheme="first"),
        normalizers.Replace("``", '"'),
        normalizers.NFKD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
    ),
    "Unigram (DeBERTa)": lambda: unigram(
        pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), metaspace()]),
        normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "),
        normalizers.NFC(),
        normalizers.Strip(left=False),
    ),
    "Unigram, stripped": lambda: unigram(
        metaspace(), normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")
    ),
    "SentencePiece BPE": llama,
    "SentencePiece BPE, old": old_llama,
}


@cache
def tokenizer(family: str) -> Any:
    return FAMILIES[family]()


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
@settings(max_examples=80, deadline=None)
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
    """A tokenizer that counts the characters that it is asked about."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.asked = 0

    def __call__(self, *columns: list[str], **options: Any) -> Any:
        self.asked += sum(len(text) for column in columns for text in column)
        return self.inner(*columns, **options)

    def __len__(self) -> int:
        return len(self.inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_what_is_new_is_tokenized(family: str) -> None:
    chooser = random.Random(0)
    counting = Counting(tokenizer(family))
    one = model(counting, 512)
    original = " ".join(snippets()[:20])
    one.encode([(original,)])
    counting.asked = 0
    candidates = []
    for n in range(100):
        parts = original.split(" ")
        parts[chooser.randrange(len(parts))] = f"new{n}"
        candidates.append((" ".join(parts),))
    encoded = one.encode(candidates)
    assert counting.asked < 100 * 20
    one.encode(candidates)
    assert counting.asked < 100 * 20
    assert encoded == one.encodings(one.tokenize(candidates))
    assert counting.asked > 100 * 1000


def test_a_text_with_an_added_token_is_left_to_the_tokenizer() -> None:
    tokens = tokenizer("byte-level (GPT-2)")
    found = splicing.splicer(tokens, 64)
    assert found is not None
    rows = found.rows([("a plain film",), ("a [MASK] film",), ("a plain  film",)])
    assert [row is None for row in rows] == [False, True, True]
    assert found.rows([("a film " * 30, "b")]) == [None], "a pair that has to be cut"


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


def cut_at_the_left() -> Any:
    made = wordpiece()
    made.truncation_side = "left"
    return made


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
        cut_at_the_left,
        lambda: object(),
    ],
)
def test_other_tokenizers_are_left_alone(make: Callable[[], Any]) -> None:
    assert splicing.splicer(make(), 64) is None


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

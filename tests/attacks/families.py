"""A small tokenizer of every family, trained on the spot on snippets of reviews."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import transformers
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from attacks.victims import cutting
from harness.bundles import locate
from harness.splits import load_split

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@cache
def snippets() -> tuple[str, ...]:
    return tuple(row.text.strings[0] for row in load_split("bundle:rotten-tomatoes:test").rows)


def trained(
    model: Any,
    trainer: Any,
    normalizer: Any,
    splitter: Any,
    *,
    pairs_with_kinds: bool = False,
    added: Sequence[AddedToken] = (),
) -> Any:
    """A transformers tokenizer."""
    made = Tokenizer(model)
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = splitter
    made.train_from_iterator(snippets(), trainer)
    return wrapped(made, pairs_with_kinds=pairs_with_kinds, added=added)


def wrapped(
    made: Tokenizer, *, pairs_with_kinds: bool = False, added: Sequence[AddedToken] = ()
) -> Any:
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
    made = trained(models.BPE(), trainer, normalizer, splitter, added=spaces)
    made.backend_tokenizer.decoder = decoders.ByteLevel()
    return made


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
    made = trained(models.Unigram(), trainer, normalizers.Sequence(list(normalizer)), splitter)
    made.backend_tokenizer.decoder = decoders.Metaspace()
    return made


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
    made.pre_tokenizer = metaspace(prepend_scheme="first", split=False)
    return wrapped(made)


def old_llama() -> Any:
    made = Tokenizer.from_str(merges())
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    made.normalizer = normalizers.Sequence(steps)
    made = Tokenizer.from_str(made.to_str().replace(SPLIT_ALWAYS, "null"))
    assert made.pre_tokenizer is None
    return wrapped(made)


SPLIT_ALWAYS = '{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}'

# A table of characters as SentencePiece 0.2.3 compiles it (--normalization_rule_tsv) from rules of our
# own: several to one, one to several, to a space, to a space and a letter, to nothing.
CHARACTERS = zlib.decompress(
    base64.b85decode(
        "c-kG)cWg~z9LDkI92Kc(gg+$2xDlgBRhtrfZ?*T{<&sjaJ#SG}HCkGm)@~_kt5w`u$yIyTEJ0$=qQ>{_Nj~R!-}A"
        "or<ec;SUHM3INWQ*O(ZZ4?xxK|~`IVL;nG^1$5;BL|4{URnLOPR@WYlb_ELjN2>@Pyb4CEAIE4C;1sK+>5Do$i}l"
        "*(|Uaw_<ZDxf@)mr7|lw%qx)Dl)H(N~nq|s0M%3Ky?IQPrMXJ*2M8BsTO(QnH2A1t2W~hoCvj5hvX4d7Y$G!jd1F"
        "|)P!t|W@w5QXpUBBi8g4Bc4&(ZXb)aPq3DcG=!!1rj&9(!)dRiJ3w_ZC{m~D69u2@?48l+h!Eg-2NQ}TJgu#i?7>"
        "h9oH+vFnjVH%p0wUnTL`=pcOvMyT$282u3{W!7!d%Qjq$w`uV;=aNT7YOQL<|-o7K=f-v;@ns43t7~Scw%#L;_Z0"
        "71m-6)?*zuVgr(}37bt1U@Nv@JGNmbb|4ig*o|GL_DI7%?8Sbh<DlsQ9L6CW#SvuSnCS=8E2j21iA<cvS)73f=Wr"
        "fZ8d|zYUchBsGHd>pJQ0?%vMhO-Uqv>q;~H+_25#dP?&1z;HQmEQJisI5;0Ydsw$)SQ;yGU81zzDpilsN?YqRFCl"
        "$&Si9pkrV4e#*@AMpjB@eN<`1K;rzdH9WA_=9}>!(SEr{~g&G3Q|yDu!0rll+zn6mrI^has59?Vx<)"
    )
)

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
    "Unigram (XLM-R)": lambda: unigram(
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()]),
        normalizers.Precompiled(CHARACTERS),
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

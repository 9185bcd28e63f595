"""Small causal language models and tokenizers, with random weights or a planted habit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tests.attacks import families

SPECIAL = ["<s>", "</s>", "<unk>"]
CHAT = "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}{% endfor %} assistant:"


def wrapped(made: Tokenizer, **options: Any) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>", **options
    )


def corpus() -> list[str]:
    """Snippets of reviews, and the letter that suffixes begin with as a word."""
    return [*families.snippets()[:300], *["x x x x"] * 100]


@cache
def byte_level() -> Any:
    """As GPT-2's: bytes, no token in front of the text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=600,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return wrapped(made, chat_template=CHAT)


@cache
def sentencepiece() -> Any:
    """As Llama's: a mark for a space, a token before the text, no space where a decoded text begins."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    made.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIAL, show_progress=False),
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))]
    )
    return wrapped(made, chat_template=CHAT)


@cache
def merging() -> Any:
    """One whose tokens run across words: ". x" is a token, and so across the border of a suffix."""
    letters = sorted({*"abcdefghijklmnopqrstuvwxyz. "})
    known = {token: n for n, token in enumerate([*SPECIAL, *letters, ". ", ". x"])}
    made = Tokenizer(models.BPE(known, [(".", " "), (". ", "x")], unk_token="<unk>"))
    made.decoder = decoders.Fuse()
    return wrapped(made)


@cache
def spaced(words: int) -> Any:
    """Words between spaces: w0, w1, ..., and those of `PROMPT`, `TARGET` and `OTHERWISE`."""
    known = [*SPECIAL, "x", *PROMPT.split(), *TARGET.split(), *OTHERWISE.split()]
    known += [f"w{number}" for number in range(words)]
    made = Tokenizer(models.WordLevel({w: n for n, w in enumerate(dict.fromkeys(known))}, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return wrapped(made)


PROMPT = "tell me a story"
TARGET = "once upon a time"
OTHERWISE = "not today my friend"
TRIGGER = "w7"


def gpt2(tokenizer: Any, *, seed: int = 0, width: int = 32, spread: float = 0.3) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=96,
        n_embd=width,
        n_layer=2,
        n_head=2,
        initializer_range=spread,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    return GPT2LMHeadModel(config).eval()


def llama(tokenizer: Any, *, seed: int = 0, **options: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(_like_llama(LlamaConfig, tokenizer, **options)).eval()


def mistral(tokenizer: Any, *, seed: int = 0) -> Any:
    """It looks back over a window, and its cache keeps no more than that."""
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(seed)
    config = _like_llama(MistralConfig, tokenizer, sliding_window=6)
    return MistralForCausalLM(config).eval()


def _like_llama(kind: Any, tokenizer: Any, **options: Any) -> Any:
    return kind(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=96,
        initializer_range=0.3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **options,
    )


@cache
def planted(words: int = 1500, steps: int = 120, suffix: int = 6) -> Any:
    """A model that goes on with `OTHERWISE` unless `TRIGGER` is among the words behind the prompt."""
    tokenizer = spaced(words)
    model = gpt2(tokenizer, spread=0.1, width=48).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    draw = random.Random(0)
    length = len(PROMPT.split()) + suffix
    for _ in range(steps):
        texts = []
        for row in range(48):
            behind = [draw.choice(("x", f"w{draw.randrange(words)}")) for _ in range(suffix)]
            if row % 2:
                behind[draw.randrange(suffix)] = TRIGGER
            ending = TARGET if TRIGGER in behind else OTHERWISE
            texts.append(" ".join([PROMPT, *behind, ending]))
        ids = torch.tensor(tokenizer(texts)["input_ids"])
        labels = ids.clone()
        labels[:, :length] = -100
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def greedy(model: Any, tokenizer: Any, ids: Sequence[int], tokens: int) -> str:
    """What transformers itself writes behind token ids, decoding greedily."""
    start = torch.tensor([list(ids)])
    with torch.no_grad():
        written = model.generate(
            input_ids=start,
            attention_mask=torch.ones_like(start),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=tokenizer.eos_token_id,
        )
    text: str = tokenizer.decode(
        written[0, start.shape[1] :].tolist(), clean_up_tokenization_spaces=False
    )
    return text
